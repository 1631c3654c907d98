import os

import pytest

from models.growth import EngineGrowthError, Growth, resident_of

MIB = 2**20


def test_growth_is_counted_from_what_was_held_when_warm() -> None:
    held = [300 * MIB]
    growth = Growth(lambda: held[0], most_mib=100)
    held[0] = 400 * MIB
    growth.look()
    held[0] += 1
    with pytest.raises(EngineGrowthError, match=r"grew to 400 MiB from the 300 MiB .* allows 100 MiB more"):
        growth.look()


def test_a_process_that_is_gone_is_for_its_pipe_to_tell() -> None:
    held: list[int | None] = [300 * MIB, None]
    growth = Growth(lambda: held.pop(0), most_mib=100)
    growth.look()


def test_the_operating_system_tells_our_own_memory_and_none_of_a_process_that_does_not_exist() -> None:
    assert (resident_of(os.getpid())() or 0) > MIB
    assert resident_of(2**22 + 1)() is None
