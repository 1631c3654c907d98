"""Looks at the group of trainers from outside: who is in it, who leads, and how far it has read."""

from __future__ import annotations

from typing import Any

import msgspec

from runtime.errors import BrokerAwayError, BrokerError
from wire.topics import LABELS


class Group(msgspec.Struct, frozen=True):
    """The group, as the broker sees it.

    Attributes:
        members: ids of the trainers.
        leader: the one that has the partition; None where nobody does.
        committed: offset up to which labels were stored by a leader; None before the first.
        end: of the label topic.
    """

    members: tuple[str, ...]
    leader: str | None
    committed: int | None
    end: int


def look(bootstrap: str, group: str) -> Group:
    """Ask the broker.

    Raises:
        BrokerAwayError: nobody answers.
        BrokerError: there is no label topic, or the broker refuses.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError
    from kafka.structs import TopicPartition

    place = TopicPartition(LABELS.name, 0)
    try:
        admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    except (KafkaError, OSError) as error:
        raise BrokerAwayError(f"no broker at {bootstrap}: {error!r}; start it or give --bootstrap") from error
    try:
        if LABELS.name not in admin.list_topics():
            raise BrokerError(f"{bootstrap} has no topic {LABELS.name}; make it with `bellwether topics create`")
        members = admin.describe_groups([group])[group]["members"]
        committed = admin.list_group_offsets({group: [place]})[group].get(place)
        end = admin.list_partition_offsets({place: _END})[place].offset
    except KafkaError as error:
        raise BrokerError(
            f"{bootstrap} does not tell of group {group}: {error!r}; may this user describe it?"
        ) from error
    finally:
        admin.close()
    leaders = [one["member_id"] for one in members if _owns(one)]
    offset = committed.offset if committed is not None and committed.offset >= 0 else None
    return Group(tuple(one["member_id"] for one in members), leaders[0] if leaders else None, offset, int(end))


_END = -1
"""What Kafka's protocol calls the offset behind the newest record."""


def _owns(member: dict[str, Any]) -> bool:
    assignment = member.get("member_assignment") or {}
    return any(one.get("partitions") for one in assignment.get("assigned_partitions", ()))
