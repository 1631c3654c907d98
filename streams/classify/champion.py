"""Which version a worker starts with that serves the champion: the pointer's, or the last one that served here."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import msgspec

from models import pointer, registry
from models.pull import pull
from models.store import open_store
from runtime import log
from runtime.errors import CorruptVersionError, ModelError

NAME = "champion"
"""The setting `model` that means whatever the pointer says."""

MEMORY_FILE = "champion.json"

_log = log.get(__name__)


class Served(msgspec.Struct, frozen=True):
    """What served here last."""

    generation: int
    version: str


def champion(store_url: str, folder: Path, trust: Path, home: Path) -> str:
    """Look at the pointer, bring its champion here, and say which version to serve.

    The store may be gone, empty or behind, and the champion may not verify: then the last one that served here goes
    on, and a worker never goes back to a lower generation.

    Args:
        store_url: where versions are shared.
        folder: of the versions of this machine.
        trust: file of trusted public keys.
        home: where it is remembered.

    Raises:
        ModelError: there is no champion, or it cannot be had, and none served here before.
    """
    before = _remembered(home, folder, trust)
    try:
        now = _brought(store_url, folder, trust, before)
    except ModelError as error:
        if before is None:
            raise
        _log.error("champion_not_served", served=before.version, generation=before.generation, detail=str(error))
        return before.version
    with contextlib.suppress(OSError):  # a full disk: what serves is here all the same
        _remember(home, now)
    return now.version


def _brought(store_url: str, folder: Path, trust: Path, before: Served | None) -> Served:
    store = open_store(store_url)
    now = pointer.head(store)
    if now.champion is None:
        raise ModelError(f"no version was ever promoted in {store_url}; `bellwether models promote` does it")
    if before is not None and now.generation < before.generation:
        raise ModelError(
            f"{store_url} is at generation {now.generation}, and generation {before.generation} served here; check "
            "that this is the right store"
        )
    pull(store, now.champion, folder, trust)
    return Served(now.generation, now.champion)


def _remembered(home: Path, folder: Path, trust: Path) -> Served | None:
    try:
        served = msgspec.json.decode((home / MEMORY_FILE).read_bytes(), type=Served)
        registry.verified(folder / served.version, trust)
    except (OSError, msgspec.DecodeError, CorruptVersionError):
        return None
    return served


def _remember(home: Path, served: Served) -> None:
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=home, prefix=".champion-", delete=False) as file:
        file.write(msgspec.json.encode(served))
    Path(file.name).replace(home / MEMORY_FILE)
