"""The prequential measures for Prometheus: plain names only, and as many series as the report has slices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trainer.field import OTHER, Quality, Slice, TaskReport

MOST_CLASSES = 50
"""Classes of a task that become series, those with most support; a forged label may name any number."""

_PLAIN = re.compile(r"[A-Za-z0-9][\w.:/-]{0,62}")
_CLASS = re.compile(r"[A-Za-z0-9][\w.:/&| -]{0,62}")
_SPANS = ("whole", "window", "faded")
_OF_SLICE = {
    "error": "Weighted share of wrong answers.",
    "standard_error": "Standard error of the share of wrong answers.",
    "macro_f1": "Mean F1 of the classes.",
}
_OF_CLASS = {"precision": "Precision of a class.", "recall": "Recall of a class.", "f1": "F1 of a class."}


class FieldMetrics(Collector):
    """Exports the report that was shown last; register it in a registry of the caller's."""

    def __init__(self) -> None:
        self._shown: Mapping[str, TaskReport] = {}
        self._unmeasured = 0

    def show(self, report: Mapping[str, TaskReport], unmeasured: int = 0) -> None:
        """Export this from now on.

        Args:
            report: from `trainer.field.report`.
            unmeasured: labelled events and tasks without an outcome.
        """
        self._shown, self._unmeasured = report, unmeasured

    def collect(self) -> Iterable[Metric]:
        """What a scrape reads. A source or class that is no plain word (free text, an address) gets no series."""
        shown = {task: one for task, one in self._shown.items() if _PLAIN.fullmatch(task)}
        yield GaugeMetricFamily(
            "bellwether_prequential_unmeasured", "Labelled events and tasks without an outcome.", self._unmeasured
        )
        yield from _of_slices(shown)
        yield from _of_classes(shown)


def _of_slices(shown: Mapping[str, TaskReport]) -> Iterator[Metric]:
    names = ["task", "slice", "name"]
    counted = GaugeMetricFamily("bellwether_prequential_labels", "Predictions that got their label.", labels=names)
    told = GaugeMetricFamily(
        "bellwether_prequential_effective_labels", "Labels of equal weight that tell as much.", labels=[*names, "span"]
    )
    ratios = {
        field: GaugeMetricFamily(f"bellwether_prequential_{field}_ratio", words, labels=[*names, "span"])
        for field, words in _OF_SLICE.items()
    }
    for key, part in _slices(shown):
        counted.add_metric(key, part.labels)
        for span, quality in _spans(part):
            told.add_metric([*key, span], quality.effective)
            for field, family in ratios.items():
                family.add_metric([*key, span], getattr(quality, field))
    yield from (counted, told, *ratios.values())


def _of_classes(shown: Mapping[str, TaskReport]) -> Iterator[Metric]:
    families = {
        field: GaugeMetricFamily(f"bellwether_prequential_class_{field}_ratio", words, labels=["task", "class", "span"])
        for field, words in _OF_CLASS.items()
    }
    for task, one in shown.items():
        support = one.overall.whole.per_class
        known = sorted(support, key=lambda label: -support[label].support)[:MOST_CLASSES]
        for span, quality in _spans(one.overall):
            for label in filter(_CLASS.fullmatch, known):
                if label in quality.per_class:
                    for field, family in families.items():
                        family.add_metric([task, label, span], getattr(quality.per_class[label], field))
    yield from families.values()


def _slices(shown: Mapping[str, TaskReport]) -> Iterator[tuple[list[str], Slice]]:
    for task, one in shown.items():
        yield [task, "all", ""], one.overall
        for kind, parts in (("source", one.sources), ("version", one.versions)):
            for name, part in parts.items():
                if name == OTHER or _PLAIN.fullmatch(name):
                    yield [task, kind, name], part


def _spans(part: Slice) -> Iterator[tuple[str, Quality]]:
    return ((span, getattr(part, span)) for span in _SPANS)
