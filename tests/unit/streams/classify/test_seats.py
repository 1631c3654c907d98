"""What a worker loads beside the engine that serves: giving way to it, known to `kill_all`, counted where it shall."""

from typing import Any

import pytest

from models.specs import NoopSpec, RegistrySpec
from runtime.settings import Settings
from streams.classify import seats as module
from streams.classify.metrics import Metrics
from streams.classify.prepare import prepare
from streams.classify.seats import Seats


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What engines were asked to load, and how; each loads the no-op engine in a process."""
    asked: list[dict[str, Any]] = []
    start = module.HostedEngine.start

    def started(spec: Any, **how: Any) -> Any:
        asked.append({"spec": spec, **how})
        return start(NoopSpec(), **how)

    monkeypatch.setattr(module.HostedEngine, "start", started)
    return asked


async def test_an_engine_that_loads_beside_another_gives_way_and_the_first_does_not(asked, tmp_path) -> None:
    seats = Seats(Settings(home=tmp_path), "host:1:0", Metrics(), lambda *_: ())
    first = seats.host(seats.spec())
    try:
        scorer = await seats.load("v-0123456789")
        await seats.give_up(scorer)
    finally:
        first.close()
    assert [one["gives_way"] for one in asked] == [False, True]
    assert isinstance(asked[1]["spec"], RegistrySpec)
    assert asked[1]["spec"].version == "v-0123456789"


async def test_all_that_were_not_given_up_are_killed_at_once(asked, tmp_path) -> None:
    seats = Seats(Settings(home=tmp_path), "host:1:0", Metrics(), lambda *_: ())
    gone, staying = await seats.load("v-0123456789"), await seats.load("v-0123456789")
    await seats.give_up(gone)
    seats.kill_all()
    assert not staying.is_ready
    assert len(asked) == 2


@pytest.mark.parametrize("is_counted", [True, False])
async def test_only_what_users_see_is_counted(asked, tmp_path, record, is_counted: bool) -> None:
    metrics = Metrics()
    seats = Seats(Settings(home=tmp_path), "host:1:0", metrics, lambda *_: ())
    scorer = await seats.load("v-0123456789", is_counted=is_counted)
    await scorer.score([prepare(record(0))], lambda: True)
    await seats.give_up(scorer)
    assert metrics.registry.get_sample_value("bellwether_batch_size_count") == float(is_counted)
    assert asked
