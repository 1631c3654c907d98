"""What differs between the topics that shall exist and those that do: pure, from plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wire.topics import Layout

_CREATE = "`bellwether topics create` does it"


@dataclass(frozen=True)
class Found:
    """A topic as a cluster has it."""

    partitions: int
    replicas: int
    config: Mapping[str, str]
    """Settings under Kafka's names, defaults included."""


@dataclass(frozen=True)
class State:
    """What a cluster holds of ours."""

    topics: Mapping[str, Found]
    committed: Mapping[str, frozenset[tuple[str, int]]]
    """For each consumer group the partitions, (topic, number), on which it has a committed offset."""
    brokers: int
    creates_by_itself: bool | None
    """Whether an unknown topic appears when somebody merely names it; None where we may not ask."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it shall be."""

    topic: str
    """Its name, or `cluster`."""
    what: str
    """`topic`, `partitions`, `replicas`, `auto.create.topics.enable`, a setting's name, or `offsets of GROUP`."""
    found: str
    wanted: str
    cure: str
    is_curable: bool
    """Whether `create` removes it."""

    def __str__(self) -> str:
        return f"{self.topic}: {self.what}: found {self.found}, wanted {self.wanted}; {self.cure}"


def differences(layouts: Iterable[Layout], state: State) -> list[Difference]:
    """All that differs, topic by topic, in the order of the layouts."""
    found: list[Difference] = []
    if state.creates_by_itself:
        cure = "set it to false at the brokers, or a misspelt name becomes a topic with other settings"
        found.append(Difference("cluster", "auto.create.topics.enable", "true", "false", cure, is_curable=False))
    for layout in layouts:
        existing = state.topics.get(layout.name)
        if existing is None:
            wanted = f"partitions={layout.partitions} replicas={layout.replicas} {layout.topic.cleanup}"
            found.append(Difference(layout.name, "topic", "missing", wanted, _CREATE, is_curable=True))
        else:
            found.extend(_in_topic(layout, existing))
        found.extend(_in_offsets(layout, existing, state))
    return found


def _in_topic(layout: Layout, existing: Found) -> Iterator[Difference]:
    if existing.partitions != layout.partitions:
        cure = (
            "the number is fixed at creation, as keys would change their partition: give --partitions "
            f"{existing.partitions}, or move the data to a fresh topic"
        )
        found, wanted = str(existing.partitions), str(layout.partitions)
        yield Difference(layout.name, "partitions", found, wanted, cure, is_curable=False)
    if existing.replicas != layout.replicas:
        cure = f"give --replicas {existing.replicas}, or reassign the partitions with Kafka's kafka-reassign-partitions"
        found, wanted = str(existing.replicas), str(layout.replicas)
        yield Difference(layout.name, "replicas", found, wanted, cure, is_curable=False)
    for name, wanted in layout.config().items():
        value = existing.config.get(name, "unknown")
        if _normal(value) != _normal(wanted):
            yield Difference(layout.name, name, value, wanted, _CREATE, is_curable=True)


def _in_offsets(layout: Layout, existing: Found | None, state: State) -> Iterator[Difference]:
    partitions = existing.partitions if existing else layout.partitions
    for group in layout.groups:
        has = sum(1 for topic, _ in state.committed.get(group, frozenset()) if topic == layout.name)
        if has < partitions:
            cure = f"{_CREATE}, from the log's start: what was scored already would be scored again, nothing is lost"
            what, found = f"offsets of {group}", f"{has} of {partitions} partitions"
            yield Difference(layout.name, what, found, "all partitions", cure, is_curable=True)


def _normal(value: str) -> frozenset[str]:
    # Kafka gives `compact,delete` back in either order.
    return frozenset(part.strip() for part in value.split(","))
