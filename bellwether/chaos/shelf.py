"""A row's own store of versions: what is published into it, and who serves by its pointer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bellwether import moves
from bellwether.chaos import object_store, spoil
from bellwether.chaos.object_store import ObjectStore
from bellwether.chaos.scenario import Scenario
from models import keys, pointer, publish, registry
from models.pointer import Move, Policy
from models.store import Store, open_store
from runtime import clock, settings
from runtime.errors import BrokerError

STORE = "store"
"""Folder of the row that holds it."""


@dataclass
class Shelf:
    """Versions that a row's workers may follow.

    Attributes:
        folder: of the row.
        url: where the workers find the store.
        bootstrap: of the broker itself, for announcements.
        versions: their names, in the order in which they were named; the first is the champion at the start.
        objects: the server of an object store, where it is one.
    """

    folder: Path
    url: str
    bootstrap: str
    versions: list[str] = field(default_factory=list)
    objects: ObjectStore | None = None

    @property
    def store(self) -> Store:
        """The store, opened."""
        return open_store(self.url)

    def fill(self, names: Sequence[str]) -> None:
        """Publish versions of this machine's registry and let the first serve.

        Raises:
            ModelError: one does not verify here, or cannot be published.
        """
        where = settings.load()
        open_store(self.url, make=True)
        for name in names:
            folder = registry.resolve(name, where.registry_folder)
            publish.publish(self.store, folder, where.keys_folder / keys.TRUST_FILE)
            self.versions.append(folder.name)
        self.promote(self.versions[0])

    def name(self, version: str) -> str:
        """A version's own name, from an alias of this machine too."""
        return registry.aliases(settings.load().registry_folder).get(version, version)

    def promote(self, version: str) -> Move:
        """Let a version serve, and tell the workers."""
        now = pointer.head(self.store)
        return self._moved("promote", now, pointer.promoted(now, self.name(version)))

    def stage(self, version: str) -> Move:
        """Let workers make a version ready, and tell them."""
        now = pointer.head(self.store)
        return self._moved("stage", now, pointer.staged(now, self.name(version)))

    def challenge(self, version: str, policy: Policy) -> Move:
        """Let a version be tried beside the champion, and tell the workers."""
        now = pointer.head(self.store)
        return self._moved("challenge", now, pointer.challenged(now, self.name(version), policy))

    def unchallenge(self) -> Move:
        """Let none be tried any more, and tell the workers."""
        now = pointer.head(self.store)
        return self._moved("challenge", now, pointer.unchallenged(now))

    def roll_back(self) -> Move:
        """Let the version before serve again, and tell the workers."""
        now = pointer.head(self.store)
        return self._moved("rollback", now, pointer.rolled_back(now))

    def promote_corrupt(self, kind: str) -> str:
        """Put a spoilt copy of the last version into the store and promote it; returns its name."""
        where = settings.load()
        healthy = registry.resolve(self.versions[-1], where.registry_folder)
        self.spoilt.mkdir(exist_ok=True)
        name = spoil.put(kind, healthy, self.store, where.keys_folder, self.spoilt)
        self.promote(name)
        return name

    @property
    def spoilt(self) -> Path:
        """Where spoilt versions are made, and where code from one would leave its canary file."""
        return self.folder / "spoilt"

    def _moved(self, action: str, now: pointer.Pointer, then: pointer.Pointer) -> Move:
        move = pointer.append(self.store, action, now, then, who="bellwether chaos", at=clock.now(), why="a row")
        with contextlib.suppress(BrokerError):  # workers look by themselves
            moves.announce(self.bootstrap, then)
        return move


@contextmanager
def opened(scenario: Scenario, folder: Path, bootstrap: str) -> Iterator[Shelf | None]:
    """The store of a row, filled; None where it has none.

    Raises:
        DependencyError: the object store does not start.
        ModelError: a version cannot be published.
    """
    if not scenario.versions:
        yield None
        return
    with contextlib.ExitStack() as stack:
        objects = stack.enter_context(object_store.running(folder)) if scenario.store == "s3" else None
        shelf = Shelf(folder, str(folder / STORE) if objects is None else objects.url, bootstrap, objects=objects)
        shelf.fill(scenario.versions)
        yield shelf
