import numpy as np
import pytest

from models.engine import Task
from models.fakes import NoopEngine
from runtime.errors import InputError
from trainer.dataset import Row
from trainer.evaluate import only_task, probabilities_of, report

TASK = Task("sentiment", ("negative", "neutral", "positive"), abstain_below=0.5)
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7], [0.45, 0.35, 0.2], [0.2, 0.45, 0.35]], dtype=np.float32
)
TRUTH = ["negative", "neutral", "positive", "neutral", "negative"]


def test_a_report_counts_by_label_names_in_the_tasks_order() -> None:
    found = report(TASK, PROBABILITIES, TRUTH).as_json()
    assert found["task"] == "sentiment"
    assert found["n"] == 5
    assert found["accuracy"] == pytest.approx(0.6)
    assert found["confusion"]["neutral"] == {"negative": 1, "neutral": 1, "positive": 0}
    assert found["per_class"]["positive"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert set(found["intervals"]) == {"accuracy", "macro_f1", "ece"}


def test_abstained_texts_are_counted_apart() -> None:
    found = report(TASK, PROBABILITIES, TRUTH)
    assert found.answered == pytest.approx(0.6)
    assert found.accuracy_answered == 1.0


def test_a_model_that_always_abstains_has_no_accuracy_of_answers() -> None:
    found = report(Task("sentiment", TASK.labels, abstain_below=1.1), PROBABILITIES, TRUTH)
    assert found.answered == 0.0
    assert np.isnan(found.accuracy_answered)


def test_other_order_of_labels_gives_the_same_scores() -> None:
    turned = Task("sentiment", ("positive", "negative", "neutral"), abstain_below=0.5)
    one, other = report(TASK, PROBABILITIES, TRUTH), report(turned, PROBABILITIES[:, [2, 0, 1]], TRUTH)
    assert one.per_class["neutral"] == other.per_class["neutral"]
    assert (one.macro_f1, one.ece) == pytest.approx((other.macro_f1, other.ece))


def test_a_label_of_another_task_is_refused_with_the_tasks_own() -> None:
    with pytest.raises(InputError, match=r"label 'Macro' is none of task 'sentiment'; its labels: negative, neutral"):
        report(TASK, PROBABILITIES[:1], ["Macro"])


def test_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="no text with a label of task 'sentiment' to evaluate on"):
        report(TASK, PROBABILITIES[:0], [])


def test_an_engines_probabilities_come_in_the_order_of_the_texts() -> None:
    engine = NoopEngine()
    task = next(iter(engine.tasks))
    texts = ["a long text of many words " * 5, "b", "a middling text", "b"]
    together = probabilities_of(engine, texts, task)
    alone = np.concatenate([engine.score([text])[task] for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert together.shape == (4, len(engine.tasks[task].labels))


def test_the_task_of_a_file_is_told_by_its_labels() -> None:
    rows = [Row("a", "topic", "Macro", "a"), Row("b", "topic", "IPO", "b")]
    assert only_task(rows, None, "f") == ("topic", rows)


def test_a_file_of_two_tasks_needs_a_choice() -> None:
    rows = [Row("a", "topic", "Macro", "a"), Row("b", "sentiment", "neutral", "b")]
    with pytest.raises(InputError, match=r"f has labels of several tasks \(sentiment, topic\); choose one with --task"):
        only_task(rows, None, "f")
    assert only_task(rows, "topic", "f") == ("topic", rows[:1])


def test_a_task_that_a_file_lacks_is_refused() -> None:
    with pytest.raises(InputError, match=r"f has no label of task 'topic', only of sentiment"):
        only_task([Row("b", "sentiment", "neutral", "b")], "topic", "f")
