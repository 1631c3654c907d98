from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trainer.labels.effective import Subject, effective
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
SUBJECT = Subject("e-1", "sentiment")


def label(says: str, labeller: str = "ana", minutes: int = 0, event_id: str = "e-1") -> LabelSubmitted:
    return LabelSubmitted(
        event_id=event_id, task="sentiment", label=says, labeller=labeller,
        labelled_at=WHEN + timedelta(minutes=minutes),
    )  # fmt: skip


def test_the_last_by_label_time_counts_and_not_the_last_to_arrive() -> None:
    assert effective([label("positive", minutes=5), label("negative", minutes=1)], {})[SUBJECT].label == "positive"


def test_at_the_same_instant_the_higher_rank_counts_and_a_later_word_beats_any_rank() -> None:
    both = [label("positive", "lead"), label("negative", "ana")]
    assert effective(both, {"lead": 2, "ana": 1})[SUBJECT].label == "positive"
    assert effective(both, {"lead": 1, "ana": 2})[SUBJECT].label == "negative"
    assert effective([*both, label("neutral", "new", 1)], {"lead": 9})[SUBJECT].label == "neutral"


def test_tasks_and_events_are_apart() -> None:
    other = LabelSubmitted(event_id="e-1", task="topic", label="Macro", labeller="ana", labelled_at=WHEN)
    found = effective([label("positive"), other, label("negative", event_id="e-2")], {})
    assert {subject: one.label for subject, one in found.items()} == {
        SUBJECT: "positive", Subject("e-1", "topic"): "Macro", Subject("e-2", "sentiment"): "negative",
    }  # fmt: skip


LABELS = st.builds(
    label, st.sampled_from(["positive", "negative", "neutral"]), st.sampled_from(["ana", "bo", "cy"]),
    st.integers(0, 3), st.sampled_from(["e-1", "e-2"]),
)  # fmt: skip


@given(st.lists(LABELS, max_size=12), st.randoms())
def test_what_counts_depends_neither_on_the_order_nor_on_repeats(labels, random) -> None:
    shuffled = [*labels, *labels[:3]]
    random.shuffle(shuffled)
    ranks = {"ana": 1, "bo": 1}
    assert effective(shuffled, ranks) == effective(labels, ranks)
