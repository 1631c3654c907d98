from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import labels
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
PARTS = st.text(min_size=1, max_size=12).filter(lambda part: not any("\ud800" <= one <= "\udfff" for one in part))


def label(
    event_id: str = "e-1", task: str = "sentiment", labeller: str = "desk", at: datetime = WHEN
) -> LabelSubmitted:
    return LabelSubmitted(event_id=event_id, task=task, label="negative", labeller=labeller, labelled_at=at)


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_no_two_different_labels_share_a_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (labels.key(label(*one)) == labels.key(label(*other))) is (one == other)


def test_a_key_says_the_instant_and_not_how_it_was_written() -> None:
    elsewhere = WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert labels.key(label(at=elsewhere)) == labels.key(label())
    assert labels.key(label(at=WHEN + timedelta(microseconds=1))) != labels.key(label())


@pytest.mark.parametrize(
    "changes",
    [{"event_id": ""}, {"label": ""}, {"labeller": ""}, {"sampling_probability": 0.0}, {"sampling_probability": 1.1}],
)
def test_what_is_no_label_is_refused(changes: dict[str, object]) -> None:
    fields = msgspec.to_builtins(label()) | changes
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, LabelSubmitted)


def test_a_time_without_an_offset_is_no_instant() -> None:
    with pytest.raises(msgspec.ValidationError, match="labelled_at"):
        msgspec.convert(msgspec.to_builtins(label()) | {"labelled_at": "2026-01-05T12:00:00"}, LabelSubmitted)
