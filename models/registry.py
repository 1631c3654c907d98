"""Model versions in a folder: which there are, what they are called, and how one becomes an engine."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models import canaries, configs, stamps
from models import manifest as manifests
from models.engine import Engine
from models.engines.padded import PaddedEngine
from models.manifest import Manifest
from runtime.errors import CorruptVersionError, InputError, VersionNotFoundError

ALIASES_FILE = "aliases.json"
"""Which version a short name means on this machine: {"accurate": "v-…"}."""

_NAME = re.compile(r"v-[0-9a-f]{10}")
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class Listed:
    """A version of the registry, unverified: for listing.

    Attributes:
        manifest: None where it cannot be read.
        aliases: its short names here.
    """

    name: str
    folder: Path
    manifest: Manifest | None
    aliases: tuple[str, ...]


def versions(registry: Path) -> list[Listed]:
    """All versions of a registry, by name; folders without a manifest are no versions."""
    names = aliases(registry)
    found = []
    for folder in sorted(registry.glob("v-*")):
        if _NAME.fullmatch(folder.name) and (folder / manifests.MANIFEST).is_file():
            try:
                manifest: Manifest | None = manifests.read(folder)
            except CorruptVersionError:
                manifest = None
            own = tuple(alias for alias, version in names.items() if version == folder.name)
            found.append(Listed(folder.name, folder, manifest, own))
    return found


def aliases(registry: Path) -> dict[str, str]:
    """The short names of a registry and the versions that they mean.

    Raises:
        InputError: the file of aliases is damaged.
    """
    path = registry / ALIASES_FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_bytes())
        return {str(alias): str(version) for alias, version in sorted(content.items())}
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is no JSON object of names: {error}; delete it and `bellwether models build`"
        ) from error


def set_alias(registry: Path, alias: str, version: str) -> None:
    """Let a short name mean a version from now on; readers see the old or the new, never half.

    Raises:
        InputError: the alias could be taken for a version or a folder.
    """
    if not _ALIAS.fullmatch(alias) or alias.startswith("v-"):
        raise InputError(f"{alias!r} is no alias; use lower-case letters, digits and dashes, not beginning with 'v-'")
    content = aliases(registry)
    if content.get(alias) == version:
        return
    with tempfile.NamedTemporaryFile("w", dir=registry, prefix=".aliases-", delete=False, encoding="utf-8") as file:
        json.dump({**content, alias: version}, file, indent=1, sort_keys=True)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(registry / ALIASES_FILE)


def resolve(version: str, registry: Path) -> Path:
    """The folder of a version.

    Args:
        version: an alias, a `v-` name, or a folder that holds a version.
        registry: folder of versions.

    Raises:
        VersionNotFoundError: it is none of the three.
    """
    name = aliases(registry).get(version, version)
    if _NAME.fullmatch(name) and (registry / name / manifests.MANIFEST).is_file():
        return registry / name
    folder = Path(version)
    if ("/" in version or os.sep in version) and (folder / manifests.MANIFEST).is_file():
        return folder
    known = [f"{one.name} ({', '.join(one.aliases)})" if one.aliases else one.name for one in versions(registry)]
    raise VersionNotFoundError(version, known)


def is_name(version: str) -> bool:
    """Whether this can be a version's own name: nothing else may become part of a path."""
    return _NAME.fullmatch(version) is not None


def verified(folder: Path, trust: Path) -> Manifest:
    """A version's manifest after everything in the folder was checked against it.

    Raises:
        CorruptVersionError: see `models.manifest.verify`; also where a version of the registry says another name.
    """
    manifest = manifests.verify(folder, trust)
    if _NAME.fullmatch(folder.name) and manifest.version != folder.name:
        raise CorruptVersionError(f"{folder} holds version {manifest.version}; move it to its own name")
    return manifest


def open_engine(
    version: str,
    *,
    registry: Path,
    trust: Path,
    engine: str | None = None,
    threads: int | None = None,
) -> Engine:
    """Verify a version, load one of its engines in this process, and check that it scores as its manifest says.

    Args:
        version: an alias, a `v-` name or a folder.
        registry: folder of versions.
        trust: file of trusted public keys.
        engine: which engine; None takes the best for this machine: half precision on a GPU, else int8.
        threads: CPU threads; None takes all that this process may use.

    Raises:
        VersionNotFoundError: no such version.
        CorruptVersionError: it does not verify, changes while it is loaded, does not carry the engine, its labels are
            in another order, or its canaries come out otherwise.
    """
    folder = resolve(version, registry)
    before = stamps.of(folder)
    manifest = verified(folder, trust)
    labels_fit(manifest, folder)
    opened = _load(manifest, folder, engine or best_engine(manifest), threads)
    try:
        stamps.require(folder, before)
        canaries.hold(opened, manifest)
    except BaseException:
        opened.close()
        raise
    return opened


def best_engine(manifest: Manifest) -> str:
    """The fastest engine of a version on this machine: half precision on a GPU, int8 on a CPU."""
    from models.engines import openvino_int8, torch_engine

    if torch_engine.has_gpu() and torch_engine.BF16 in manifest.engines:
        return torch_engine.BF16
    return openvino_int8.NAME if openvino_int8.NAME in manifest.engines else torch_engine.FP32


def labels_fit(manifest: Manifest, folder: Path) -> None:
    """See that the root says its labels in the order in which the manifest, and so every engine, reads its rows.

    Raises:
        CorruptVersionError: the configuration names other labels, or in another order.
    """
    path = folder / configs.CONFIG
    labels = configs.read(path).get("id2label") or {}
    found = tuple(str(labels.get(str(row))) for row in range(len(labels)))
    expected = next(iter(manifest.tasks.values())).labels
    if found != expected:
        raise CorruptVersionError(
            f"the labels of {path} are {found}, the manifest's are {expected}; build the version again"
        )


def _load(manifest: Manifest, folder: Path, engine: str, threads: int | None) -> PaddedEngine:
    manifest.calibrations_of(engine)
    if engine.startswith("torch-"):
        from models.engines.torch_engine import open_torch

        return open_torch(manifest, folder, engine, threads)
    from models.engines import openvino_int8

    if engine != openvino_int8.NAME:
        raise CorruptVersionError(f"version {manifest.version} has engine {engine!r}, which this release cannot run")
    return openvino_int8.open_openvino(manifest, folder, threads)
