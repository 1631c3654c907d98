"""How many schedules the simulations try, and that each one can be tried again.

By default 2,100 schedules: 600 of the offset tracker (30 steps each), 600 of the dead-letter policy (40 steps), 500 of
the batcher (25 steps) and 400 of the pipeline (40 steps, some of them 20 events long, with a clock of its own); beside
them 1,600 random cases without an order of events.

Locally each run draws new ones, and a failure prints the blob that repeats it. Under CI the same ones are drawn each
time, so that no change is blamed for what another one broke. `SIMULATION_TIMES=50 pytest tests/simulation` tries 50
times as many.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings

TIMES = int(os.environ.get("SIMULATION_TIMES", "1"))

Schedules = Callable[..., settings]


@pytest.fixture(scope="session")
def schedules() -> Schedules:
    """Gives hypothesis' settings: `schedules(500)`, or `schedules(500, steps=40)` for a state machine."""

    def make(count: int, *, steps: int = 50) -> settings:
        return settings(
            max_examples=count * TIMES,
            stateful_step_count=steps,
            derandomize=os.environ.get("CI") == "true",
            deadline=None,  # a busy machine is no failure
            print_blob=True,
            verbosity=Verbosity.normal,
            phases=[phase for phase in Phase if phase is not Phase.explain],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )

    return make
