"""Brings a version out of the store onto this machine: verified before anything parses it, whole or not at all."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from models import keys, registry
from models.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE, FileEntry, checked_files, decoded
from models.publish import Tell, manifest_path, published, tree_of
from models.store import Store, StoreError
from runtime.errors import CorruptVersionError, VersionNotFoundError

LOCK_FILE = ".pull.lock"

LOCK_WAIT_S = 600.0
"""How long to wait for another process that pulls: 100 MiB on a line of 2 MBit/s."""


def pull(store: Store, version: str, folder: Path, trust: Path, tell: Tell = lambda _, __: None) -> Path:
    """Bring a version into this machine's folder of versions; one that is there and verifies is left alone.

    Args:
        store: of the registry.
        version: its `v-` name.
        folder: of the versions of this machine.
        trust: file of trusted public keys.
        tell: told of each file, with its bytes, before it comes.

    Returns:
        the version's folder.

    Raises:
        VersionNotFoundError: the store holds no such version.
        CorruptVersionError: the signature is not trusted, or a file is not what the manifest says.
        StoreError: the store does not answer or refuses, or there is no room here.
    """
    if not registry.is_name(version):
        raise VersionNotFoundError(version, [])
    target = folder / version
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # One process of this machine at a time: the next one finds what the first has brought.
        with FileLock(folder / LOCK_FILE, timeout=LOCK_WAIT_S):
            if not _holds(target, trust):
                _replace(store, target, trust, tell)
    except Timeout as error:
        raise StoreError(
            f"another process has been pulling into {folder} for {LOCK_WAIT_S:.0f} s; wait for it or end it"
        ) from error
    except OSError as error:
        raise StoreError(f"{version} cannot be written to {folder}: {error.strerror}; make room there") from error
    return target


def _holds(target: Path, trust: Path) -> bool:
    if not (target / MANIFEST).is_file():
        return False
    try:
        registry.verified(target, trust)
    except CorruptVersionError:
        return False
    return True


def _replace(store: Store, target: Path, trust: Path, tell: Tell) -> None:
    """What is damaged goes only when what replaces it is here and verified."""
    with tempfile.TemporaryDirectory(prefix=".pulling-", dir=target.parent) as work:
        place = Path(work, target.name)
        _fetch(store, target.name, place, trust, tell)
        registry.verified(place, trust)
        if target.exists():
            target.rename(Path(work, "damaged"))
        place.rename(target)


def _fetch(store: Store, version: str, place: Path, trust: Path, tell: Tell) -> None:
    manifest = store.read(manifest_path(version))
    if manifest is None:
        raise VersionNotFoundError(version, published(store))
    tree = tree_of(version, manifest)
    where = f"{store.url}/{manifest_path(version)}"
    signature = store.read(f"{tree}/{SIGNATURE}")
    if signature is None or len(manifest) > MAX_MANIFEST_BYTES:
        raise CorruptVersionError(f"{where} has no signature or is too large; publish the version again")
    keys.check(manifest, signature, trust, where)
    facts = decoded(manifest, where)
    if facts.version != version:
        raise CorruptVersionError(f"{where} is the manifest of {facts.version}; publish {version} again")
    for name, entry in checked_files(facts, where).items():
        tell(name, entry.size)
        _download(store, f"{tree}/{name}", place / name, entry)
    (place / SIGNATURE).write_bytes(signature)
    (place / MANIFEST).write_bytes(manifest)


def _download(store: Store, path: str, target: Path, entry: FileEntry) -> None:
    """A file, held against its digest while it comes, and never larger on disk than it may be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    running, size = sha256(), 0
    with target.open("wb") as file:
        for chunk in store.chunks(path):
            size += len(chunk)
            if size > entry.size:
                break
            running.update(chunk)
            file.write(chunk)
    if size != entry.size or running.hexdigest() != entry.sha256:
        raise CorruptVersionError(f"{store.url}/{path} does not match its digest in the manifest; publish it again")
