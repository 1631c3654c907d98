"""How much memory an engine's process took since it was warm, and when that is too much. No pipe, no kill."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from runtime.errors import EngineMemoryError

LOOK_EVERY_S = 0.2
"""Between two looks at a process in the middle of a call; a shorter call costs none. A process that does nothing but
take memory gets about 1 GiB in this time, so that is how far it may overshoot."""

GROWTH_MIB = 4096
"""What a call may take where nobody says: a worker's budget keeps an honest batch far under 1 GiB."""


class EngineGrowthError(EngineMemoryError):
    """The engine took memory without end and was killed; `HostedEngine.restart` brings a new one."""


class Growth:
    """A process's resident memory against what it held when this was made.

    Resident, because a process that only reserves takes nothing from anybody. What was swapped out does not count, so
    on a machine that swaps the bound is a soft one.

    Args:
        resident: bytes of the process in memory now; None when it is gone.
        most_mib: growth that is too much, in MiB.
    """

    def __init__(self, resident: Callable[[], int | None], most_mib: float = GROWTH_MIB) -> None:
        self._resident = resident
        self._most_mib = most_mib
        self._warm = resident() or 0

    def look(self) -> None:
        """Return when all is well, or the process is gone, which its pipe will say.

        Raises:
            EngineGrowthError: it has grown by more than the bound; it still runs.
        """
        now = self._resident()
        if now is not None and now - self._warm > self._most_mib * 2**20:
            raise EngineGrowthError(
                f"grew to {now / 2**20:,.0f} MiB from the {self._warm / 2**20:,.0f} MiB that it held when warm; "
                f"engine_growth_mib allows {self._most_mib:,.0f} MiB more"
            )


def resident_of(pid: int) -> Callable[[], int | None]:
    """Asks the operating system, the same way on each, for a process's resident bytes."""
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return lambda: None

    def resident() -> int | None:
        try:
            return int(process.memory_info().rss)
        except psutil.Error:
            return None

    return resident
