import pytest

from wire import topics
from wire.topics import ALL, DEAD, LABELS, PUBLISHED, SCORED, SHADOWED, layouts


def test_names_are_unique_and_carry_a_version():
    assert len({topic.name for topic in ALL}) == len(ALL) == 10
    assert all(topic.name.startswith("news.") and topic.name.endswith(".v1") for topic in ALL)


def test_every_topic_of_the_module_is_in_the_list():
    assert {one for one in vars(topics).values() if isinstance(one, topics.Topic)} == set(ALL)


def test_outputs_may_be_larger_than_the_largest_input():
    assert PUBLISHED.max_message_bytes == 1_048_576
    assert SCORED.max_message_bytes == SHADOWED.max_message_bytes == DEAD.max_message_bytes == 2_097_152


@pytest.mark.parametrize("partitions", [1, 12])
def test_inputs_and_outputs_have_equal_partition_counts(partitions: int):
    found = layouts(partitions=partitions, topics=(PUBLISHED, SCORED, SHADOWED, DEAD))
    assert {layout.partitions for layout in found} == {partitions}


def test_the_label_topic_has_one_partition_and_forgets_nothing():
    (layout,) = layouts(partitions=12, topics=(LABELS,))
    assert layout.partitions == 1
    assert layout.config()["cleanup.policy"] == "compact"
    assert "retention.ms" not in layout.config()


def test_what_is_erased_leaves_the_label_topic_in_a_day_and_readers_have_a_month_to_learn_it():
    config = LABELS.config()
    assert config["max.compaction.lag.ms"] == str(24 * 3600 * 1000)
    assert config["delete.retention.ms"] == str(30 * 24 * 3600 * 1000)
    assert not {"max.compaction.lag.ms", "delete.retention.ms"} & set(PUBLISHED.config())


def test_the_brokers_clock_stamps_every_record():
    assert {layout.config()["message.timestamp.type"] for layout in layouts()} == {"LogAppendTime"}


def test_retention_is_in_milliseconds():
    assert PUBLISHED.config()["retention.ms"] == str(7 * 24 * 3600 * 1000)


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_all_but_one_replica_must_have_a_record(replicas: int, in_sync: str):
    assert layouts(replicas=replicas)[0].config()["min.insync.replicas"] == in_sync


def test_only_the_scoring_group_reads_published_and_may_have_another_name():
    assert {layout.name: layout.groups for layout in layouts() if layout.groups} == {
        PUBLISHED.name: ("bellwether-classify",)
    }
    assert layouts(group="second", topics=(PUBLISHED,))[0].groups == ("second",)


def test_no_partition_is_no_topic():
    with pytest.raises(ValueError, match="at least 1 partition and 1 replica, not 0 and 1"):
        layouts(partitions=0)
