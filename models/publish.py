"""Brings a version of this machine into the store: its files first, and last the manifest that makes it exist.

    versions/v-0123456789/manifest.json          create-if-absent: whoever makes it has published
    versions/v-0123456789/<manifest's digest>/   the version's folder, as it lies on the publisher's machine, and in
        signatures/<key>                         its signatures, one of each key that signed this manifest

Files lie under their manifest's digest, so two machines that built the same version with other bytes never write over
each other, and a publisher that was killed leaves what only it can complete. What is there already is held against its
digest, so publishing again says whether the store's copy is whole, and brings what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from models import keys
from models.manifest import MANIFEST, SIGNATURE, decoded, verify
from models.store import Store, StoreAwayError, StoreError, TakenError, require_conditions
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


def signatures_in(tree: str) -> str:
    """Where the signatures of a tree's manifest lie, each under the id of its key."""
    return f"{tree}/signatures"


def published(store: Store) -> list[str]:
    """Names of all versions of a store; what has no manifest is none.

    Raises:
        StoreError: the store does not answer or refuses.
    """
    return [name for name in store.names(VERSIONS) if MANIFEST in store.names(f"{VERSIONS}/{name}")]


def publish(store: Store, folder: Path, trust: Path, tell: Tell = lambda _, __: None) -> bool:
    """Publish a version; again it completes what a killed publisher had begun, or adds the signature of a newer key.

    Args:
        store: of the registry.
        folder: the version on this machine.
        trust: file of trusted public keys: nobody publishes what would not be served here.
        tell: told of each file, with its bytes, before it goes or is held against what is there.

    Returns:
        False where the very same was published already, whole and with this signature.

    Raises:
        CorruptVersionError: it does not verify here, or an object of the store is damaged.
        OtherBytesError: another machine published other bytes under this name.
        StoreError: the store does not answer, refuses or ignores conditions.
    """
    manifest = verify(folder, trust)
    if folder.name != manifest.version:
        raise CorruptVersionError(f"{folder} holds version {manifest.version}; move it to its own name")
    payload, signature = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    signer = keys.check(payload, signature, trust, str(folder / MANIFEST))
    was_there = _is_there(store, manifest.version, payload)
    if not was_there:
        require_conditions(store)
    tree = tree_of(manifest.version, payload)
    is_new = False
    for name, entry in sorted(manifest.files.items()):
        tell(name, entry.size)
        is_new |= _bring(store, f"{tree}/{name}", folder / name, entry.sha256)
    for path, content in ((f"{signatures_in(tree)}/{signer.id}", signature), (f"{tree}/{MANIFEST}", payload)):
        is_new |= _bring(store, path, content, sha256(content).hexdigest())
    if was_there:
        return is_new
    try:
        store.create(manifest_path(manifest.version), payload)
    except TakenError:
        if _is_there(store, manifest.version, payload):
            return False
        raise StoreAwayError(f"{store.url} lost {manifest_path(manifest.version)} while we looked; try again") from None
    return True


def _bring(store: Store, path: str, content: bytes | Path, digest: str) -> bool:
    """See to it that an object of a tree is there and whole; whether it was we who created it.

    Nothing in a store is written over, a damaged object neither: a person should see it, and why it is damaged.
    """
    found = store.digest(path)
    if found is None:
        try:
            store.create(path, content)
        except TakenError:
            found = store.digest(path)
        else:
            return True
    if found != digest:
        raise CorruptVersionError(
            f"{store.url}/{path} is damaged: its SHA-256 is {found}, not {digest}; remove that object from the store, "
            "then publish the version again"
        )
    return False


def _is_there(store: Store, version: str, payload: bytes) -> bool:
    there = store.read(manifest_path(version))
    if there is None or there == payload:
        return there is not None
    place = f"{store.url}/{manifest_path(version)}"
    try:
        decoded(there, place)
    except CorruptVersionError as error:
        raise CorruptVersionError(
            f"{place} is damaged; remove that object from the store, then publish the version again: {error}"
        ) from error
    raise OtherBytesError(
        f"{store.url} holds {version} with other bytes: another machine built and published it first, and it "
        f"stays. Take that one with `bellwether models pull {version}`"
    )
