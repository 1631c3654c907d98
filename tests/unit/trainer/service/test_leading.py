"""What a term does in which order, also where it ends in the middle and another goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from models import pointer as pointers
from models.pointer import RaceLostError
from runtime.crashpoints import TRAINER_POINTS
from runtime.errors import CorruptVersionError
from trainer.service import records
from trainer.service.leading import PAUSE_S, Leading

from .conftest import BUILT, FIRST, World, label


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


def test_what_passes_by_itself_costs_no_run(world: World) -> None:
    world.is_away = True
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 40)
    assert 10 < world.did("train") < 16, "each half minute"
    assert records.every(world.store) == []
    world.is_away = False
    world.turn(term, 10)
    assert [one.judgement.verdict for one in records.every(world.store)] == ["better"]


def test_a_process_that_always_fails_ends_in_a_record(world: World) -> None:
    world.fails = True
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term)
    (record,) = records.every(world.store)
    assert (record.judgement.verdict, record.version, world.did("train"), world.moves()) == ("failed", None, 2, [])


def test_while_too_few_are_set_aside_labels_are_not_sorted_anew_at_each(world: World) -> None:
    world.least_aside = 1
    term = world.term()
    for number in range(40):
        world.submit(term, label(number))
        world.turn(term, 1, seconds=1.0)
    assert 2 <= world.did("sort") <= 40 / PAUSE_S + 1
    assert world.did("train") == 0


def test_a_run_that_waits_for_texts_holds_up_no_run_of_another_reason(world: World) -> None:
    world.least_aside = 1
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 3)
    assert world.did("train") == 0
    world.least_aside = 0
    world.turn(term, 5)
    assert world.did("train") == 1


def test_where_nothing_is_new_labels_are_not_sorted_at_each_turn(world: World) -> None:
    world.verdict, world.refused = "same", "mallory"
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term, 6)
    sorted_, trained = world.did("sort"), world.did("train")
    for number in range(40):
        world.submit(term, label(number, labeller="mallory"))
        world.turn(term, 1, seconds=1.0)
    assert 2 <= world.did("sort") - sorted_ <= 40 / PAUSE_S + 1
    assert world.did("train") == trained == 1


def test_a_run_of_another_recipe_is_not_gone_on_with(world: World) -> None:
    killed(world, "collected")
    world.recipe = "another recipe"
    world.turn(world.term())
    assert [one.recipe for one in records.every(world.store)] == ["another recipe"]


@pytest.mark.parametrize(("given", "collected"), [("as before", 0), ("another golden set", 1)])
def test_a_run_that_was_given_other_files_is_not_gone_on_with(world: World, given: str, collected: int) -> None:
    world.given = "as before"
    killed(world, "collected")
    before, world.given = world.did("sort"), given
    world.turn(world.term(), 3)
    assert world.did("sort") - before == collected
    assert len(records.every(world.store)) == 1


def test_a_damaged_record_is_refused(world: World) -> None:
    world.store.create("runs/000001.json", b"{}")
    with pytest.raises(CorruptVersionError, match=r"runs/000001\.json is no run record: .*; restore it from a copy"):
        world.term().turn()


def test_a_run_that_makes_the_champion_again_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "_build", lambda own, *_: own.built.add(FIRST) or FIRST)
    term = world.term()
    world.submit(term, *map(label, range(4)))
    world.turn(term)
    assert [one.version for one in records.every(world.store)] == [FIRST]
    assert world.moves() == []
    assert term.step.why == f"{FIRST} serves already"


def test_an_alarm_of_the_second_in_which_a_run_began_is_older_than_the_run(world: World) -> None:
    world.now += timedelta(milliseconds=900)
    term = world.term()
    world.submit(term, *map(label, range(4)))
    began = world.now
    world.turn(term)
    (record,) = records.every(world.store)
    assert datetime.fromisoformat(record.began) == began
