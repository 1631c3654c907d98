"""Brings a version out of the store onto this machine: verified before anything parses it, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from models import keys, registry
from models.manifest import MANIFEST, SIGNATURE, FileEntry, checked_files, decoded
from models.publish import Tell, manifest_path, published, signatures_in, tree_of
from models.store import BadObjectError, Store, StoreError
from runtime.errors import CorruptVersionError, ModelError, VersionNotFoundError

WORK_PREFIX = ".pulling-"
"""Of the folder that a version is brought into; who holds the version's lock finds only what a killed process left."""

LOCK_PREFIX = ".pull-"
"""Of a version's lock file."""

LOCK_WAIT_S = 600.0
"""How long to wait for another process that pulls: 100 MiB on a line of 2 MBit/s."""


def pull(store: Store, version: str, folder: Path, trust: Path, tell: Tell = lambda _, __: None) -> Path:
    """Bring a version into this machine's folder of versions; one that is there, verifies and is the same stays.

    Another machine may have built and published it with other bytes: the store's replace those of this machine. What
    the store does not hold (any more) stays here where it verifies.

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
        CorruptVersionError: the signature is not trusted, or an object is absent or not what the manifest says.
        StoreError: the store does not answer or refuses, or there is no room here.
    """
    if not registry.is_name(version):
        raise ModelError(
            f"{version!r} is no version's own name: `v-` and 10 hex digits, as `bellwether models list --store` shows"
        )
    target = folder / version
    try:
        folder.mkdir(parents=True, exist_ok=True)
        manifest = store.read(manifest_path(version))
        if _holds(target, manifest, trust):  # a rollback must not wait for a download, of this version or another
            return target
        if manifest is None:
            raise VersionNotFoundError(version, published(store))
        work = f"{WORK_PREFIX}{version}-"
        # One process of this machine at a time: the next one finds what the first has brought.
        with FileLock(folder / f"{LOCK_PREFIX}{version}.lock", timeout=LOCK_WAIT_S):
            for left in folder.glob(f"{work}*"):
                shutil.rmtree(left, ignore_errors=True)
            if not _holds(target, manifest, trust):
                _replace(store, target, manifest, trust, tell)
    except BadObjectError as error:  # a manifest is published last: what it names is there, or never was
        raise CorruptVersionError(str(error)) from error
    except Timeout as error:
        raise StoreError(
            f"another process has been pulling into {folder} for {LOCK_WAIT_S:.0f} s; wait for it or end it"
        ) from error
    except OSError as error:
        raise StoreError(f"{version} cannot be written to {folder}: {error.strerror}; make room there") from error
    return target


def require_signed(store: Store, version: str, trust: Path) -> None:
    """See that a version of the store is signed by a key that this machine trusts; its files stay where they are.

    Raises:
        VersionNotFoundError: the store holds no such version.
        CorruptVersionError: its manifest is none, or no key that is trusted signed it.
        StoreError: the store does not answer or refuses.
    """
    manifest = store.read(manifest_path(version))
    if manifest is None:
        raise VersionNotFoundError(version, published(store))
    _signature(store, tree_of(version, manifest), manifest, trust, f"{store.url}/{manifest_path(version)}")


def _holds(target: Path, manifest: bytes | None, trust: Path) -> bool:
    """Whether the version is here with the manifest that counts; with any where None counts."""
    path = target / MANIFEST
    try:
        if not path.is_file() or (manifest is not None and path.read_bytes() != manifest):
            return False
        registry.verified(target, trust)
    except (CorruptVersionError, OSError):  # what cannot be read is brought anew
        return False
    return True


def _replace(store: Store, target: Path, manifest: bytes, trust: Path, tell: Tell) -> None:
    """What is damaged or another goes only when what replaces it is here and verified."""
    with tempfile.TemporaryDirectory(prefix=f"{WORK_PREFIX}{target.name}-", dir=target.parent) as work:
        place = Path(work, target.name)
        _fetch(store, manifest, place, trust, tell)
        registry.verified(place, trust)
        if target.exists():
            target.rename(Path(work, "before"))
        place.rename(target)


def _fetch(store: Store, manifest: bytes, place: Path, trust: Path, tell: Tell) -> None:
    version = place.name
    tree = tree_of(version, manifest)
    where = f"{store.url}/{manifest_path(version)}"
    signature = _signature(store, tree, manifest, trust, where)
    facts = decoded(manifest, where)
    if facts.version != version:
        raise CorruptVersionError(f"{where} is the manifest of {facts.version}; publish {version} again")
    for name, entry in checked_files(facts, where).items():
        tell(name, entry.size)
        _download(store, f"{tree}/{name}", place / name, entry)
    (place / SIGNATURE).write_bytes(signature)
    (place / MANIFEST).write_bytes(manifest)


def _signature(store: Store, tree: str, manifest: bytes, trust: Path, where: str) -> bytes:
    """The signature by a key that this machine trusts; others may lie beside it, and only one is looked at then."""
    names = store.names(signatures_in(tree))
    trusted = {key.id for key in keys.trusted(trust)}
    problem = CorruptVersionError(f"{where} has no signature; publish the version again")
    for name in [name for name in names if name in trusted] or names[:1]:
        signature = store.read(f"{signatures_in(tree)}/{name}") or b""
        try:
            keys.check(manifest, signature, trust, where)
        except CorruptVersionError as error:
            problem = error
        else:
            return signature
    raise problem


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
        raise CorruptVersionError(
            f"{store.url}/{path} does not match its digest in the manifest; publish it again where it is whole"
        )
