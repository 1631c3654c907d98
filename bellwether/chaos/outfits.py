"""What the workers of a row run with: command line, environment, folders, and where its clock or disk can be harmed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bellwether.chaos import clocks, launch
from bellwether.chaos.clocks import FakeClock
from bellwether.chaos.disks import VERSIONS_MIB, Disk
from bellwether.chaos.judge import BATCH_RECORDS
from bellwether.chaos.scenario import Scenario
from runtime import settings
from runtime.errors import DependencyError
from runtime.settings import PREFIX

CRASHED = "crashed"
"""File in the row's folder that a worker makes when it kills itself, so that no other does."""


@dataclass
class Outfit:
    """Used between entering and leaving.

    Attributes:
        scenario: the row.
        address: of the broker.
        group: of the workers.
        folder: of the row.
        build: folder of another source tree whose code the workers run.
        store: URL of the row's own store of versions, where it has one.
        state: where logs, the home folder and temporary files of the workers are.
        clock: of the workers, where the row makes it jump.
        disk: below `state`, where the row fills it.
        registry_disk: of the versions that they pull, where the row fills that.
    """

    scenario: Scenario
    address: str
    group: str
    folder: Path
    build: Path | None = None
    store: str | None = None
    clock: FakeClock | None = None
    disk: Disk | None = None
    registry_disk: Disk | None = None
    _leaving: ExitStack = field(default_factory=ExitStack)

    @property
    def state(self) -> Path:
        """Of all workers of this row."""
        return self.folder / "workers"

    @property
    def crashed(self) -> Path:
        """Exists once a worker has killed itself at the row's crash point."""
        return self.folder / CRASHED

    def __enter__(self) -> Self:
        done = {fault.do for fault in self.scenario.faults}
        with ExitStack() as leaving:
            if "fill-disk" in done:
                self.disk = leaving.enter_context(Disk(self.state))
            if "full-registry" in done:
                self.registry_disk = leaving.enter_context(Disk(self.state / "registry", VERSIONS_MIB))
            if "jump-clock" in done:
                library = clocks.library()
                if library is None:
                    raise DependencyError("libfaketime is not installed: without it no clock jumps")
                self.clock = FakeClock(self.folder / "clock", library)
            self._home().mkdir(parents=True)
            # The registry is named by a setting; keys are only looked for at home.
            (self._home() / "keys").symlink_to(settings.load().keys_folder.absolute())
            self._leaving = leaving.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def parent(self, number: int) -> list[str]:
        """What `Child` runs for the parent of one worker, numbered from 1 on."""
        return launch.arguments(
            self._order(
                ["--processes", "1", "--model", self._model(number), "--port-file", f"{self.state}/{number}.port"]
            )
        )

    def alone(self, *flags: str) -> list[str]:
        """What `Child` runs for a worker without a parent."""
        return launch.arguments(self._order(["--model", self.scenario.model, *flags]))

    def _model(self, number: int) -> str:
        # Each parent's workers say another version, so that a batch of two workers would show.
        return f"scripted@v-{number:010d}" if self.scenario.model == "scripted" else self.scenario.model

    def _order(self, flags: list[str]) -> launch.Order:
        where = ["--bootstrap", self.address, "--group", self.group, "--http-port", "0"]
        chosen = {
            "home": str(self._home()),
            **self._versions(),
            "batch_records": str(BATCH_RECORDS),
            **self.scenario.settings,
        }
        if self.scenario.crash_at is not None:
            chosen["crash_at"] = f"{self.scenario.crash_at}:{self.crashed}"
        clock = {} if self.clock is None else self.clock.environment()
        return launch.Order(
            arguments=("bellwether", "worker", *where, *flags),
            environment={PREFIX + name.upper(): value for name, value in chosen.items()} | clock,
            folder=None if self.build is None else str(self.build.absolute()),
        )

    def _versions(self) -> dict[str, str]:
        """Where versions are: this machine's, or what the workers pull from the row's own store."""
        if self.store is None:
            return {"registry": str(settings.load().registry_folder.absolute())}
        return {"store": self.store, "registry": str(self.state / "registry")}

    def _home(self) -> Path:
        return self.state / "home"
