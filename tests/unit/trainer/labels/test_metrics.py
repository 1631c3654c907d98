from dataclasses import fields

from prometheus_client import CollectorRegistry, generate_latest

from trainer.labels.metrics import HELP, LabelMetrics
from trainer.labels.store import Counts


def test_each_count_is_a_counter_and_adds_up() -> None:
    assert set(HELP) == {field.name for field in fields(Counts)}
    registry = CollectorRegistry()
    metrics = LabelMetrics(registry)
    metrics.took(Counts(new=3, late=1, contradicting=2, parked=2), waiting=2)
    metrics.took(Counts(joined=1, repeated=5, replaced=1, erased=4, unreadable=6), waiting=1)
    said = generate_latest(registry).decode()
    for line in (
        "bellwether_labels_new_total 3.0", "bellwether_labels_late_total 1.0", "bellwether_labels_parked_total 2.0",
        "bellwether_labels_contradicting_total 2.0", "bellwether_labels_repeated_total 5.0",
        "bellwether_labels_replaced_total 1.0", "bellwether_labels_joined_total 1.0",
        "bellwether_labels_erased_total 4.0", "bellwether_labels_unreadable_total 6.0",
        "bellwether_labels_waiting_events 1.0",
    ):  # fmt: skip
        assert f"\n{line}\n" in said
