import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import InputError
from trainer.labels import store as stores
from trainer.labels.effective import Subject, effective
from trainer.labels.store import Counts, Entry, LabelStore, entry_of
from wire import labels
from wire.events import LabelSubmitted

from .samples import TEXT, TOPIC, entries, label


@pytest.fixture
def store(tmp_path: Path):
    with LabelStore(tmp_path / "labels.sqlite") as made:
        yield made


def test_labels_outlive_the_process_with_the_place_up_to_which_they_were_read(store, tmp_path: Path) -> None:
    assert store.next_offset(TOPIC) == 0
    store.apply(TOPIC, entries(label(), label("neutral", "bo", 1), start=7))
    store.close()
    with LabelStore(tmp_path / "labels.sqlite") as again:
        assert again.next_offset(TOPIC) == 9
        assert effective(again.labels(), again.ranks)[Subject("e-1", "sentiment")].label == "neutral"
        assert again.next_offset("another topic") == 0


@pytest.mark.parametrize(
    ("then", "counts"),
    [
        (label(), Counts(repeated=1)),
        (label("positive"), Counts(replaced=1)),
        (label(minutes=1), Counts(new=1)),
        (label("positive", minutes=1), Counts(new=1, contradicting=1)),
        (label("positive", "bo", -1), Counts(new=1, contradicting=1, late=1)),
        (label("Macro", task="topic"), Counts(new=1)),
        (label(event_id="e-2", text=None), Counts(new=1, parked=1)),
    ],
)
def test_what_became_of_a_label_is_counted(store, then: LabelSubmitted, counts: Counts) -> None:
    assert store.apply(TOPIC, entries(label())) == Counts(new=1)
    assert store.apply(TOPIC, entries(then, start=1)) == counts


def test_what_is_no_label_is_counted_passed_and_changes_nothing(store) -> None:
    store.apply(TOPIC, entries(label()))
    (entry,) = entries(label(), start=1)
    out_of_range = msgspec.json.encode(label()).replace(b"2026-01-05T12:00:00Z", b"0001-01-01T00:00:00+14:00")
    given = [entry_of(1, entry.key, b"{"), entry_of(2, b"k", b'{"event_id": "e-1"}'), entry_of(3, b"k", b"\xff")]
    given += [entry_of(4, b"k", b'{"more": ' + b"[" * 9_000 + b"]" * 9_000 + b"}"), entry_of(5, b"k", out_of_range)]
    assert store.apply(TOPIC, given) == Counts(unreadable=5)
    assert (list(store.labels()), store.next_offset(TOPIC)) == ([label()], 6)


def test_a_label_without_a_text_waits_and_counts_for_nothing(store) -> None:
    store.apply(TOPIC, entries(label(text=None), label(event_id="e-2")))
    assert store.parked() == ["e-1"]
    assert store.count_since(0) == 1


def test_a_label_that_comes_again_with_its_text_waits_no_more(store) -> None:
    assert store.apply(TOPIC, entries(label(text=None))) == Counts(new=1, parked=1)
    assert store.apply(TOPIC, entries(label("positive"), start=1)) == Counts(replaced=1)
    assert store.apply(TOPIC, entries(label("positive", text=None), start=2)) == Counts(replaced=1)
    assert store.parked() == ["e-1"]
    assert store.apply(TOPIC, entries(label("positive"), start=3)) == Counts(joined=1)
    assert store.parked() == []
    assert effective(store.labels(), store.ranks)[Subject("e-1", "sentiment")].text == TEXT


def test_a_label_that_came_under_anothers_key_waits_no_more_when_it_comes_complete(store) -> None:
    store.apply(
        TOPIC, [Entry(0, b"a key of somebody else's", label(text=None)), *entries(label("neutral", "bo"), start=1)]
    )
    assert store.parked() == ["e-1"]
    store.apply(TOPIC, entries(label(), start=2))
    assert store.parked() == []
    assert {one.labeller for one in store.labels()} == {"ana", "bo"}


def test_all_or_nothing_is_taken_over(store) -> None:
    def breaks_off():
        yield from entries(label())
        raise OSError("the broker went away")

    with pytest.raises(OSError, match="went away"):
        store.apply(TOPIC, breaks_off())
    assert (list(store.labels()), store.next_offset(TOPIC)) == ([], 0)


def test_new_labels_are_counted_by_event_and_task_however_many_say_them(store) -> None:
    five = [label(labeller=name, event_id=f"e-{n}") for n in range(20) for name in ("ana", "bo", "cy", "di", "eve")]
    store.apply(TOPIC, entries(*five, label("Macro", task="topic"), label(event_id="e-90", text=None)))
    assert store.count_since(0) == 21
    assert store.count_since(95) == 2
    assert store.count_since(101) == 0


def test_what_each_turn_asks_is_answered_by_an_index_alone(store) -> None:
    asked: list[str] = []
    store._base.set_trace_callback(asked.append)
    store.count_since(7)
    store.parked()
    store._base.set_trace_callback(None)
    for statement in asked:
        (plan, *_) = (row[3] for row in store._base.execute(f"EXPLAIN QUERY PLAN {statement}") if "label" in row[3])
        assert "SEARCH label USING COVERING INDEX label_order" in plan


def test_a_new_label_costs_the_decoding_of_one_however_many_its_event_has(store, monkeypatch) -> None:
    decoded: list[bytes] = []
    real = stores._decoded
    monkeypatch.setattr(stores, "_decoded", lambda value: (decoded.append(value), real(value))[1])
    own = [label(minutes=minute) for minute in range(60)]
    others = [label("Macro", minutes=minute, task="topic") for minute in range(60)]
    assert store.apply(TOPIC, entries(*own, *others)).new == 120
    assert len(decoded) == 118  # the first of each task has none to be compared with


def test_what_each_new_label_asks_is_answered_by_an_index(store) -> None:
    store.apply(TOPIC, entries(label()))
    asked: list[str] = []
    store._base.set_trace_callback(asked.append)
    store.apply(TOPIC, entries(label(minutes=1), start=1))
    store._base.set_trace_callback(None)
    about = [statement for statement in asked if "event_id = " in statement]
    plans = [store._base.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall() for statement in about]
    assert len(plans) == 3
    assert "USING COVERING INDEX label_subject (event_id=? AND task=?)" in plans[0][-1][3]
    for plan in plans[1:]:
        assert "USING INDEX label_subject (event_id=? AND task=? AND labelled_at_us=?)" in plan[-1][3]


def test_a_file_of_the_release_before_says_so(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels") as made:
        made._base.execute("PRAGMA user_version = 3")
    with pytest.raises(InputError, match="of format 3, this release reads 4; move it away, and the topic rebuilds it"):
        LabelStore(tmp_path / "labels")


ONE = st.builds(
    label, st.sampled_from(["positive", "negative"]), st.sampled_from(["ana", "bo"]), st.integers(0, 2),
    event_id=st.sampled_from(["e-1", "e-2"]), text=st.sampled_from([TEXT, None]),
)  # fmt: skip


RANKS = st.dictionaries(st.sampled_from(["ana", "bo"]), st.integers(-1, 1))


@settings(max_examples=40, deadline=None)
@given(st.lists(ONE, max_size=12), RANKS)
def test_late_and_contradicting_are_as_all_labels_of_the_subject_say(tmp_path_factory, said, ranks) -> None:
    with LabelStore(tmp_path_factory.mktemp("store") / "labels", ranks) as store:
        for offset, one in enumerate(said):
            own = [other for other in store.labels() if (other.event_id, other.task) == (one.event_id, one.task)]
            (entry,) = entries(one, start=offset)
            is_new = all(labels.key(other) != entry.key for other in own)
            counted = list(effective(own, ranks).values())
            counts = store.apply(TOPIC, [entry])
            assert counts.late == (is_new and any(other.labelled_at > one.labelled_at for other in own))
            assert counts.contradicting == (is_new and [other.label for other in counted] not in ([], [one.label]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(ONE, st.booleans()), max_size=12), st.data())
def test_the_compacted_topic_alone_rebuilds_it_and_reading_again_changes_nothing(tmp_path_factory, log, data) -> None:
    """Compaction keeps each key's last record; a killed reader begins at any earlier place again."""
    folder = tmp_path_factory.mktemp("stores")
    all_ = [Entry(n, labels.key(one), None if is_gone else one) for n, (one, is_gone) in enumerate(log)]
    compacted = sorted({entry.key: entry for entry in all_}.values(), key=lambda entry: entry.offset)
    again_from = data.draw(st.integers(0, len(all_)))
    with LabelStore(folder / "a") as whole, LabelStore(folder / "b") as rebuilt:
        whole.apply(TOPIC, all_)
        whole.apply(TOPIC, all_[again_from:])
        rebuilt.apply(TOPIC, compacted)
        assert list(whole.labels()) == list(rebuilt.labels())
        assert effective(whole.labels(), whole.ranks) == effective(rebuilt.labels(), rebuilt.ranks)
        assert whole.next_offset(TOPIC) == rebuilt.next_offset(TOPIC) == len(all_)


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no database, whatever its name says" * 200)
    with pytest.raises(InputError, match=r"is no label store: .*; move it away, and the topic rebuilds it"):
        LabelStore(tmp_path / "text")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE photo (name TEXT)")
    other.commit()
    other.close()
    with pytest.raises(InputError, match="is a database of format 0, this release reads 4"):
        LabelStore(tmp_path / "other")
