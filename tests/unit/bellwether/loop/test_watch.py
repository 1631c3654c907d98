"""What a person who watches a loop's topics knows, and labels; only Kafka is scripted."""

from types import SimpleNamespace

import msgspec
import pytest

from bellwether.loop import slang
from bellwether.loop.feed import AGAIN, built, stream
from bellwether.loop.people import People
from bellwether.loop.watch import Watch
from runtime.errors import BrokerError
from wire import codec
from wire.events import Scored, TaskScore
from wire.topics import LABELS, PUBLISHED, SCORED

CALM, DRIFT = list(slang.stories(2, 1)), list(slang.stories(3, 2))


def scored(story, guess: str, event_id: str | None = None) -> bytes:
    return msgspec.json.encode(
        Scored(
            event_id=event_id or story.event_id, text=story.text, published_at=story.published_at, source=story.source,
            tasks={"sentiment": TaskScore(label=guess, probabilities={guess: 10_000}, abstained=False)},
            model_version="v-1", engine="noop", cleaning="2", batch_id="b", worker="w", source_partition=0,
            source_offset=0, scored_at=story.published_at,
        )
    )  # fmt: skip


class Reader:
    def __init__(self) -> None:
        self.records: list[SimpleNamespace] = []

    def put(self, topic: str, value: bytes, timestamp: int) -> None:
        self.records.append(SimpleNamespace(topic=topic, value=value, timestamp=timestamp))

    def poll(self):
        found, self.records = self.records, []
        return found


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def watch(reader) -> Watch:
    return Watch(reader, {one.event_id: one for one in DRIFT}, {one.event_id: one for one in CALM})


def test_the_drift_begins_with_the_first_drifted_input(watch, reader) -> None:
    for place, story in enumerate([*CALM, *DRIFT]):
        reader.put(PUBLISHED.name, codec.encode(built(story).article), 1_000 * place)
    watch.look()
    assert watch.drift_ms == 2_000


def test_people_label_drifted_events_once_with_the_truth_and_what_the_model_said(watch, reader) -> None:
    reader.put(SCORED.name, scored(CALM[0], "neutral"), 1)
    reader.put(SCORED.name, scored(DRIFT[0], "negative"), 2)
    reader.put(SCORED.name, scored(DRIFT[0], "negative", f"{DRIFT[0].event_id}{AGAIN}2"), 3)
    reader.put(SCORED.name, scored(DRIFT[1], "negative", "somebody-elses"), 4)
    reader.put(LABELS.name, b"{}", 5)
    watch.look()
    assert [(one.time_ms, one.truth, one.is_drifted) for one in watch.seen] == [
        (1, CALM[0].label, False), (2, DRIFT[0].label, True), (3, DRIFT[0].label, True),
    ]  # fmt: skip
    assert watch.labels_ms == [5]
    label = watch.next_label()
    assert label is not None
    assert (label.event_id, label.label, label.model_version) == (DRIFT[0].event_id, DRIFT[0].label, "v-1")
    assert label.probabilities == {"negative": 10_000}
    assert watch.next_label() is None


def test_a_story_that_was_labelled_does_not_count_when_it_is_told_again(watch, reader) -> None:
    for story in DRIFT[:2]:
        reader.put(SCORED.name, scored(story, "negative"), 1)
    watch.look()
    assert watch.next_label().event_id == DRIFT[0].event_id
    for story in DRIFT[:2]:
        reader.put(SCORED.name, scored(story, "negative", f"{story.event_id}{AGAIN}2"), 2)
    watch.look()
    assert [one.truth for one in watch.seen if one.time_ms == 2] == [DRIFT[1].label]


def test_the_drift_goes_on_under_ids_of_its_own() -> None:
    told = stream(CALM, DRIFT)
    ids = [next(told).event_id for _ in range(2 + 3 * 3)]
    assert len(set(ids)) == len(ids)
    assert ids[2:5] == [one.event_id for one in DRIFT]
    assert ids[8:] == [f"{one.event_id}{AGAIN}3" for one in DRIFT]


class Publisher:
    error: Exception | None = None

    def __init__(self, *_: object, **__: object) -> None:
        self.sent: list = []

    def publish(self, message, settled) -> None:
        self.sent.append(message)
        settled(self.error)

    def close(self) -> None:
        pass


def test_people_keep_their_pace_and_make_up_for_no_idle_time(monkeypatch, watch, reader) -> None:
    monkeypatch.setattr("bellwether.loop.people.Publisher", Publisher)
    now = 0.0
    people = People("nowhere", 2.0, lambda: now)
    now = 60.0
    people.work(watch.next_label)
    for story in DRIFT:
        reader.put(SCORED.name, scored(story, "neutral"), 1)
    watch.look()
    people.work(watch.next_label)
    assert len(people._publisher.sent) == 1
    now = 60.6
    people.work(watch.next_label)
    assert len(people._publisher.sent) == 2


def test_a_label_that_the_broker_refuses_ends_the_loop(monkeypatch, watch, reader) -> None:
    monkeypatch.setattr("bellwether.loop.people.Publisher", Publisher)
    monkeypatch.setattr(Publisher, "error", BrokerError("away"))
    people = People("nowhere", 2.0, lambda: 9.0)
    reader.put(SCORED.name, scored(DRIFT[0], "neutral"), 1)
    watch.look()
    people.work(watch.next_label)
    with pytest.raises(BrokerError, match="away"):
        people.work(watch.next_label)
