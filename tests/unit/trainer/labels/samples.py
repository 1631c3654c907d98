"""Labels, and the records that hold them, as the tests of the store want them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trainer.labels.store import Entry
from wire import labels
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
TOPIC = "news.label.submitted.v1"
TEXT = "Harbour Mills cuts its forecast"


def label(says: str = "negative", labeller: str = "ana", minutes: int = 0, **changes: object) -> LabelSubmitted:
    fields = {"event_id": "e-1", "task": "sentiment", "text": TEXT} | changes
    at = WHEN + timedelta(minutes=minutes)
    return LabelSubmitted(label=says, labeller=labeller, labelled_at=at, **fields)  # type: ignore[arg-type]


def entries(*given: LabelSubmitted, start: int = 0) -> list[Entry]:
    return [Entry(start + number, labels.key(one), one) for number, one in enumerate(given)]
