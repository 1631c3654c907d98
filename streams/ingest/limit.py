"""What the broker really takes as one message: asked beforehand, because an idempotent producer dies of a refusal."""

from __future__ import annotations

from typing import Any

from wire.topics import PUBLISHED

_SETTING = "max.message.bytes"


def largest_message(bootstrap: str, topic: str, timeout_s: float) -> int:
    """Bytes of the largest message of a topic; our own limit where we may not ask, or the topic takes more."""
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType
    from kafka.errors import KafkaError

    limit_ms = int(timeout_s * 1000)
    options: dict[str, Any] = {"bootstrap_timeout_ms": limit_ms, "request_timeout_ms": limit_ms}
    try:
        admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), **options)
        try:
            asked = [ConfigResource(ConfigResourceType.TOPIC, topic)]
            found = admin.describe_configs(asked, config_filter="all")["topic"][topic]
        finally:
            admin.close()
        return min(int(found[_SETTING]["value"]), PUBLISHED.max_message_bytes)
    except (KafkaError, KeyError, ValueError):
        return PUBLISHED.max_message_bytes
