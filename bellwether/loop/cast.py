"""Who plays in a loop: a store with a champion, a worker that serves it, a trainer that learns; all in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bellwether.demo.children import Child
from models import keys, pointer, publish
from models.engines.openvino_int8 import available_threads
from models.pointer import Pointer
from models.store import Store, open_store
from runtime import clock

LABELLER = "demo-desk"
"""Who labels in a loop; marked as trusted, because no person labels so fast."""


def spare_threads() -> int:
    """Processor threads of a training beside a worker: one core is the worker's.

    Two that share all cores wait for each other: on two cores with other work a step of two threads took ten times as
    long as one of a single thread.
    """
    return max(1, available_threads() - 1)


@dataclass(frozen=True)
class Stage:
    """A machine's folders, apart from the user's own.

    Attributes:
        folder: of all.
    """

    folder: Path

    @property
    def home(self) -> Path:
        """Keys, registry, and what worker and trainer remember."""
        return self.folder / "home"

    @property
    def registry(self) -> Path:
        """Versions of this stage's machine."""
        return self.home / "registry"

    @property
    def trust(self) -> Path:
        """The keys that count here."""
        return self.home / "keys" / keys.TRUST_FILE

    @property
    def store(self) -> Store:
        """Where versions are shared."""
        return open_store(str(self.folder / "store"), make=True)

    @property
    def settings(self) -> Mapping[str, str]:
        """Of worker and trainer."""
        return {
            "BELLWETHER_HOME": str(self.home),
            "BELLWETHER_REGISTRY": str(self.registry),
            "BELLWETHER_STORE": str(self.folder / "store"),
            "BELLWETHER_MODEL": "champion",
            "BELLWETHER_LABELLERS": str(self.folder / "labellers.toml"),
        }

    def set(self, champion: Path, trust: Path) -> None:
        """Make the folders, publish a version and let it serve.

        Args:
            champion: folder of the version.
            trust: file of the keys that may have signed it.

        Raises:
            ModelError: it does not verify, or cannot be published.
        """
        keys.ensure(self.home / "keys")
        for known in keys.trusted(trust):
            keys.trust(self.trust, known)
        (self.folder / "labellers.toml").write_text(f'trusted = ["{LABELLER}"]\n', encoding="utf-8")
        store = self.store
        publish.publish(store, champion, trust)
        then = pointer.promoted(Pointer(), champion.name)
        pointer.append(store, "promote", Pointer(), then, who="bellwether", at=clock.now(), why="what is known so far")


def worker(stage: Stage, bootstrap: str, stack: ExitStack) -> Child:
    """The worker that serves the champion."""
    arguments = ["bellwether", "worker", "--bootstrap", bootstrap, "--model", "champion", "--accept-reset"]
    arguments += ["--http-port", "0", "--port-file", str(stage.folder / "worker.port")]
    return stack.enter_context(Child("worker", arguments, stage.folder, forced=stage.settings))


def trainer(stage: Stage, bootstrap: str, options: Sequence[str], stack: ExitStack) -> Child:
    """The trainer, with what it learns and when."""
    arguments = ["bellwether", "trainer", "run", "--bootstrap", bootstrap, "--http-port", "0", *options]
    return stack.enter_context(Child("trainer", arguments, stage.folder, forced=stage.settings))
