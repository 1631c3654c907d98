"""What became of labels, for Prometheus: a counter for each of `Counts`, and how many events wait for their text."""

from __future__ import annotations

from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge

from trainer.labels.store import Counts

HELP = {
    "new": "Labels that were not there.",
    "repeated": "Labels that came again, word for word.",
    "replaced": "Labels whose labeller said something else of the same instant.",
    "joined": "Parked labels that got their text.",
    "late": "New labels for a subject that has one of a later time.",
    "contradicting": "New labels that say otherwise than the one that counted before.",
    "parked": "New labels without a text.",
    "erased": "Labels that a tombstone took away.",
    "unreadable": "Records of the label topic that are no labels; the trainer's log has place and problem of each.",
}


class LabelMetrics:
    """`bellwether_labels_<what>_total` and `bellwether_labels_waiting_events`, in a registry of the caller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters = {
            what: Counter(f"bellwether_labels_{what}", sentence, registry=registry) for what, sentence in HELP.items()
        }
        self._waiting = Gauge(
            "bellwether_labels_waiting_events",
            "Labelled events whose text nobody knows yet: not scored, or scored and gone.",
            registry=registry,
        )

    def took(self, counts: Counts, waiting: int) -> None:
        """Add what became of the entries of one call.

        Args:
            counts: what `LabelStore.apply` returned.
            waiting: how many events are parked now.
        """
        for what, number in asdict(counts).items():
            self._counters[what].inc(number)
        self._waiting.set(waiting)
