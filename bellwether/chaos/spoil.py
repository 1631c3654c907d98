"""Versions that must never serve: one of this machine's, spoilt in one way, and put into a store past all checks."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np

from models import keys, manifest
from models.manifest import MANIFEST, SIGNATURE, FileEntry, Manifest
from models.publish import manifest_path, signatures_in, tree_of
from models.store import Store
from runtime.errors import InputError

CANARY = "ran.txt"
"""File beside the spoilt folder that code from a version would make."""

_INT8 = Path("engines", "openvino-int8")
_WEIGHTS, _GRAPH = _INT8 / "model.ov", _INT8 / "model.xml"
_CONSTANT = re.compile(rb'<data element_type="f32"[^>]*? offset="(\d+)" size="(\d+)"')


@dataclass(frozen=True)
class Kind:
    """One way to spoil a version.

    Attributes:
        reason: what a worker has to say of it; a regular expression.
        inside: done to the folder before it is signed: by one of us who means harm, or by a mistake.
        facts: done to what is signed.
        outside: done to the folder after it was signed: on the way, or by a broken disk.
        is_ours: signed with this machine's key, which the workers trust.
    """

    reason: str
    inside: Callable[[Path], None] = lambda _: None
    facts: Callable[[Manifest], Manifest] = lambda facts: facts
    outside: Callable[[Path], None] = lambda _: None
    is_ours: bool = True


class _Runs:
    """Unpickling it makes the canary file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self._path,))


def _cut(folder: Path) -> None:
    content = (folder / _WEIGHTS).read_bytes()
    (folder / _WEIGHTS).write_bytes(content[: len(content) // 2])


def _flip(folder: Path) -> None:
    content = bytearray((folder / _WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / _WEIGHTS).write_bytes(content)


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _nan(folder: Path) -> None:
    """The last layer's bias in the int8 graph, and all of full precision: every answer is no number then.

    Other constants will not do: before each product OpenVINO makes integers of what comes, of NaN too.
    """
    from safetensors.numpy import load_file, save_file

    content = bytearray((folder / _WEIGHTS).read_bytes())
    classes = sum(len(task.labels) for task in manifest.read(folder).tasks.values())
    nothing = np.full(classes, np.nan, dtype=np.float32).tobytes()
    for offset, size in _CONSTANT.findall((folder / _GRAPH).read_bytes()):
        if int(size) == len(nothing):
            content[int(offset) : int(offset) + len(nothing)] = nothing
    (folder / _WEIGHTS).write_bytes(content)
    weights = load_file(folder / "model.safetensors")
    save_file({name: np.full_like(one, np.nan) for name, one in weights.items()}, folder / "model.safetensors")


def _other_config(folder: Path) -> None:
    """Full precision reads the root's labels there: they agree with the manifest's, so only canaries can tell."""
    path = folder / "config.json"
    config = json.loads(path.read_bytes())
    labels = [label for _, label in sorted(config["id2label"].items(), reverse=True)]
    config["id2label"] = {str(number): label for number, label in enumerate(labels)}
    config["label2id"] = {label: number for number, label in enumerate(labels)}
    path.write_text(json.dumps(config), encoding="utf-8")


def _other_order(facts: Manifest) -> Manifest:
    tasks = {
        name: msgspec.structs.replace(task, labels=tuple(reversed(task.labels))) for name, task in facts.tasks.items()
    }
    return msgspec.structs.replace(facts, tasks=tasks)


def _pickle(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Runs(folder.parent / CANARY)))


def _python(folder: Path) -> None:
    (folder / "helper.py").write_text(f"from pathlib import Path\nPath({str(folder.parent / CANARY)!r}).touch()\n")


def _bad_signature(folder: Path) -> None:
    algorithm, key, signature = (folder / SIGNATURE).read_text(encoding="ascii").split()
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    (folder / SIGNATURE).write_text(f"{algorithm} {key} {flipped}\n", encoding="ascii")


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "truncated": Kind("does not match its digest", outside=_cut),
        "flipped-bit": Kind("does not match its digest", outside=_flip),
        "missing-tokenizer": Kind(r"tokenizer\.json", inside=_no_tokenizer),
        "labels-order": Kind("scores a canary", inside=_other_config, facts=_other_order),
        "nan-weights": Kind("canar", inside=_nan),
        "pickle": Kind(r"pytorch_model\.bin", inside=_pickle),
        "bad-signature": Kind("was changed after key", outside=_bad_signature),
        "unknown-key": Kind("does not trust", is_ours=False),
        "extra-py": Kind(r"helper\.py", inside=_python),
    }
)


def name_of(kind: str) -> str:
    """The name under which a spoilt version is published."""
    return f"v-{sha256(kind.encode()).hexdigest()[:10]}"


def put(kind: str, healthy: Path, store: Store, keys_folder: Path, place: Path) -> str:
    """Spoil a copy of a version and write it into a store, object by object.

    Args:
        kind: of `KINDS`.
        healthy: the version's folder.
        store: where it goes.
        keys_folder: with this machine's key.
        place: where the copy is made; code from the version would leave `CANARY` there.

    Returns:
        its name.

    Raises:
        InputError: no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"nobody spoils a version by {kind!r}; known: {', '.join(KINDS)}")
    how, name = KINDS[kind], name_of(kind)
    folder = place / name
    shutil.copytree(healthy, folder)
    how.inside(folder)
    (folder / MANIFEST).unlink()
    (folder / SIGNATURE).unlink()
    facts = manifest.read(healthy)
    facts = how.facts(msgspec.structs.replace(facts, version=name, files=_described(folder)))
    with tempfile.TemporaryDirectory() as stranger:
        signer = keys_folder if how.is_ours else Path(stranger)
        key = keys.public_of(signer) if how.is_ours else keys.ensure(signer)
        manifest.write_signed(folder, facts, signer)
    how.outside(folder)
    payload = (folder / MANIFEST).read_bytes()
    tree = tree_of(name, payload)
    for file in facts.files:
        store.create(f"{tree}/{file}", folder / file)
    store.create(f"{signatures_in(tree)}/{key.id}", (folder / SIGNATURE).read_bytes())
    store.create(manifest_path(name), payload)
    return name


def _described(folder: Path) -> dict[str, FileEntry]:
    """Every file, also those that no version may hold."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileEntry(manifest.digest(path), path.stat().st_size) for path in files
    }
