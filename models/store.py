"""Where versions are shared: one small interface over obstore, the same for a folder and an object store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, from_url

from runtime.errors import BellwetherError, InputError, ModelError

TIMEOUT_S = 30
"""Of one request; a store that takes longer counts as away."""

RETRIES = 3
"""Of one request that the store could not answer."""

PROBES = "probe"
"""Where `require_conditions` tries whether the store keeps its word."""

CHUNK_BYTES = 4 * 1024 * 1024
"""What is held of a file while it is downloaded."""


class StoreError(ModelError):
    """The store of versions refuses, or cannot do what a registry needs."""


class StoreAwayError(StoreError):
    """The store of versions does not answer now, and may do so later."""

    is_retriable = True


class TakenError(StoreError):
    """Somebody created the same object first; what is there stays."""


class Store:
    """Objects by path, written once and never changed.

    Args:
        inner: of obstore.
        url: for messages.
    """

    def __init__(self, inner: Any, url: str) -> None:
        self._inner = inner
        self.url = url

    def create(self, path: str, content: bytes | Path) -> None:
        """Write an object that is not there yet; readers see all of it or nothing.

        Args:
            path: `/` between parts.
            content: its bytes, or the file that holds them.

        Raises:
            TakenError: it is there already.
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
        """
        try:
            obstore.put(self._inner, path, content, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            raise TakenError(f"{path} is in {self.url} already, and nothing there is ever changed") from error
        except (BaseError, OSError) as error:
            raise self._failed(path, error) from error

    def read(self, path: str) -> bytes | None:
        """An object's content, None where there is none.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
        """
        try:
            return bytes(obstore.get(self._inner, path).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._failed(path, error) from error

    def chunks(self, path: str) -> Iterator[bytes]:
        """An object's content, piece by piece.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it is not there, or the store refuses.
        """
        try:
            for piece in obstore.get(self._inner, path).stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(piece)
        except FileNotFoundError as error:
            raise StoreError(f"{self.url} holds no {path}; publish the version again") from error
        except (BaseError, OSError) as error:
            raise self._failed(path, error) from error

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder, objects and folders, sorted.

        Raises:
            StoreAwayError: the store does not answer.
            StoreError: it refuses.
        """
        try:
            found = obstore.list_with_delimiter(self._inner, folder)
        except (BaseError, OSError) as error:
            raise self._failed(folder, error) from error
        paths = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in paths)

    def delete(self, path: str) -> None:
        """Remove an object, only ever a probe: versions and the pointer's log are never changed."""
        try:
            obstore.delete(self._inner, path)
        except (BaseError, OSError) as error:
            raise self._failed(path, error) from error

    def _failed(self, path: str, error: Exception) -> BellwetherError:
        first = str(error).split("\n", 1)[0]
        if isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError):
            return StoreError(f"{self.url} refuses {path}: {first}; check the credentials and rights")
        return StoreAwayError(
            f"{self.url} does not answer as expected for {path}: {first}; check BELLWETHER_STORE, the network and "
            "the AWS_* variables"
        )


def open_store(url: str) -> Store:
    """The store behind a folder's path or a URL such as `s3://bucket/prefix`.

    An object store takes its credentials and its address from the usual variables (`AWS_ACCESS_KEY_ID`,
    `AWS_ENDPOINT`, `AWS_REGION`, ...).

    Raises:
        InputError: no kind of store that we know.
    """
    if "://" not in url:
        return Store(LocalStore(Path(url).absolute(), mkdir=True), url)
    try:
        inner = from_url(
            url, client_options={"timeout": f"{TIMEOUT_S}s", "allow_http": True}, retry_config={"max_retries": RETRIES}
        )
    except (BaseError, ValueError) as error:
        first = str(error).split("\n", 1)[0]
        raise InputError(f"{url!r} names no store: {first}; give a folder or s3://bucket/prefix") from error
    return Store(inner, url)


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
