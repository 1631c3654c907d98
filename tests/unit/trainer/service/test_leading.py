"""What a term does in which order, also where it ends in the middle and another goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import pointer as pointers
from models.pointer import RaceLostError
from runtime.crashpoints import TRAINER_POINTS
from runtime.errors import CorruptVersionError
from trainer.service import records
from trainer.service.field import Bounds
from trainer.service.leading import Leading
from trainer.service.promotion import Plan
from trainer.service.tail import Answer, Said

from .conftest import FIRST, Inline, World, label

BUILT = "v-0000000011"


class KilledError(BaseException):
    """As a kill would: nothing of ours catches it."""


class Kill:
    def __init__(self, point: str) -> None:
        self._point = point

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._point = ""
            raise KilledError(point)


def killed(world: World, point: str) -> None:
    term = world.term(Kill(point))
    world.submit(term, *map(label, range(4)))
    with pytest.raises(KilledError):
        world.turn(term)
    term.labels.close()


def judged(world: World) -> Leading:
    """A term whose run is judged and not recorded: it lost the lead at the last moment, and does not know."""
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 1)
    world.leads = False
    world.turn(term, 1)
    assert world.deeds[-1] == f"judge {BUILT}"
    world.leads = True
    return term


def test_labels_become_a_champion_by_way_of_a_record(world: World) -> None:
    term = world.term()
    world.submit(term, label(1), label(2))
    world.turn(term)
    assert world.deeds == []
    world.submit(term, label(3))
    world.turn(term)
    assert world.deeds == ["sort", "train 1: 3", f"build {BUILT}", f"judge {BUILT}", f"publish {BUILT}"]
    assert world.moves() == [("stage", BUILT), ("promote", BUILT)]
    (record,) = records.every(world.store)
    assert (record.number, record.position, record.labels, record.parent) == (1, 3, 3, FIRST)
    assert (record.why, record.judgement.verdict, record.version) == ("3 labels", "better", BUILT)
    assert {"collecting", "training", "building", "judging"} == set(record.seconds)
    assert "run 1 (3 labels): as the test wants" in pointers.moves(world.store)[1].why
    assert list((world.folder / "trainer" / "runs").iterdir()) == []


@pytest.mark.parametrize("point", TRAINER_POINTS)
def test_killed_anywhere_it_goes_on_and_publishes_once(world: World, point: str) -> None:
    killed(world, point)
    term = world.term()
    world.turn(term)
    assert world.moves() == [("stage", BUILT), ("promote", BUILT)]
    assert len(records.every(world.store)) == 1
    assert world.did("publish") == 1
    assert world.did("train") == 1


@pytest.mark.parametrize("point", ["judged", "recorded"])
def test_a_rejected_run_is_not_repeated_after_a_kill(world: World, point: str) -> None:
    world.verdict = "worse within noise"
    killed(world, point)
    term = world.term()
    world.turn(term)
    assert (world.did("train"), world.did("publish"), world.moves()) == (1, 0, [])
    world.submit(term, *map(label, range(10, 12)))
    world.turn(term)
    assert world.did("train") == 1
    world.submit(term, label(12))
    world.turn(term)
    assert world.did("train") == 2
    assert [one.judgement.verdict for one in records.every(world.store)] == ["worse within noise"] * 2


def test_the_same_labels_again_begin_no_run(world: World) -> None:
    world.verdict = "same"
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term)
    world.submit(term, *map(label, range(4)))
    world.turn(term)
    later = [label(number, labelled_at=world.now) for number in range(4)]
    world.submit(term, *later)
    world.turn(term)
    assert world.did("train") == 1
    assert len(records.every(world.store)) == 1


def test_who_does_not_lead_any_more_leaves_no_trace(world: World) -> None:
    term = judged(world)
    world.leads = False
    world.turn(term)
    assert (records.every(world.store), world.moves(), world.did("publish")) == ([], [], 0)


def test_who_comes_too_late_with_a_record_is_fenced(world: World) -> None:
    stale, other = judged(world), world.term(state="other")
    world.offset = 0
    world.submit(other, *map(label, range(5)))
    world.turn(other)
    world.turn(stale)
    assert [one.labels for one in records.every(world.store)] == [5]
    assert world.moves() == [("stage", BUILT), ("promote", BUILT)]
    assert world.did("publish") == 1
    assert list((world.folder / "trainer" / "runs").iterdir()) == []


def test_a_create_that_lost_ends_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the create another one recorded: the store decides."""
    stale, other = judged(world), world.term(state="other")
    world.offset = 0
    world.submit(other, *map(label, range(5)))
    world.turn(other)
    monkeypatch.setattr(stale.registry, "look", lambda: None)
    stale.turn()
    assert stale.run is None
    assert [one.labels for one in records.every(world.store)] == [5]
    with pytest.raises(RaceLostError):
        stale.registry.move("stage", pointers.staged(stale.registry.pointer, BUILT), "too late")


def test_a_run_against_a_champion_that_is_gone_starts_over(world: World) -> None:
    term = judged(world)
    now = pointers.head(world.store)
    then = pointers.promoted(now, "v-00000000ff")
    pointers.append(world.store, "promote", now, then, who="a person", at=world.now, why="I know better")
    world.turn(term)
    assert world.did("train") == 2
    assert [one.parent for one in records.every(world.store)] == ["v-00000000ff"]


def test_a_version_that_went_with_its_machine_is_trained_again(world: World) -> None:
    killed(world, "recorded")
    world.built.clear()
    term = world.term(state="another machine")
    world.offset = 0
    world.submit(term, *map(label, range(4)))
    world.turn(term)
    again = "v-0000000012"
    assert [one.version for one in records.every(world.store)] == [BUILT, again]
    assert records.every(world.store)[1].why == "run 1 was better, and its version went with its machine"
    assert world.moves() == [("stage", again), ("promote", again)]


def test_a_process_that_always_fails_ends_in_a_record(world: World) -> None:
    world.fails = True
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term)
    (record,) = records.every(world.store)
    assert (record.judgement.verdict, record.version, world.did("train"), world.moves()) == ("failed", None, 2, [])


def answer(number: int, version: str, says: str, *, is_shadow: bool = False) -> Answer:
    return Answer(f"e-{number}", version, {"sentiment": Said(says)}, is_shadow)


def in_shadow(world: World) -> Leading:
    world.plan = Plan(shadow_s=300)
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 5)
    assert world.moves() == [("stage", BUILT), ("challenge", BUILT)]
    return term


def test_a_shadow_serves_unless_its_paired_outcomes_are_worse(world: World) -> None:
    term = in_shadow(world)
    for number in range(100, 120):
        term.answer(answer(number, FIRST, "negative"))
        term.answer(answer(number, BUILT, "positive", is_shadow=True))
    world.submit(term, label(100), label(101))
    world.turn(term, 20)
    assert len(world.moves()) == 2, "its time is not over"
    world.turn(term, 20)
    assert world.moves()[2:] == [("promote", BUILT)], "two labels decide nothing"


def test_a_worse_shadow_is_dropped_and_not_tried_again(world: World) -> None:
    term = in_shadow(world)
    for number in range(100, 120):
        term.answer(answer(number, FIRST, "negative"))
        term.answer(answer(number, BUILT, "positive", is_shadow=True))
    world.submit(term, *(label(number, text=None) for number in range(90, 92)), *map(label, range(100, 110)))
    world.verdict = "same"
    world.turn(term, 40)
    assert world.moves()[2:] == [("challenge", None)]
    assert "sentiment: in the shadow it lost 10 and won 0 labelled events" in pointers.moves(world.store)[-1].why


@pytest.mark.parametrize(("wrong", "is_back"), [(140, True), (6, False)])
def test_a_champion_that_the_labels_speak_against_goes(world: World, wrong: int, is_back: bool) -> None:
    term = world.term()
    old = {"model_version": FIRST, "probabilities": {"negative": 9_000, "positive": 1_000}}
    new = {"model_version": BUILT, "probabilities": {"negative": 9_000, "positive": 1_000}}
    world.submit(term, *(label(number, **old) for number in range(200)))
    world.turn(term, 5)
    assert world.moves()[-1] == ("promote", BUILT)
    said = ["positive"] * wrong + ["negative"] * (200 - wrong)
    world.verdict = "same"
    world.submit(term, *(label(1_000 + number, says, **new) for number, says in enumerate(said)))
    world.turn(term, 5)
    assert (world.moves()[-1] == ("rollback", FIRST)) == is_back
    if is_back:
        assert "sentiment: prequential error 0.700 on 200 labels" in pointers.moves(world.store)[-1].why


ANSWERS = {"negative": 9_000, "positive": 1_000}


def promoted(world: World) -> Leading:
    """A term whose version serves, with 200 labels of the champion before, all of them right."""
    term = world.term()
    world.submit(term, *(label(number, model_version=FIRST, probabilities=ANSWERS) for number in range(200)))
    world.turn(term, 5)
    assert world.moves()[-1] == ("promote", BUILT)
    world.verdict = "same"
    return term


def contradict(world: World, term: Leading, number: int = 200, labeller: str = "ana") -> None:
    said = {"model_version": BUILT, "probabilities": ANSWERS, "labeller": labeller}
    world.submit(term, *(label(1_000 + one, "positive", **said) for one in range(number)))


class Busy(Inline):
    """A run's process that does not end."""

    def __init__(self, *_: object) -> None:
        self.code = None


def test_a_champion_is_watched_while_a_run_works_and_the_run_goes_with_it(world: World) -> None:
    term = promoted(world)
    term.start = Busy
    world.submit(term, *(label(number) for number in range(500, 504)))
    world.turn(term, 2)
    assert term.run is not None
    contradict(world, term)
    world.turn(term, 3)
    assert world.moves()[-1] == ("rollback", FIRST)
    assert term.run is None or term.run.order.parent == FIRST


def test_a_later_run_does_not_end_the_watch(world: World) -> None:
    term = promoted(world)
    world.submit(term, *(label(number) for number in range(500, 504)))
    world.turn(term, 5)
    assert [one.judgement.verdict for one in records.every(world.store)] == ["better", "same"]
    contradict(world, term)
    world.turn(term, 5)
    assert world.moves()[-1] == ("rollback", FIRST)
    assert pointers.moves(world.store)[-1].why.startswith("run 1: sentiment: prequential error 1.000")


def test_the_watch_is_over_after_its_time(world: World) -> None:
    term = promoted(world)
    world.now += timedelta(seconds=term.rules.watch_s)
    contradict(world, term)
    world.turn(term, 5)
    assert world.moves()[-1] == ("promote", BUILT)


def test_who_is_not_believed_brings_no_champion_down(world: World) -> None:
    world.distrusted = "mallory"
    term = promoted(world)
    contradict(world, term, labeller="mallory")
    world.turn(term, 5)
    assert world.moves()[-1] == ("promote", BUILT)


def test_who_is_not_believed_drops_no_shadow(world: World) -> None:
    world.distrusted = "mallory"
    term = in_shadow(world)
    for number in range(100, 120):
        term.answer(answer(number, FIRST, "negative"))
        term.answer(answer(number, BUILT, "positive", is_shadow=True))
    world.submit(term, *(label(number, labeller="mallory") for number in range(100, 110)))
    world.turn(term, 40)
    assert world.moves()[2:3] == [("promote", BUILT)]


def test_while_too_few_are_set_aside_labels_are_not_sorted_anew_at_each(world: World) -> None:
    world.least_aside = 1
    term = world.term()
    for number in range(40):
        world.submit(term, label(number))
        world.turn(term, 1, seconds=1.0)
    assert world.did("sort") == 3
    assert world.did("train") == 0


def test_a_run_of_another_recipe_is_not_gone_on_with(world: World) -> None:
    killed(world, "collected")
    world.recipe = "another recipe"
    world.turn(world.term())
    assert [one.recipe for one in records.every(world.store)] == ["another recipe"]


def test_a_champion_whose_answers_shift_from_the_forecast_goes(world: World) -> None:
    world.forecast = {"sentiment": {"negative": 0.5, "positive": 0.5}}
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 5)
    for number in range(Bounds().min_events):
        term.answer(answer(number, BUILT, "negative"))
    world.turn(term, 2)
    assert world.moves()[-1] == ("rollback", FIRST)
    assert pointers.moves(world.store)[-1].why == (
        "run 1: sentiment negative: 100.0% of 500 events, the gate foresaw 50.0%, allowed is 10% off"
    )


def test_a_damaged_record_is_refused(world: World) -> None:
    world.store.create("runs/000001.json", b"{}")
    with pytest.raises(CorruptVersionError, match=r"runs/000001\.json is no run record: .*; restore it from a copy"):
        world.term().turn()
