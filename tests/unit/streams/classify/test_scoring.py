import pytest
from structlog.testing import capture_logs

from runtime.errors import EngineMemoryError, ModelError
from streams.classify.prepare import prepare
from streams.classify.records import Refused, Scores
from streams.classify.scoring import PROBE


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
    assert rig.host.restarts == (1 if marker == "error" else 3)


async def test_outputs_do_not_wait_for_an_engine_that_only_the_next_batch_needs(rig, record) -> None:
    await rig.scorer.score(items(record, "a", "[[crash]]"), lambda: True)
    assert not rig.host.is_alive
    assert rig.scorer.is_ready
    restarts = rig.host.restarts
    await rig.scorer.score(items(record, "b"), lambda: True)
    assert rig.host.restarts == restarts + 1
    rig.host.is_alive = False
    assert not rig.scorer.is_ready


async def test_an_engine_that_does_not_come_back_is_not_called_ready(rig, record) -> None:
    await rig.scorer.score(items(record, "[[crash]]", "[[crash]]"), lambda: True)
    rig.host.is_alive, rig.host.refuse_restarts = False, 99
    with pytest.raises(ModelError, match="did not come back"):
        await rig.scorer.revive()
    assert not rig.scorer.is_ready


async def test_the_search_is_impatient_and_the_first_and_the_deciding_call_are_not(rig, record) -> None:
    deadlines = []
    score = rig.host.score

    def timed(texts, deadline_s=None):
        deadlines.append((len(texts), deadline_s))
        return score(texts, deadline_s)

    rig.host.score = timed
    await rig.scorer.score(items(record, "a"), lambda: True)
    await rig.scorer.score(items(record, *["b"] * 31, "[[timeout]]"), lambda: True)
    assert deadlines[1:] == [(32, 5.0), *[(2, 1.0)] * 16, (1, 1.0), (1, 1.0), (1, 5.0)]


async def test_an_engine_that_does_not_come_back_ends_the_search(rig, record) -> None:
    rig.host.refuse_restarts = 99
    with pytest.raises(ModelError, match=r"'scripted' .* did not come back in 4 attempts"):
        await rig.scorer.score(items(record, "[[crash]]"), lambda: True)


async def test_an_engine_may_fail_to_come_back_three_times(rig, record) -> None:
    rig.host.refuse_restarts = 3
    parts = await rig.scorer.score(items(record, "a", "[[crash]]"), lambda: True)
    assert [item.cleaned for part in parts if isinstance(part, Scores) for item in part.items] == ["a"]


async def test_calls_counts_each_call_and_restart_that_finished_however_it_ended(rig, record) -> None:
    assert rig.scorer.calls == 0
    await rig.scorer.score(items(record, "a"), lambda: True)
    assert rig.scorer.calls == 1
    await rig.scorer.score(items(record, "a", "[[error]]"), lambda: True)
    assert rig.scorer.calls == len(rig.host.calls) + rig.host.restarts
    rig.host.is_alive, rig.host.refuse_restarts = False, 2
    before = rig.scorer.calls
    await rig.scorer.score(items(record, "a"), lambda: True)
    assert rig.scorer.calls == before + 3 + 1


async def test_an_engine_that_died_while_idle_is_brought_back_before_a_text_is_blamed(rig, record) -> None:
    rig.host.is_alive = False
    await rig.scorer.score(items(record, "a", "b"), lambda: True)
    assert rig.host.restarts == 1
    assert rig.host.calls == [["a", "b"]]


async def test_nothing_is_asked_when_nobody_waits(rig, record) -> None:
    await rig.scorer.score(items(record, "a"), lambda: False)
    assert rig.host.calls == []


def scored_and_refused(parts):
    scored = [item.cleaned for part in parts if isinstance(part, Scores) for item in part.items]
    return scored, [position for part in parts if isinstance(part, dict) for position in part]


async def test_an_engine_that_lives_on_and_fails_for_good_is_restarted_before_any_text_is_blamed(rig, record) -> None:
    rig.host.fails_after = 0
    parts = await rig.scorer.score(items(record, "a", "b", "c"), lambda: True)
    assert scored_and_refused(parts) == (["a", "b", "c"], [])
    assert rig.host.restarts == 1


async def test_an_engine_that_fails_whatever_it_is_given_ends_the_worker_and_makes_no_letter(rig, record) -> None:
    rig.host.fails_after, rig.host.is_beyond_repair = 0, True
    with pytest.raises(ModelError, match=r"'scripted' .* fails whatever it is given, 3 texts .* device-side assert"):
        await rig.scorer.score(items(record, "a", "b", "c"), lambda: True)


@pytest.mark.parametrize("texts", [["[[error]]"], ["[[crash]]", "[[error]]", "[[timeout]]"]])
async def test_a_batch_of_nothing_but_poison_ends_as_letters_because_the_engine_proves_itself(
    rig, record, texts
) -> None:
    parts = await rig.scorer.score(items(record, *texts), lambda: True)
    assert scored_and_refused(parts) == ([], list(range(len(texts))))
    assert rig.host.calls[-1] == [PROBE]


async def test_a_text_that_spoils_the_engine_for_the_probe_too_is_a_letter_after_a_restart(rig, record) -> None:
    rig.host.fails_after = 0
    restart = rig.host.restart

    def still_spoilt_once() -> None:
        restart()
        rig.host.fails_after = 0 if rig.host.restarts == 1 else None

    rig.host.restart = still_spoilt_once
    parts = await rig.scorer.score(items(record, "a"), lambda: True)
    assert scored_and_refused(parts) == ([], [0])
    assert rig.host.restarts == 2


def hungry(rig, most_texts):
    """Let the engine run out of memory, and live on, on more than so many texts, and on `[[huge]]` even alone."""
    score = rig.host.score

    def limited(texts, deadline_s=None):
        if len(texts) > most_texts or "[[huge]]" in texts:
            rig.host.calls.append(list(texts))
            raise EngineMemoryError("scripted lack of memory")
        return score(texts, deadline_s)

    rig.host.score = limited


async def test_a_batch_that_needs_too_much_memory_is_halved_and_scored_and_later_ones_are_smaller(rig, record) -> None:
    hungry(rig, 2)
    before = rig.scorer.budget
    long = "profit " * 60
    parts = await rig.scorer.score(items(record, *[f"{name} {long}" for name in "abcd"]), lambda: True)
    scored, refused = scored_and_refused(parts)
    assert [text[0] for text in scored] == ["a", "b", "c", "d"]
    assert refused == []
    assert [len(call) for call in rig.host.calls] == [4, 2, 2]
    assert rig.host.restarts == 0
    assert rig.scorer.budget < before


async def test_batches_that_were_cut_grow_back_and_the_log_says_both_once(rig, record) -> None:
    hungry(rig, 2)
    long = "profit " * 60
    four = items(record, *[f"{name} {long}" for name in "abcd"])
    with capture_logs() as lines:
        await rig.scorer.score(four, lambda: True)
        small = rig.scorer.budget
        for _ in range(30):
            await rig.scorer.score(four[:2], lambda: True)
    said = [line["event"] for line in lines if line["event"].startswith("budget_")]
    assert said == ["budget_cut", "budget_restored"]
    assert rig.scorer.budget >= sum(item.cost for item in four) > small


async def test_a_text_that_is_too_much_alone_twice_is_a_letter_and_makes_no_later_batch_smaller(rig, record) -> None:
    hungry(rig, 9)
    before = rig.scorer.budget
    parts = await rig.scorer.score(items(record, "[[huge]]"), lambda: True)
    assert [one.reason for part in parts if isinstance(part, dict) for one in part.values()] == ["out_of_memory"]
    assert rig.scorer.budget == before
    assert rig.host.restarts == 1
