from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trainer.prequential import Ledger, outcomes
from wire.events import LabelSubmitted

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def label(
    truth: str, *, says: str | None = "neutral", event: int = 1, minutes: int = 0, labeller: str = "ana",
    version: str = "v-1", chance: float = 1.0, task: str = "sentiment",
) -> LabelSubmitted:  # fmt: skip
    """A label of an event whose model said `says`; None: nobody had asked it."""
    answer = {name: 8_000 if name == says else 1_000 for name in ("negative", "neutral", "positive")}
    return LabelSubmitted(
        event_id=f"e-{event}", task=task, label=truth, labeller=labeller, text="a text",
        labelled_at=WHEN + timedelta(minutes=minutes), published_at=WHEN - timedelta(hours=event),
        model_version=None if says is None else version, probabilities=None if says is None else answer,
        source=f"s{event}", sampling_probability=chance,
    )  # fmt: skip


def test_a_label_with_the_models_answer_is_one_outcome() -> None:
    (found,) = outcomes([label("negative", chance=0.25)])
    assert (found.truth, found.answer, found.is_wrong) == ("negative", "neutral", True)
    assert (found.version, found.source, found.weight, found.at) == ("v-1", "s1", 4.0, WHEN - timedelta(hours=1))


def test_a_changed_mind_changes_the_truth_and_not_the_count() -> None:
    ledger = Ledger()
    assert ledger.add(label("negative")) is not None
    assert ledger.add(label("negative")) is None, "the same again"
    assert ledger.add(label("neutral", minutes=5)) is None, "another word on the same prediction"
    (found,) = ledger.outcomes()
    assert (found.truth, found.is_wrong) == ("neutral", False)


def test_the_first_labels_answer_is_the_test_because_a_later_version_may_have_learnt_from_it() -> None:
    later = label("negative", says="negative", minutes=9, version="v-2", chance=0.1, labeller="bo")
    (found,) = outcomes([later, label("negative")])
    assert (found.version, found.is_wrong, found.weight) == ("v-1", True, 1.0)


def test_a_label_whose_first_word_saw_no_answer_is_no_test() -> None:
    unseen = label("negative", says=None)
    ledger = Ledger()
    ledger.add(unseen)
    ledger.add(label("negative", says="negative", minutes=9, version="v-2"))
    assert ledger.outcomes() == []
    assert ledger.unmeasured == 1
    ledger.add(label("negative"))
    assert len(ledger.outcomes()) == 1, "the same word, joined with its answer afterwards, is one"


def test_a_truth_that_the_model_could_not_have_said_is_no_outcome() -> None:
    ledger = Ledger()
    ledger.add(label("splendid"))
    assert (ledger.outcomes(), ledger.unmeasured) == ([], 1)


def test_at_the_same_instant_the_higher_rank_tells_the_truth() -> None:
    both = [label("positive", labeller="lead"), label("negative", labeller="ana")]
    assert outcomes(both, {"lead": 2})[0].truth == "positive"
    assert outcomes(both, {"ana": 2})[0].truth == "negative"


def test_what_was_erased_is_not_measured_and_can_come_again() -> None:
    ledger = Ledger()
    for event in (1, 2):
        ledger.add(label("negative", event=event))
        ledger.add(label("negative", event=event, task="topic"))
    ledger.forget("e-1")
    assert {one.event_id for one in ledger.outcomes()} == {"e-2"}
    assert ledger.add(label("negative", event=1)) is not None


LABELS = st.builds(
    label, st.sampled_from(["positive", "negative", "neutral", "odd"]),
    says=st.sampled_from([None, "positive", "neutral"]), event=st.integers(1, 3), minutes=st.integers(0, 3),
    labeller=st.sampled_from(["ana", "bo"]), version=st.sampled_from(["v-1", "v-2"]),
    chance=st.sampled_from([0.1, 1.0]), task=st.sampled_from(["sentiment", "topic"]),
)  # fmt: skip


@given(st.lists(LABELS, max_size=12), st.randoms())
def test_neither_order_nor_repeats_change_an_outcome(labels, random) -> None:
    shuffled = [*labels, *labels]
    random.shuffle(shuffled)
    assert outcomes(shuffled) == outcomes(labels)


@given(st.lists(LABELS, max_size=12))
def test_an_event_and_task_is_told_of_at_most_once(labels) -> None:
    ledger = Ledger()
    told = [(new.event_id, new.task) for one in [*labels, *labels] if (new := ledger.add(one)) is not None]
    assert len(told) == len(set(told))
    assert {(one.event_id, one.task) for one in ledger.outcomes()} <= set(told)
    assert len(ledger.outcomes()) + ledger.unmeasured == len({(one.event_id, one.task) for one in labels})


def test_an_outcome_that_an_earlier_word_took_away_is_not_told_of_again_when_it_comes_back() -> None:
    ledger = Ledger()
    assert ledger.add(label("negative", minutes=5)) is not None
    ledger.add(label("negative", says=None, minutes=1))
    assert ledger.outcomes() == []
    assert ledger.add(label("negative", minutes=1)) is None
    assert len(ledger.outcomes()) == 1
