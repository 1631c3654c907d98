"""Brings a cluster's topics to what `wire.topics` says, and says where they differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from bellwether.broker.admin import connect
from bellwether.topic_differences import Difference, Found, State, differences
from runtime.errors import BrokerError
from wire.topics import ALL, CLASSIFY_GROUP, DEFAULT_PARTITIONS, PUBLISHED, Layout, Topic, layouts

_WAIT_S = 30.0
"""For leaders of fresh partitions and for the group coordinator, which a fresh cluster creates on first use."""

_RETRY_S = 0.2
"""Between two tries."""

_LOG_START = -2
"""What Kafka's protocol calls the earliest offset that a partition still has."""

_TOPIC_EXISTS = 36
"""Kafka's error code: somebody else is creating the same topic, which is as good."""

_AUTO_CREATE = "auto.create.topics.enable"


def plan(
    bootstrap: str,
    *,
    partitions: int | None = None,
    replicas: int | None = None,
    group: str = CLASSIFY_GROUP,
    topics: tuple[Topic, ...] = ALL,
) -> list[Difference]:
    """What differs between the cluster and what shall be; changes nothing.

    Args:
        bootstrap: `host:port[,host:port]` of any cluster.
        partitions: of the topics that share one number; by default what `published` has, else 12.
        replicas: by default what `published` has, else 3 or as many as there are brokers.
        group: consumer group of the workers that score.
        topics: which.

    Raises:
        BrokerError: nobody answers, or Kafka refuses.
    """
    with connect(bootstrap) as admin:
        state = _look(admin, group, topics)
        return differences(_wanted(state, partitions, replicas, group, topics), state)


def create(
    bootstrap: str,
    *,
    partitions: int | None = None,
    replicas: int | None = None,
    group: str = CLASSIFY_GROUP,
    topics: tuple[Topic, ...] = ALL,
) -> list[Difference]:
    """Create what is missing, set what differs, commit the log's start where a group has no offset.

    Doing it again changes nothing. Partition and replica numbers of existing topics, and offsets that a group
    has committed, are never changed.

    Args:
        bootstrap: as for `plan`.
        partitions: as for `plan`.
        replicas: as for `plan`.
        group: as for `plan`.
        topics: as for `plan`.

    Returns:
        What was different; those that are not curable still are.

    Raises:
        BrokerError: nobody answers, or Kafka refuses.
    """
    with connect(bootstrap) as admin:
        state = _look(admin, group, topics)
        wanted = _wanted(state, partitions, replicas, group, topics)
        found = differences(wanted, state)
        _create_missing(admin, [layout for layout in wanted if layout.name not in state.topics])
        _set_config(admin, [layout for layout in wanted if layout.name in state.topics], found)
        for layout in wanted:
            for reader in layout.groups:
                _commit_start(admin, layout, reader)
        return found


def _wanted(
    state: State, partitions: int | None, replicas: int | None, group: str, topics: tuple[Topic, ...]
) -> tuple[Layout, ...]:
    existing = state.topics.get(PUBLISHED.name)
    if replicas is not None and replicas > state.brokers and existing is None:
        raise BrokerError(
            f"--replicas {replicas} needs as many brokers, and this cluster has {state.brokers}; "
            f"give --replicas {state.brokers} or fewer"
        )
    return layouts(
        partitions=partitions or (existing.partitions if existing else DEFAULT_PARTITIONS),
        replicas=replicas or (existing.replicas if existing else min(3, state.brokers)),
        group=group,
        topics=topics,
    )


def _look(admin: Any, group: str, topics: tuple[Topic, ...]) -> State:
    names = {topic.name for topic in topics} | {PUBLISHED.name}
    brokers = admin.describe_cluster()["brokers"]
    # All topics are asked for and ours picked: to ask for a missing one by name may create it.
    described = [one for one in admin.describe_topics() if one["name"] in names]
    config = topic_config(admin, [one["name"] for one in described])
    readers = sorted({reader for layout in layouts(group=group, topics=topics) for reader in layout.groups})
    committed = _patiently(lambda: admin.list_group_offsets(readers)) if readers and described else {}
    return State(
        topics={
            one["name"]: Found(
                partitions=len(one["partitions"]),
                replicas=min(len(partition["replica_nodes"]) for partition in one["partitions"]),
                config=config[one["name"]],
            )
            for one in described
        },
        committed={
            reader: frozenset((where.topic, where.partition) for where, at in offsets.items() if at.offset >= 0)
            for reader, offsets in committed.items()
        },
        brokers=len(brokers),
        creates_by_itself=_creates_by_itself(admin, str(brokers[0]["broker_id"])),
    )


def topic_config(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The settings of topics that exist, under Kafka's names, defaults included."""
    from kafka.admin import ConfigResource, ConfigResourceType

    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    if not asked:
        return {}
    answered = admin.describe_configs(asked, config_filter="all")["topic"]
    return {
        topic: {name: str(setting["value"]) for name, setting in found.items()} for topic, found in answered.items()
    }


def _creates_by_itself(admin: Any, broker: str) -> bool | None:
    from kafka.admin import ConfigResource, ConfigResourceType

    asked = [ConfigResource(ConfigResourceType.BROKER, broker, {_AUTO_CREATE: ""})]
    answered = admin.describe_configs(asked, config_filter="all")["broker"][broker]
    setting = answered.get(_AUTO_CREATE)
    return None if setting is None else setting["value"] == "true"


def _create_missing(admin: Any, missing: list[Layout]) -> None:
    if not missing:
        return
    wanted = {
        layout.name: {
            "num_partitions": layout.partitions,
            "replication_factor": layout.replicas,
            "configs": layout.config(),
        }
        for layout in missing
    }
    answer = admin.create_topics(wanted, raise_errors=False)
    for topic in answer["topics"]:
        if topic["error_code"] not in (0, _TOPIC_EXISTS):
            raise BrokerError(
                f"Kafka does not create {topic['name']}: {topic['error_message'] or topic['error_code']}; "
                "see its log, and --partitions and --replicas"
            )
    admin.wait_for_topics(list(wanted), timeout_ms=round(_WAIT_S * 1000))


def _set_config(admin: Any, existing: list[Layout], found: list[Difference]) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    for layout in existing:
        changes = {one.what: one.wanted for one in found if one.topic == layout.name and one.what in layout.config()}
        if not changes:
            continue
        resource = ConfigResource(ConfigResourceType.TOPIC, layout.name, changes)
        answer = admin.alter_configs([resource])["topic"][layout.name]
        if answer != "OK":
            raise BrokerError(f"Kafka does not set {changes} of {layout.name}: {answer}; may this user alter topics?")


def _commit_start(admin: Any, layout: Layout, group: str) -> None:
    from kafka.structs import OffsetAndMetadata, TopicPartition

    described = next(one for one in admin.describe_topics([layout.name]) if one["name"] == layout.name)
    everywhere = [TopicPartition(layout.name, one["partition_index"]) for one in described["partitions"]]
    has = _patiently(lambda: admin.list_group_offsets({group: everywhere})[group])
    lacks = [where for where in everywhere if where not in has or has[where].offset < 0]
    if not lacks:
        return
    starts = admin.list_partition_offsets(dict.fromkeys(lacks, _LOG_START))
    commits = {where: OffsetAndMetadata(start.offset, "", -1) for where, start in starts.items()}
    answers = _patiently(lambda: admin.alter_group_offsets(group, commits))
    refused = sorted({error.__name__ for error in answers.values() if error.errno != 0})
    if refused:
        raise BrokerError(
            f"Kafka does not commit the start of {layout.name} for group {group}: {', '.join(refused)}; "
            "stop the group's workers (their own commits come first) and create again"
        )


def _patiently(ask: Callable[[], Any]) -> Any:
    """Repeat a question while a fresh cluster creates its group coordinator."""
    from kafka.errors import KafkaError

    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            return ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_S)
