"""The champion's drift over terms: what is read again counts once, and labels wait for their version."""

from __future__ import annotations

import pickle
from datetime import timedelta

from trainer.labels.store import Entry
from trainer.service.answers import Answers
from trainer.service.drifting import Drift
from trainer.service.tail import Answer, Said
from trainer.triggers import Alarm
from wire import labels

from .conftest import WHEN, World, label

ANSWERS = {"negative": 9_000, "positive": 1_000}
LATER = WHEN + timedelta(hours=1)


def tell(drift: Drift, numbers: range, says: str, version: str = "v-1") -> None:
    for number in numbers:
        drift.labelled(label(number, says, model_version=version, probabilities=ANSWERS), LATER)


def answered(drift: Drift, version: str = "v-1", share: int = 9_000, events: range = range(1)) -> None:
    said = {"sentiment": Said("negative", {"negative": share, "positive": 10_000 - share})}
    for number in events:
        drift.answered(Answer(f"e-{number}", version, said, at_ms=int(WHEN.timestamp() * 1000)))


def test_labels_that_came_before_the_first_answer_are_not_lost() -> None:
    drift = Drift({})
    tell(drift, range(400), "negative")
    tell(drift, range(400, 800), "positive")
    assert drift.alarms == ()
    answered(drift)
    assert [alarm.signal for alarm in drift.alarms][:1] == ["sentiment error"]


def test_labels_wait_for_the_champion_that_they_are_about() -> None:
    drift = Drift({})
    answered(drift, "v-1")
    tell(drift, range(400), "negative", "v-2")
    tell(drift, range(400, 800), "positive", "v-2")
    drift.follow("v-2")
    answered(drift, "v-2")
    assert [alarm.signal for alarm in drift.alarms][:1] == ["sentiment error"]


def test_an_alarm_has_the_trainers_time() -> None:
    drift = Drift({})
    answered(drift)
    tell(drift, range(400), "negative")
    tell(drift, range(400, 800), "positive")
    assert drift.alarms[0] == Alarm("sentiment error", LATER)


def test_what_a_new_term_reads_again_counts_once() -> None:
    def read(drift: Drift) -> tuple[Alarm, ...]:
        answered(drift, share=9_900, events=range(2_000))
        answered(drift, share=5_000, events=range(2_000, 3_000))
        tell(drift, range(400), "negative")
        tell(drift, range(400, 800), "positive")
        return drift.alarms

    drift = Drift({})
    first = read(drift)
    drift.begin()
    assert drift.alarms == ()
    assert read(drift) == first
    assert {"sentiment confidence", "sentiment error"} <= {alarm.signal for alarm in first}


def test_an_erased_event_is_forgotten() -> None:
    drift = Drift({})
    tell(drift, range(400), "negative")
    for number in range(400):
        drift.forget(f"e-{number}")
    tell(drift, range(400, 800), "positive")
    answered(drift)
    assert drift.alarms == (), "without the right ones before, nothing changed"


def test_a_term_begins_with_the_believed_labels_oldest_first_and_never_later_than_now(world: World) -> None:
    world.distrusted = "mallory"
    term = world.term()
    late, early = WHEN + timedelta(days=300), WHEN - timedelta(days=1)
    world.submit(term, label(1, labelled_at=late), label(2, labelled_at=early), label(3, labeller="mallory"))
    term.labels.close()
    world.told.clear()
    world.term()
    assert world.told == [("begun",), ("e-2", early), ("e-1", WHEN)]


def test_a_label_of_this_term_has_the_trainers_time(world: World) -> None:
    term = world.term()
    world.now = LATER
    term.heed([label(1)])
    assert world.told[-1] == ("e-1", LATER)


def test_a_tombstone_is_told(world: World) -> None:
    term = world.term()
    one = label(1, event_id="feed:1")
    world.submit(term, one)
    term.take([Entry(world.offset, labels.key(one), None)])
    assert world.told[-1] == ("forgotten", "feed:1")


def test_no_text_of_an_answer_is_kept() -> None:
    answers = Answers()
    answers.take(Answer("e-1", "v-1", {"sentiment": Said("negative")}, text="Ostra cuts"))
    assert b"Ostra cuts" not in pickle.dumps(answers)
    (completed,) = answers.completed([label(1)])
    assert completed.model_version == "v-1"
    answers.forget("e-1")
    assert [*answers.completed([label(1)])] == [label(1)]


def test_where_the_pointer_names_nobody_who_answers_is_watched() -> None:
    drift = Drift({})
    for number in range(600):
        drift.follow(None)
        said = Said("negative", {"negative": 9_000 if number < 300 else 4_000, "positive": 1_000})
        drift.answered(Answer(f"e-{number}", "v-1", {"sentiment": said}))
    assert drift.alarms, "as one that is never told of a champion sees it"
