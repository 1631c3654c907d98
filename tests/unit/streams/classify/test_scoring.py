import pytest

from runtime.errors import ModelError
from streams.classify.prepare import prepare
from streams.classify.records import Refused, Scores


def items(record, *texts):
    return [prepare(record(offset, text)) for offset, text in enumerate(texts)]


async def test_each_model_call_has_its_own_batch_id(rig, record) -> None:
    first = await rig.scorer.score(items(record, "a", "b"), lambda: True)
    second = await rig.scorer.score(items(record, "c"), lambda: True)
    ids = [part.batch_id for part in (*first, *second) if isinstance(part, Scores)]
    assert ids == ["host:1:0-1", "host:1:0-2"]


@pytest.mark.parametrize("marker", ["crash", "timeout", "error"])
async def test_poison_is_refused_with_the_engines_reason_and_its_neighbours_are_scored(rig, record, marker) -> None:
    parts = await rig.scorer.score(items(record, "a", "b", f"[[{marker}]]", "c", "d"), lambda: True)
    scored = [item.cleaned for part in parts if isinstance(part, Scores) for item in part.items]
    refused = {position: one for part in parts if isinstance(part, dict) for position, one in part.items()}
    assert scored == ["a", "b", "c", "d"]
    assert list(refused) == [2]
    assert isinstance(refused[2], Refused)
    assert refused[2].reason == ("engine_error" if marker == "error" else marker)
    assert refused[2].event_id == "e0-2"
    assert rig.host.restarts == (0 if marker == "error" else 4)


async def test_an_engine_that_does_not_come_back_ends_the_search(rig, record) -> None:
    rig.host.refuse_restarts = 99
    with pytest.raises(ModelError, match=r"'scripted' .* did not come back in 4 attempts"):
        await rig.scorer.score(items(record, "[[crash]]"), lambda: True)


async def test_an_engine_may_fail_to_come_back_three_times(rig, record) -> None:
    rig.host.refuse_restarts = 3
    parts = await rig.scorer.score(items(record, "a", "[[crash]]"), lambda: True)
    assert [item.cleaned for part in parts if isinstance(part, Scores) for item in part.items] == ["a"]


async def test_an_engine_that_died_while_idle_is_brought_back_before_a_text_is_blamed(rig, record) -> None:
    rig.host.is_alive = False
    await rig.scorer.score(items(record, "a", "b"), lambda: True)
    assert rig.host.restarts == 1
    assert rig.host.calls == [["a", "b"]]


async def test_nothing_is_asked_when_nobody_waits(rig, record) -> None:
    await rig.scorer.score(items(record, "a"), lambda: False)
    assert rig.host.calls == []
