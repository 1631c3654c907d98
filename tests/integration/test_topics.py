"""The topics on a real Kafka: created once, found as planned, and every difference seen."""

import json
from collections.abc import Callable

import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import OffsetAndMetadata, TopicPartition
from typer.testing import CliRunner

from bellwether import topics
from bellwether.broker.admin import connect
from bellwether.broker.cluster import Cluster
from bellwether.cli.topics import app
from runtime.errors import BrokerError
from wire.topics import ALL, CLASSIFY_GROUP, DEAD, PUBLISHED, SCORED

MakeTopics = Callable[..., None]


def run(cluster: Cluster, command: str, *arguments: str):
    return CliRunner().invoke(app, [command, "--bootstrap", cluster.bootstrap, *arguments])


def committed(cluster: Cluster, group: str) -> dict[TopicPartition, int]:
    with connect(cluster.bootstrap) as admin:
        return {where: at.offset for where, at in admin.list_group_offsets({group: None})[group].items()}


def set_config(cluster: Cluster, topic: str, **settings: str) -> None:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    with connect(cluster.bootstrap) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, named)])


def test_creation_gives_every_topic_and_commits_offset_0_for_the_workers(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=3)
    assert topics.plan(kafka.bootstrap) == []
    with connect(kafka.bootstrap) as admin:
        assert {topic.name for topic in ALL} <= set(admin.list_topics())
    assert committed(kafka, CLASSIFY_GROUP) == {TopicPartition(PUBLISHED.name, number): 0 for number in range(3)}


def test_creating_again_changes_nothing(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    with connect(kafka.bootstrap) as admin:
        moved = {TopicPartition(PUBLISHED.name, 0): OffsetAndMetadata(5, "", -1)}
        admin.alter_group_offsets(CLASSIFY_GROUP, moved)
    assert topics.create(kafka.bootstrap) == []
    assert committed(kafka, CLASSIFY_GROUP)[TopicPartition(PUBLISHED.name, 0)] == 5


def test_a_setting_that_somebody_changed_is_seen_and_set_back(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    set_config(kafka, SCORED.name, retention_ms="60000")
    (found,) = topics.plan(kafka.bootstrap)
    assert (found.topic, found.what, found.found) == (SCORED.name, "retention.ms", "60000")
    topics.create(kafka.bootstrap)
    assert topics.plan(kafka.bootstrap) == []


def test_a_second_group_starts_at_the_logs_start(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    (found,) = topics.plan(kafka.bootstrap, group="second")
    assert (found.what, found.found) == ("offsets of second", "0 of 2 partitions")
    topics.create(kafka.bootstrap, group="second")
    assert set(committed(kafka, "second").values()) == {0}


def test_a_half_finished_creation_is_finished(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    with connect(kafka.bootstrap) as admin:
        admin.delete_topics([DEAD.name])
        admin.delete_group_offsets(CLASSIFY_GROUP, [TopicPartition(PUBLISHED.name, 1)])
    found = topics.create(kafka.bootstrap)
    assert [(one.topic, one.what) for one in found] == [
        (PUBLISHED.name, "offsets of bellwether-classify"),
        (DEAD.name, "topic"),
    ]
    assert topics.plan(kafka.bootstrap) == []


def test_check_fails_with_the_cure_when_partition_counts_differ(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    assert run(kafka, "check").exit_code == 0
    with connect(kafka.bootstrap) as admin:
        admin.create_partitions({SCORED.name: 3})
    checked = run(kafka, "check", "--json")
    assert checked.exit_code == 1
    (one,) = json.loads(checked.stdout)["differences"]
    assert (one["topic"], one["what"], one["found"], one["wanted"]) == (SCORED.name, "partitions", "3", "2")
    assert "the number is fixed at creation" in one["cure"]
    created = run(kafka, "create")
    assert created.exit_code == 1
    assert "still differs: news.article.scored.v1: partitions" in created.stderr


def test_plan_shows_a_table_and_changes_nothing(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    planned = run(kafka, "plan", "--group", "third")
    assert planned.exit_code == 0
    assert "to do: 1 at" in planned.stdout
    assert committed(kafka, "third") == {}
    assert "nothing differs" in run(kafka, "plan").stdout


def test_more_replicas_than_brokers_are_refused(kafka: Cluster, make_topics: MakeTopics):
    make_topics(partitions=2)
    with connect(kafka.bootstrap) as admin:
        admin.delete_topics([PUBLISHED.name])
    with pytest.raises(BrokerError, match="--replicas 3 needs as many brokers, and this cluster has 1"):
        topics.create(kafka.bootstrap, replicas=3)
    topics.create(kafka.bootstrap, partitions=2)


def test_an_address_without_kafka_says_how_to_get_one():
    with (
        pytest.raises(BrokerError, match=r"no Kafka answers at 127\.0\.0\.1:9 within 1 s .*bellwether broker start"),
        connect("127.0.0.1:9", timeout_s=1.0),
    ):
        pass
