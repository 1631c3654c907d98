"""A label that came without its text gets it from the scored event. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from wire.events import LabelSubmitted, Scored


class Joined(NamedTuple):
    """What became of labels without a text."""

    completed: list[LabelSubmitted]
    """Under the keys that they had: one more record of each replaces what is parked."""
    waiting: list[LabelSubmitted]
    """Those whose event nobody scored yet, or whose scored event is gone."""


def join(parked: Iterable[LabelSubmitted], scored: Mapping[str, Scored]) -> Joined:
    """Complete the labels whose event is known.

    Args:
        parked: labels without a text.
        scored: events by id.
    """
    found = Joined([], [])
    for label in parked:
        event = scored.get(label.event_id)
        if event is None:
            found.waiting.append(label)
        else:
            found.completed.append(completed(label, event))
    return found


def completed(label: LabelSubmitted, event: Scored) -> LabelSubmitted:
    """The label with its event's text and time, and with the model's answer where the label does not bring its own."""
    answer = event.tasks.get(label.task)
    seen = (label.model_version, label.probabilities)
    if seen == (None, None):
        seen = (event.model_version, None if answer is None else answer.probabilities)
    return replace(
        label,
        text=event.text,
        published_at=label.published_at or event.published_at,
        source=label.source or event.source,
        model_version=seen[0],
        probabilities=seen[1],
    )
