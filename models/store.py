"""Where versions are shared: one small interface over obstore, the same for a folder and an object store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, from_url

from runtime.errors import InputError, ModelError

TIMEOUT_S = 30
"""Of one request with up to `CHUNK_BYTES`; a store that takes longer counts as away."""

SLOWEST_BYTES_PER_S = 250_000
"""Of a line that an object may still be sent on, 2 MBit/s: what is larger than a chunk has that much longer. Objects
are created by one request each, because no other keeps the condition that nothing is there yet."""

RETRIES = 3
"""Of one request that the store could not answer."""

PROBES = "probe"
"""Where `require_conditions` tries whether the store keeps its word."""

CHUNK_BYTES = 4 * 1024 * 1024
"""What is held of a file while it is downloaded, and asked for by one request."""

MAX_READ_BYTES = 4 * 1024 * 1024
"""What is read into memory at once: manifests have about 20 KiB, signatures and moves less than one."""


class StoreError(ModelError):
    """The store of versions refuses, or cannot do what a registry needs."""


class StoreAwayError(StoreError):
    """The store of versions does not answer now, and may do so later."""

    is_retriable = True


class BadObjectError(StoreError):
    """What should be an object of a version is none: it is absent, too large, or can have no such name."""


class TakenError(StoreError):
    """Somebody created the same object first; what is there stays."""


class Store:
    """Objects by path, written once and never changed.

    Args:
        inner: of obstore.
        url: for messages.
        folder: where a folder is the store: it may vanish while we run, and is never made anew by a write.
        patient: gives the same store with so many seconds for a request; None where requests take what they take.
    """

    def __init__(
        self, inner: Any, url: str, *, folder: Path | None = None, patient: Callable[[int], Any] | None = None
    ) -> None:
        self._inner = inner
        self.url = url
        self._folder = folder
        self._patient = patient

    def create(self, path: str, content: bytes | Path) -> None:
        """Write an object that is not there yet; readers see all of it or nothing.

        Args:
            path: `/` between parts.
            content: its bytes, or the file that holds them.

        Raises:
            TakenError: it is there already.
            StoreAwayError: the store does not answer, or somebody else is at the same object right now.
            StoreError: it refuses.
        """
        try:
            with self._asked(path):
                inner = self._for(len(content) if isinstance(content, bytes) else content.stat().st_size)
                obstore.put(inner, path, content, mode="create", use_multipart=False)
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.url} takes no object {path}: its bucket is not there; make it, or check BELLWETHER_STORE"
            ) from error
        except AlreadyExistsError as error:
            # S3 also answers so (409) while another create of the object runs, which may still fail.
            if self._size(path) is None:
                raise StoreAwayError(
                    f"{self.url} refused to create {path}, which is not there: another writer was at it; try again"
                ) from error
            raise TakenError(f"{path} is in {self.url} already, and nothing there is ever changed") from error

    def read(self, path: str) -> bytes | None:
        """A small object's content, None where there is none.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
            BadObjectError: the object has more than `MAX_READ_BYTES`.
        """
        try:
            with self._asked(path):
                found = obstore.get(self._inner, path)
                size = found.meta["size"]
                if size <= MAX_READ_BYTES:
                    return bytes(found.bytes())
        except FileNotFoundError:
            return None
        raise BadObjectError(
            f"{self.url}/{path} has {size} bytes, at most {MAX_READ_BYTES} are read; it is none of ours, remove it"
        )

    def chunks(self, path: str) -> Iterator[bytes]:
        """An object's content, piece by piece, each by a request of its own.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
            BadObjectError: it is not there.
        """
        size = self._size(path)
        if size is None:
            raise BadObjectError(f"{self.url} holds no {path}; publish the version again")
        for start in range(0, size, CHUNK_BYTES):
            with self._asked(path):
                piece = obstore.get_range(self._inner, path, start=start, end=min(start + CHUNK_BYTES, size))
            yield bytes(piece)

    def digest(self, path: str) -> str | None:
        """SHA-256 of an object in hex, None where there is none; all of it is downloaded.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
        """
        if self._size(path) is None:
            return None
        running = sha256()
        for piece in self.chunks(path):
            running.update(piece)
        return running.hexdigest()

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder, objects and folders, sorted.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
        """
        with self._asked(folder):
            found = obstore.list_with_delimiter(self._inner, folder)
        paths = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in paths)

    def delete(self, path: str) -> None:
        """Remove an object, only ever a probe: versions and the pointer's log are never changed."""
        with self._asked(path):
            obstore.delete(self._inner, path)

    def _size(self, path: str) -> int | None:
        try:
            with self._asked(path):
                return int(obstore.head(self._inner, path)["size"])
        except FileNotFoundError:
            return None

    def _for(self, size: int) -> Any:
        """The store with a time-out that an object of this size needs."""
        if self._patient is None or size <= CHUNK_BYTES:
            return self._inner
        return self._patient(TIMEOUT_S + size // SLOWEST_BYTES_PER_S)

    @contextmanager
    def _asked(self, path: str) -> Iterator[None]:
        """Errors of a request as ours, but for those that say whether the object is there."""
        try:
            if self._folder is not None and not self._folder.is_dir():
                raise _absent(self._folder)
            yield
        except (FileNotFoundError, AlreadyExistsError):
            raise
        except (PermissionError, PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreError(f"{self.url} refuses {path}: {_first(error)}; check the credentials and rights") from error
        except (BaseError, OSError) as error:
            raise StoreAwayError(
                f"{self.url} does not answer as expected for {path}: {_first(error)}; check BELLWETHER_STORE, the "
                "network and the AWS_* variables"
            ) from error
        except ValueError as error:
            raise BadObjectError(
                f"{path!r} can be no object of {self.url}: {_first(error)}; it was never ours"
            ) from error


def open_store(url: str, *, make: bool = False) -> Store:
    """The store behind a folder's path or a URL such as `s3://bucket/prefix`.

    An object store takes its credentials and its address from the usual variables (`AWS_ACCESS_KEY_ID`,
    `AWS_ENDPOINT`, `AWS_REGION`, ...).

    Args:
        url: of the store.
        make: make the folder where it is not there, as who publishes does; anybody else is told that it is gone.

    Raises:
        StoreAwayError: the folder is not there.
        StoreError: the folder cannot be made or opened.
        InputError: no kind of store that we know.
    """
    if "://" not in url:
        return _in_folder(Path(url).absolute(), url, make)
    if url.startswith("file:///"):
        return _in_folder(Path(url2pathname(urlsplit(url).path)), url, make)

    def opened(timeout_s: int) -> Any:
        options: Any = {"timeout": f"{timeout_s}s", "allow_http": True}
        return from_url(url, client_options=options, retry_config={"max_retries": RETRIES})

    try:
        return Store(opened(TIMEOUT_S), url, patient=opened)
    except (BaseError, ValueError) as error:
        raise InputError(f"{url!r} names no store: {_first(error)}; give a folder or s3://bucket/prefix") from error


def _in_folder(folder: Path, url: str, make: bool) -> Store:
    try:
        if not make and not folder.exists():
            raise _absent(folder)
        store = LocalStore(folder, mkdir=make)
        is_folder = folder.is_dir()
    except (BaseError, OSError) as error:
        raise StoreError(
            f"the store {folder} cannot be {'made' if make else 'opened'}: {_first(error)}; let BELLWETHER_STORE name "
            "a folder that can be written"
        ) from error
    if not is_folder:
        raise StoreError(f"the store {folder} is no folder; let BELLWETHER_STORE name one")
    return Store(store, url, folder=folder)


def _absent(folder: Path) -> StoreAwayError:
    return StoreAwayError(
        f"there is no store in {folder}; mount or restore it, or check BELLWETHER_STORE; if there never was one, "
        "`bellwether models publish` makes it"
    )


def _first(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def require_conditions(store: Store) -> None:
    """See to it that a second create of one path is refused: who loses that race must learn of it.

    Raises:
        StoreError: it was not refused.
    """
    path = f"{PROBES}/{secrets.token_hex(8)}"
    store.create(path, b"1")
    try:
        store.create(path, b"2")
    except TakenError:
        return
    finally:
        store.delete(path)
    raise StoreError(
        f"{store.url} let two writers create the same object: it ignores conditions (If-None-Match), and no registry "
        "can be kept in it; use a store that honours them"
    )
