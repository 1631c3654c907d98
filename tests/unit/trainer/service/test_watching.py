"""What the field says of a shadow and of a new champion, and what a term does about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import pointer as pointers
from trainer.service import records
from trainer.service.guardrails import Bounds
from trainer.service.leading import Leading
from trainer.service.records import Forecast, Plan
from trainer.service.tail import Answer, Said

from .conftest import BUILT, FIRST, WHEN, Inline, World, label


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
    assert term.phase == "shadow"
    world.turn(term, 20)
    assert world.moves()[2:] == [("promote", BUILT)], "two labels decide nothing"
    assert term.phase == "idle"


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


def test_a_shadow_has_the_time_that_its_run_foresaw_whoever_leads_then(world: World) -> None:
    in_shadow(world)
    world.plan = Plan(shadow_s=0)
    other = world.term()
    world.turn(other, 20)
    assert len(world.moves()) == 2, "its time is not over"
    world.turn(other, 20)
    assert world.moves()[2:] == [("promote", BUILT)]


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


def test_the_easy_weeks_before_a_drift_do_not_count_against_what_was_trained_for_it(world: World) -> None:
    """The old one had 5 % wrong for long, then 60 %; the new one has 30 % of the same stream."""
    term = world.term()
    old, new = ({"model_version": one, "probabilities": ANSWERS} for one in (FIRST, BUILT))

    def said(share: float, count: int) -> list[str]:
        return ["positive" if number < share * count else "negative" for number in range(count)]

    def published(number: int) -> dict[str, object]:
        return {"published_at": WHEN + timedelta(minutes=number)}

    easy = [label(n, says, **old, **published(n)) for n, says in enumerate(said(0.05, 2_000))]
    hard = [label(2_000 + n, says, **old, **published(2_000 + n)) for n, says in enumerate(said(0.6, 300))]
    world.submit(term, *easy, *hard)
    world.turn(term, 5)
    assert world.moves()[-1] == ("promote", BUILT)
    world.verdict = "same"
    after = [label(3_000 + n, says, **new, **published(3_000 + n)) for n, says in enumerate(said(0.3, 200))]
    world.submit(term, *after)
    world.turn(term, 5)
    assert world.moves()[-1] == ("promote", BUILT)


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


def test_a_champion_whose_answers_shift_from_the_forecast_goes(world: World) -> None:
    world.forecast = {"sentiment": Forecast({"negative": 0.5, "positive": 0.5}, texts=400)}
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 5)
    for number in range(Bounds().min_events):
        term.answer(answer(number, BUILT, "negative"))
    world.turn(term, 2)
    assert world.moves()[-1] == ("rollback", FIRST)
    why = pointers.moves(world.store)[-1].why
    assert why.startswith("run 1: sentiment negative: 100.0% of 500 events, the gate foresaw 50.0% on 400 texts")


def test_the_parts_are_told_who_serves_at_each_turn_and_of_each_answer_once(world: World) -> None:
    term = world.term()
    world.turn(term, 2)
    assert world.followed == [FIRST, FIRST]
    for _ in range(2):
        term.answer(answer(1, FIRST, "negative"))
    term.answer(answer(1, FIRST, "negative", is_shadow=True))
    assert [one.is_shadow for one in world.answered] == [False, True]


def test_a_shadow_ends_when_the_champion_that_it_was_tried_beside_is_changed(world: World) -> None:
    term = in_shadow(world)
    now = pointers.head(world.store)
    then = pointers.promoted(now, "v-0000000077")
    pointers.append(world.store, "promote", now, then, who="a person", at=world.now, why="a person's choice")
    world.turn(term, 2)
    assert world.moves()[3:] == [("challenge", None)]
    assert "v-0000000077 serves" in pointers.moves(world.store)[-1].why
    world.submit(term, *map(label, range(100, 110)))
    world.turn(term, 10)
    assert ("challenge", "v-0000000012") in world.moves(), "the next run is tried in its turn"
