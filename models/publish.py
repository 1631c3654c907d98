"""Brings a version of this machine into the store: its files first, and last the manifest that makes it exist.

    versions/v-0123456789/manifest.json          create-if-absent: whoever makes it has published
    versions/v-0123456789/<manifest's digest>/   the version's folder, as it lies on the publisher's machine

Files lie under their manifest's digest, so two machines that built the same version with other bytes never write over
each other, and a publisher that was killed leaves what only it can complete.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from models.manifest import MANIFEST, SIGNATURE, verify
from models.store import Store, StoreError, TakenError, require_conditions
from runtime.errors import CorruptVersionError

VERSIONS = "versions"

Tell = Callable[[str, int], None]
"""Takes a file's name and its bytes before it goes or comes."""


class OtherBytesError(StoreError):
    """The store has this version already, with other bytes."""


def manifest_path(version: str) -> str:
    """The object whose creation makes a version exist."""
    return f"{VERSIONS}/{version}/{MANIFEST}"


def tree_of(version: str, manifest: bytes) -> str:
    """Where the files of a version lie whose manifest has these bytes."""
    return f"{VERSIONS}/{version}/{sha256(manifest).hexdigest()[:32]}"


def published(store: Store) -> list[str]:
    """Names of all versions of a store; what has no manifest is none.

    Raises:
        StoreError: the store does not answer or refuses.
    """
    return [name for name in store.names(VERSIONS) if MANIFEST in store.names(f"{VERSIONS}/{name}")]


def publish(store: Store, folder: Path, trust: Path, tell: Tell = lambda _, __: None) -> bool:
    """Publish a version; again after a kill it completes what it had begun.

    Args:
        store: of the registry.
        folder: the version on this machine.
        trust: file of trusted public keys: nobody publishes what would not be served here.
        tell: told of each file, with its bytes, before it goes.

    Returns:
        False where the very same was published already.

    Raises:
        CorruptVersionError: it does not verify here.
        OtherBytesError: another machine published other bytes under this name.
        StoreError: the store does not answer, refuses or ignores conditions.
    """
    manifest = verify(folder, trust)
    if folder.name != manifest.version:
        raise CorruptVersionError(f"{folder} holds version {manifest.version}; move it to its own name")
    payload = (folder / MANIFEST).read_bytes()
    if _is_there(store, manifest.version, payload):
        return False
    require_conditions(store)
    tree = tree_of(manifest.version, payload)
    for name in (*sorted(manifest.files), SIGNATURE, MANIFEST):
        tell(name, (folder / name).stat().st_size)
        _create(store, f"{tree}/{name}", folder / name)
    try:
        store.create(manifest_path(manifest.version), payload)
    except TakenError:
        _is_there(store, manifest.version, payload)
        return False
    return True


def _create(store: Store, path: str, file: Path) -> None:
    """A file of a tree; one that is there was written by ourselves before: its path names all bytes of the tree."""
    try:
        store.create(path, file)
    except TakenError:
        return


def _is_there(store: Store, version: str, payload: bytes) -> bool:
    there = store.read(manifest_path(version))
    if there is not None and there != payload:
        raise OtherBytesError(
            f"{store.url} holds {version} with other bytes: another machine built and published it first, and it "
            f"stays. Take that one with `bellwether models pull {version}`"
        )
    return there is not None
