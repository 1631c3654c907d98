from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from trainer.field import MOST_SOURCES, quality, report, slice_of
from trainer.field_metrics import FieldMetrics
from trainer.prequential import Outcome

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def outcome(
    number: int, truth: str = "negative", answer: str = "negative", weight: float = 1.0, **more: str
) -> Outcome:
    fields = {"task": "sentiment", "version": "v-0123456789", "source": "wire", **more}
    return Outcome(
        at=WHEN + timedelta(minutes=number), event_id=f"e-{number}", truth=truth, answer=answer, weight=weight, **fields
    )


def test_an_answer_counts_by_the_inverse_of_the_chance_that_it_was_looked_at() -> None:
    """Of 100 texts, 10 % wrong, all 10 wrong ones were looked at and a tenth of the others: 9, with weight 10."""
    found = [outcome(n, answer="positive") for n in range(10)] + [outcome(n, weight=10.0) for n in range(10, 19)]
    said = quality(found, [one.weight for one in found])
    assert said.error == pytest.approx(0.1)
    assert said.effective == pytest.approx(100**2 / (10 + 9 * 100))
    assert said.standard_error == pytest.approx((10 * 0.9**2 + 9 * (10 * 0.1) ** 2) ** 0.5 / 100)
    assert said.per_class["negative"].recall == pytest.approx(0.9)


def test_per_class_and_macro_f1_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    words = ["negative", "neutral", "positive"]
    found = [outcome(n, words[n % 3], words[n * n % 3], 1.0 + n % 4) for n in range(60)]
    said = quality(found, [one.weight for one in found])
    truth, answers = [one.truth for one in found], [one.answer for one in found]
    weights = [one.weight for one in found]
    p, r, f, s = precision_recall_fscore_support(truth, answers, labels=words, sample_weight=weights, zero_division=0)
    for place, word in enumerate(words):
        own = said.per_class[word]
        assert (own.precision, own.recall, own.f1, own.support) == pytest.approx(
            (p[place], r[place], f[place], s[place])
        )
    assert said.macro_f1 == pytest.approx(f.mean())


@given(st.lists(st.tuples(st.booleans(), st.floats(1, 50)), min_size=1, max_size=30), st.floats(0.5, 1))
def test_the_faded_error_is_that_of_the_recursion(stream, fading) -> None:
    losses, counts = 0.0, 0.0
    for is_wrong, weight in stream:
        losses, counts = weight * is_wrong + fading * losses, weight + fading * counts
    found = [outcome(n, answer="positive" if wrong else "negative", weight=w) for n, (wrong, w) in enumerate(stream)]
    assert slice_of(found, fading=fading).faded.error == pytest.approx(losses / counts)


def test_window_and_fading_see_a_change_that_the_whole_hides() -> None:
    found = [outcome(n) for n in range(900)] + [outcome(n, answer="positive") for n in range(900, 1000)]
    said = slice_of(found, window=100, fading=0.98)
    assert (said.labels, said.whole.error, said.window.error) == (1000, pytest.approx(0.1), 1.0)
    assert said.faded.error == pytest.approx(1 - 0.98**100, abs=1e-6)


def test_a_report_is_sliced_by_task_source_and_version() -> None:
    found = [
        outcome(1),
        outcome(2, answer="positive", source="forum", version="v-aaaaaaaaaa"),
        outcome(3, task="topic"),
    ]
    said = msgspec.to_builtins(report(found))
    assert sorted(said) == ["sentiment", "topic"]
    assert {name: one["whole"]["error"] for name, one in said["sentiment"]["sources"].items()} == {
        "forum": 1,
        "wire": 0,
    }
    assert {name: one["labels"] for name, one in said["sentiment"]["versions"].items()} == {
        "v-0123456789": 1, "v-aaaaaaaaaa": 1,
    }  # fmt: skip
    assert said["sentiment"]["overall"]["window"]["error"] == 0.5
    assert report([]) == {}


def test_sources_without_end_are_one_slice() -> None:
    found = [outcome(n, source=f"s{n}") for n in range(40)] + [outcome(50, source="s3")]
    sources = report(found)["sentiment"].sources
    assert len(sources) == MOST_SOURCES + 1
    assert (sources["s3"].labels, sources["other"].labels) == (2, 41 - MOST_SOURCES - 1)


def test_prometheus_reads_the_last_report_with_plain_names_only() -> None:
    registry, exporter = CollectorRegistry(), FieldMetrics()
    registry.register(exporter)
    text = "a sentence that somebody wrote, not a name"
    exporter.show(report([outcome(1), outcome(2, answer=text, source=text), outcome(3, task=text)]), unmeasured=4)
    page = generate_latest(registry).decode()
    whole = 'bellwether_prequential_error_ratio{name="",slice="all",span="whole",task="sentiment"} 0.5'
    assert whole in page
    assert 'bellwether_prequential_labels{name="wire",slice="source",task="sentiment"} 1.0' in page
    assert 'bellwether_prequential_class_recall_ratio{class="negative",span="window",task="sentiment"} 0.5' in page
    assert "bellwether_prequential_unmeasured 4.0" in page
    assert "sentence" not in page
