"""Which version a worker starts with that serves the champion: the pointer's, or the last one that served here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from models import keys, pointer, registry
from models.pull import pull
from models.store import StoreAwayError, StoreError, open_store
from runtime import log
from runtime.errors import EngineError, InputError, ModelError
from runtime.settings import Settings
from streams.classify.background import within
from streams.classify.memory import Remembered, remember, remembered

NAME = "champion"
"""The setting `model` that means whatever the pointer says."""

PATIENCE_S = 10.0
"""How long a worker that has served before waits at its start for a store that does not answer."""

Loaded = TypeVar("Loaded")

_log = log.get(__name__)


@dataclass(frozen=True)
class Start(Generic[Loaded]):
    """What a worker starts with.

    Attributes:
        loaded: the engine.
        generation: of the pointer that it stands for.
        refused: version that the pointer names and that does not serve here, and why; None where all is well.
    """

    loaded: Loaded
    generation: int
    refused: tuple[str, str] | None = None


@dataclass(frozen=True)
class Champions:
    """The versions that may serve here, and what brings them.

    Attributes:
        settings: where the store, this machine's versions, its trusted keys and its memory are.
        patience_s: with a store that takes connections and does not answer, at a start that can go without.
    """

    settings: Settings
    patience_s: float = PATIENCE_S

    def seen(self, known: pointer.Pointer) -> pointer.Pointer:
        """The pointer's newest state, from one that was seen.

        Raises:
            CorruptVersionError: its log is damaged.
            StoreError: the store does not answer, refuses, or is not there.
        """
        store = open_store(self.settings.store_url)
        return pointer.newest(store, known) if known.generation else pointer.head(store)

    def bring(self, version: str) -> None:
        """Have a version on this machine, verified.

        Raises:
            CorruptVersionError: it does not verify.
            VersionNotFoundError: there is no such version.
            StoreError: the store does not answer, or there is no room here.
        """
        settings = self.settings
        pull(open_store(settings.store_url), version, settings.registry_folder, settings.keys_folder / keys.TRUST_FILE)

    def verify(self, version: str) -> None:
        """See that a version of this machine still is what a key signed that is still trusted.

        Raises:
            CorruptVersionError: it is not.
        """
        registry.verified(self.settings.registry_folder / version, self.settings.keys_folder / keys.TRUST_FILE)

    def keep(self, generation: int, version: str) -> bool:
        """Remember what serves, for the next start; whether it could be written. What serves does not need it."""
        try:
            remember(self.settings.home, Remembered(generation, version))
        except (OSError, InputError) as error:
            _log.warning("champion_not_remembered", generation=generation, detail=str(error))
            return False
        return True

    def first(self, load: Callable[[str], Loaded]) -> Start[Loaded]:
        """Load the pointer's champion, or what served here last where that cannot be had or does not load.

        A worker never goes back to a lower generation than has served here.

        Args:
            load: makes an engine of a version that is on this machine, and verifies it.

        Raises:
            InputError: what this machine remembers is damaged.
            ModelError: nothing may serve, or nothing that may can be loaded.
        """
        before = remembered(self.settings.home)
        version = None
        try:
            now = self._promoted(before)
            version = now.champion or ""
            self.bring(version)
            start = Start(load(version), now.generation)
        except (ModelError, InputError) as error:
            if before.version is None or (before.version == version and not isinstance(error, StoreError)):
                raise
            _log.error("champion_not_served", served=before.version, generation=before.generation, detail=str(error))
            passes = isinstance(error, StoreError | EngineError)  # the swapper tries again, and knows when to stop
            refused = None if version is None or passes else (version, str(error))
            return Start(load(before.version), before.generation, refused)
        self.keep(start.generation, version)
        return start

    def _promoted(self, before: Remembered) -> pointer.Pointer:
        where = self.settings.store_url
        try:
            if before.version is None:
                now = self.seen(pointer.Pointer())
            else:
                now = within(self.patience_s, lambda: self.seen(pointer.Pointer()), "pointer")
        except TimeoutError as error:
            raise StoreAwayError(
                f"{where} takes connections and does not answer within {self.patience_s:g} s"
            ) from error
        if now.champion is None:
            raise ModelError(f"no version was ever promoted in {where}; `bellwether models promote` does it")
        if now.generation < before.generation:
            raise ModelError(
                f"{where} is at generation {now.generation}, and generation {before.generation} served here; check "
                "that this is the right store"
            )
        return now
