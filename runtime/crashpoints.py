"""Places where a process kills itself because a test asked for it: nothing unwinds, as after a power cut."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import SettingsError

POINTS = ("assigned", "taken", "decoded", "scored", "sent", "produced", "acked", "revoked", "stopping")
"""In the order in which work passes them.

- `assigned`: partitions were assigned.
- `taken`: a lot came from the transport.
- `decoded`: a batch is prepared and about to enter the stages.
- `scored`: the engine has answered for a batch.
- `sent`: outputs were handed to the producer, and no acknowledgement was awaited yet.
- `produced`: the broker has acknowledged all outputs of a batch, none of its inputs is acknowledged.
- `acked`: the inputs are acknowledged, and not committed yet.
- `revoked`: a rebalance began while work is in flight.
- `stopping`: the process was told to end, or ends by itself.
"""

TRAINER_POINTS = ("collected", "training", "building", "judging", "judged", "recorded", "published", "promoted")
"""Of a trainer's run, likewise.

- `collected`: what is learnt from lies in the run's folder.
- `training`, `building`, `judging`: the run's process has begun with that.
- `judged`: it is done, and the registry knows nothing of the run yet.
- `recorded`: the registry has the run's record; nothing else moved.
- `published`: the version is in the store; the pointer knows nothing of it yet.
- `promoted`: the pointer names it as the champion; nobody was told.
"""

FORM = "POINT:COUNT:FILE"

Pass = Callable[[str], None]
"""Told the name of each point as it is passed."""


def unharmed(point: str) -> None:
    """Pass any point and live on: what runs where no crash was asked for."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A crash that was asked for.

    Attributes:
        point: where, one of `POINTS` or `TRAINER_POINTS`.
        count: at which passing of it, from 1 on; each process counts for itself.
        file: made by the process that crashes, so that one setting kills one process, once, also after restarts.
    """

    point: str
    count: int
    file: Path

    @classmethod
    def parse(cls, value: str) -> Crash:
        """From the setting `crash_at`, `POINT:COUNT:FILE`.

        Raises:
            SettingsError: another form, an unknown point, a count below 1, a folder that is not there.
        """
        point, _, rest = value.partition(":")
        count, _, file = rest.partition(":")
        known = (*POINTS, *TRAINER_POINTS)
        if point not in known:
            problem = f"no point is called {point!r}; known: {', '.join(known)}"
        elif not (count.isascii() and count.isdigit() and int(count)):
            problem = f"{count!r} is no count from 1 on"
        elif not file or not Path(file).parent.is_dir():
            problem = f"{file!r} is no file in an existing folder"
        else:
            return cls(point, int(count), Path(file))
        raise SettingsError(f"setting 'crash_at' = {value!r}: {problem}; write {FORM}, e.g. produced:3:/tmp/crashed")


class CrashPoints:
    """Kills the process at one passing of one point; call it with each point's name.

    Args:
        crash: which.
        kill: ends the process at once; an argument for tests.
    """

    def __init__(self, crash: Crash, kill: Callable[[], None] | None = None) -> None:
        self._crash = crash
        self._kill = kill or _kill
        self._left = crash.count

    def __call__(self, point: str) -> None:
        """Pass a point."""
        if point != self._crash.point:
            return
        self._left -= 1
        if self._left == 0 and self._is_first():
            self._kill()

    def _is_first(self) -> bool:
        """Whether no process has crashed for this setting: the file can be made by one only."""
        try:
            with self._crash.file.open("x", encoding="ascii") as file:
                file.write(f"{os.getpid()} {self._crash.point}\n")
        except OSError:
            return False
        return True


def crash_points(crash_at: str | None) -> Pass:
    """What to call at each point: harmless unless the setting `crash_at` names one.

    Raises:
        SettingsError: the setting cannot be read.
    """
    return unharmed if crash_at is None else CrashPoints(Crash.parse(crash_at))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
