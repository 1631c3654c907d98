"""CloudEvents 1.0 in Kafka's binary content mode: attributes as `ce_*` headers, the value is the bare data.

Source: CloudEvents "Kafka Protocol Binding" 1.0.2, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

Headers = Sequence[tuple[str, bytes]]

SPEC_VERSION = b"1.0"
TYPE_PREFIX = "bellwether."
PUBLISHED_TYPE = TYPE_PREFIX + "news.article.published.v1"
SCORED_TYPE = TYPE_PREFIX + "news.article.scored.v1"
LABEL_SUBMITTED_TYPE = TYPE_PREFIX + "news.label.submitted.v1"
MODEL_PUBLISHED_TYPE = TYPE_PREFIX + "news.model.published.v1"
MODEL_SERVED_TYPE = TYPE_PREFIX + "news.model.served.v1"


def headers(type_: str, event_id: str, source: str, time: datetime) -> list[tuple[str, bytes]]:
    """The headers of one message; `time` is the event's time."""
    return [
        ("ce_specversion", SPEC_VERSION),
        ("ce_type", type_.encode()),
        ("ce_id", event_id.encode()),
        ("ce_source", (source or "bellwether").encode("utf-8", "replace")),
        ("ce_time", time.astimezone(UTC).isoformat().encode()),
        ("content-type", b"application/json"),
    ]


def attribute(message_headers: Headers, name: str) -> str | None:
    """The last `ce_<name>` header as text; None where absent.

    Raises:
        UnicodeDecodeError: the header is not UTF-8.
    """
    for key, value in reversed(message_headers):
        if key == "ce_" + name and value is not None:
            return value.decode("utf-8")
    return None
