"""What a version says about itself, signed, and the check that its folder holds exactly that."""

from __future__ import annotations

import stat
import tempfile
from hashlib import file_digest
from pathlib import Path
from typing import Any

import msgspec

from models import configs, contents, graph, keys
from models.engine import Task
from runtime.errors import CorruptVersionError, ModelError

FORMAT = 2
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
"""A manifest has about 20 KiB; it is read before its signature is known to be good, so its size is bounded."""


class FileEntry(msgspec.Struct, frozen=True):
    """Digest and size in bytes of one file of the version."""

    sha256: str
    size: int


class TaskEntry(msgspec.Struct, frozen=True):
    """One task; the order of `labels` is the order of the rows in this version's head."""

    labels: tuple[str, ...]


class TaskCalibration(msgspec.Struct, frozen=True):
    """How one engine's logits become probabilities and a decision.

    Attributes:
        temperature: logits are divided by it before the softmax.
        abstain_below: top probability under which the label is marked as abstained.
        confusion: {truth: {guess: count}} on held-out texts, where measured; error correction needs it.
    """

    temperature: float
    abstain_below: float
    confusion: dict[str, dict[str, int]] | None = None


class EngineEntry(msgspec.Struct, frozen=True):
    """One runtime's way to serve the version.

    Attributes:
        tasks: calibration per task.
        agreement: share of the check headlines, per task, where its top label is full precision's.
        tolerance: largest difference of a probability to full precision seen on the check headlines.
        mean_difference: mean difference of a probability to full precision on the check headlines.
        logit_tolerance: largest difference of a logit to full precision seen on the check headlines; with a slack for
            other processors, what the canaries are held to (`models.canaries`).
    """

    tasks: dict[str, TaskCalibration]
    agreement: dict[str, float]
    tolerance: float
    mean_difference: float
    logit_tolerance: float


class Canary(msgspec.Struct, frozen=True):
    """A cleaned text and full precision's logits for it, per task and label, which each engine must meet."""

    text: str
    logits: dict[str, dict[str, float]]


class Lineage(msgspec.Struct, frozen=True):
    """Where the version comes from; its name is made of these."""

    data: str
    recipe: str
    seed: int
    parent: str | None
    base: str
    trained: str
    code: str


class _Head(msgspec.Struct, frozen=True):
    """What every manifest has, of whichever format."""

    format: int


class Manifest(msgspec.Struct, frozen=True):
    """Everything that a version promises. The order of `tasks` is the order of the wide head's rows."""

    format: int
    version: str
    created_at: str
    encoder: str
    cleaning: str
    max_tokens: int
    tasks: dict[str, TaskEntry]
    engines: dict[str, EngineEntry]
    canaries: list[Canary]
    lineage: Lineage
    metrics: dict[str, Any]
    files: dict[str, FileEntry]

    def tasks_of(self, engine: str) -> dict[str, Task]:
        """The tasks as an engine answers them, with its own thresholds.

        Raises:
            CorruptVersionError: the version carries no such engine.
        """
        calibrations = self.calibrations_of(engine)
        return {name: Task(name, task.labels, calibrations[name].abstain_below) for name, task in self.tasks.items()}

    def calibrations_of(self, engine: str) -> dict[str, TaskCalibration]:
        """Temperature and threshold per task of one engine.

        Raises:
            CorruptVersionError: the version carries no such engine.
        """
        if engine not in self.engines:
            known = ", ".join(sorted(self.engines))
            raise CorruptVersionError(f"version {self.version} carries no engine {engine!r}; choose one of {known}")
        return self.engines[engine].tasks


def write_signed(folder: Path, manifest: Manifest, keys_folder: Path) -> None:
    """Write manifest and signature into a folder, the manifest last: a version exists when its manifest does."""
    payload = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    (folder / SIGNATURE).write_bytes(keys.sign(keys_folder, payload))
    (folder / MANIFEST).write_bytes(payload)


def sign_again(folder: Path, keys_folder: Path) -> Manifest:
    """Sign a version with this machine's key, whoever signed it before; its content is checked, its origin is not.

    Raises:
        CorruptVersionError: see `verify`, but for the signature.
        ModelError: there is no key, or it cannot be read, or the folder cannot be written.
    """
    payload = _bounded(folder / MANIFEST)
    manifest = _held_against(folder, payload)
    signature = keys.sign(keys_folder, payload)
    try:
        with tempfile.NamedTemporaryFile(dir=folder.parent, prefix=".signing-", delete=False) as new:
            new.write(signature)
        Path(new.name).chmod(0o644)
        Path(new.name).replace(folder / SIGNATURE)  # a worker reads the old one or the new one, never half
    except OSError as error:
        raise ModelError(f"{folder} cannot be signed: {error.strerror}; make it writable") from error
    return manifest


def describe_files(folder: Path) -> dict[str, FileEntry]:
    """Digest and size of each file of a folder that is about to become a version.

    Raises:
        CorruptVersionError: it holds a link or a kind of file that no version may hold.
    """
    return {
        name: FileEntry(digest(folder / name), (folder / name).stat().st_size)
        for name in sorted(contents.files(folder, apart=(MANIFEST, SIGNATURE)))
    }


def read(folder: Path) -> Manifest:
    """A version's manifest, unverified: for listing, never for loading.

    Raises:
        CorruptVersionError: it is absent or no manifest of ours.
    """
    return decoded(_bounded(folder / MANIFEST), str(folder / MANIFEST))


def verify(folder: Path, trust: Path) -> Manifest:
    """Check signature, digests and kinds of all files of a version before anything parses them.

    Args:
        folder: the version.
        trust: file of trusted public keys.

    Raises:
        CorruptVersionError: the signature is absent, not trusted or does not match; a file is absent, changed, of a
            kind that can run code, not in the manifest, or a link; a configuration or a graph names code or something
            outside of the folder, or the architecture is not of `configs.ALLOWED_MODEL_TYPES`.
    """
    if folder.is_symlink():
        raise CorruptVersionError(f"{folder} is a link; a version is a folder of its own, name that one")
    payload = signed(folder, trust)
    try:
        return _held_against(folder, payload)
    except OSError as error:
        raise CorruptVersionError(f"{folder} cannot be read: {error}; build or pull it again") from error


def signed(folder: Path, trust: Path) -> bytes:
    """The bytes of a version's manifest, after nothing but their signature was checked.

    Raises:
        CorruptVersionError: no key that is trusted, and not revoked, signed them.
    """
    payload = _bounded(folder / MANIFEST)
    keys.check(payload, _bounded(folder / SIGNATURE), trust, str(folder / MANIFEST))
    return payload


def _held_against(folder: Path, payload: bytes) -> Manifest:
    manifest = decoded(payload, str(folder / MANIFEST))
    present = set(contents.files(folder, apart=(MANIFEST, SIGNATURE)))
    for name, entry in checked_files(manifest, str(folder)).items():
        if name not in present:
            raise CorruptVersionError(f"{folder / name} is missing; build or pull version {manifest.version} again")
        if (folder / name).stat().st_size != entry.size or digest(folder / name) != entry.sha256:
            raise CorruptVersionError(
                f"{folder / name} does not match its digest in the manifest; build or pull version "
                f"{manifest.version} again"
            )
    extra = sorted(present - set(manifest.files))
    if extra:
        raise CorruptVersionError(f"{folder / extra[0]} is not in the manifest; remove it or build the version again")
    configs.check(folder, manifest.files)
    graph.check(folder, manifest.files)
    return manifest


def decoded(payload: bytes, place: str) -> Manifest:
    """A manifest from its bytes, whose signature is to be checked before.

    Args:
        payload: its bytes.
        place: where it lies, for messages.

    Raises:
        CorruptVersionError: it is no manifest of ours, or of another format.
    """
    try:
        found = msgspec.json.decode(payload, type=_Head).format
        if found != FORMAT:
            raise CorruptVersionError(f"{place} has format {found}, this release reads {FORMAT}; build it again")
        return msgspec.json.decode(payload, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptVersionError(f"{place} is no manifest: {error}; build or pull it again") from error


def checked_files(manifest: Manifest, place: str) -> dict[str, FileEntry]:
    """What a version holds by its manifest, if all of it may lie in a version.

    Raises:
        CorruptVersionError: a name leaves the folder, is none of a file, or is of a kind that can run code.
    """
    for name in manifest.files:
        contents.check_name(name, place)
    return manifest.files


def digest(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _bounded(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise CorruptVersionError(
                f"{path} is a link or no plain file; a version holds plain files alone: build or pull it again"
            )
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise CorruptVersionError(
                f"{path} is larger than {MAX_MANIFEST_BYTES} bytes; it is no manifest of ours; pull the version again"
            )
        return path.read_bytes()
    except OSError as error:
        raise CorruptVersionError(
            f"{path} cannot be read: {error.strerror}; {path.parent} is no complete version, build or pull it again"
        ) from error
