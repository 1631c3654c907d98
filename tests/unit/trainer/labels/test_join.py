from datetime import UTC, datetime

from msgspec.structs import replace

from trainer.labels.join import completed, join
from wire import labels
from wire.events import LabelSubmitted, Scored, TaskScore

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
SHARES = {"positive": 7_000, "negative": 3_000}
EVENT = Scored(
    event_id="e-1", text="Ostra soars", published_at=WHEN, source="test", model_version="v-0123456789", engine="noop",
    cleaning="2", batch_id="b", worker="w", source_partition=0, source_offset=0, scored_at=WHEN,
    tasks={"sentiment": TaskScore(label="positive", probabilities=SHARES, abstained=False)},
)  # fmt: skip
LABEL = LabelSubmitted(
    event_id="e-1", task="sentiment", label="negative", labeller="ana", labelled_at=WHEN, sampling_probability=0.1
)


def test_a_label_gets_text_time_and_the_models_answer_and_keeps_all_that_it_said() -> None:
    made = completed(LABEL, EVENT)
    assert made == replace(
        LABEL,
        text="Ostra soars",
        published_at=WHEN,
        source="test",
        model_version="v-0123456789",
        probabilities=SHARES,
    )
    assert labels.key(made) == labels.key(LABEL)


def test_the_answer_that_the_labeller_saw_is_not_replaced_by_another_versions() -> None:
    own = replace(LABEL, model_version="v-aaaaaaaaaa", probabilities={"negative": 10_000})
    assert completed(own, EVENT).probabilities == {"negative": 10_000}
    assert completed(replace(own, probabilities=None), EVENT).probabilities is None


def test_a_task_that_the_model_did_not_answer_has_no_probabilities() -> None:
    assert completed(replace(LABEL, task="topic"), EVENT).probabilities is None
    assert completed(replace(LABEL, task="topic"), EVENT).text == "Ostra soars"


def test_who_is_not_known_waits() -> None:
    unknown = replace(LABEL, event_id="e-2")
    found = join([unknown, LABEL, replace(LABEL, labeller="bo")], {"e-1": EVENT})
    assert found.waiting == [unknown]
    assert [(one.labeller, one.text) for one in found.completed] == [("ana", "Ostra soars"), ("bo", "Ostra soars")]
