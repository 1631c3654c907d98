from dataclasses import replace

from bellwether.topic_differences import Found, State, differences
from wire.topics import CLASSIFY_GROUP, OPINION_PARTIAL, PUBLISHED, SCORED, layouts

LAYOUTS = layouts(partitions=3, topics=(PUBLISHED, SCORED))
NOTHING = State(topics={}, committed={}, brokers=1, creates_by_itself=False)
COMPLETE = State(
    topics={
        layout.name: Found(layout.partitions, layout.replicas, {**layout.config(), "segment.ms": "1"})
        for layout in LAYOUTS
    },
    committed={CLASSIFY_GROUP: frozenset((PUBLISHED.name, partition) for partition in range(3))},
    brokers=1,
    creates_by_itself=False,
)


def changed(topic: str, **fields: object) -> State:
    return replace(COMPLETE, topics={**COMPLETE.topics, topic: replace(COMPLETE.topics[topic], **fields)})


def test_what_is_as_it_shall_be_differs_in_nothing():
    assert differences(LAYOUTS, COMPLETE) == []


def test_an_empty_cluster_lacks_topics_and_the_groups_start():
    found = differences(LAYOUTS, NOTHING)
    assert [(one.topic, one.what, one.is_curable) for one in found] == [
        (PUBLISHED.name, "topic", True),
        (PUBLISHED.name, "offsets of bellwether-classify", True),
        (SCORED.name, "topic", True),
    ]


def test_unequal_partition_counts_cannot_be_cured_by_create():
    (one,) = differences(LAYOUTS, changed(SCORED.name, partitions=6))
    assert str(one).startswith("news.article.scored.v1: partitions: found 6, wanted 3; the number is fixed at creation")
    assert "--partitions 6" in one.cure
    assert not one.is_curable


def test_fewer_replicas_name_the_way_to_more():
    (one,) = differences(layouts(partitions=3, topics=(SCORED,), replicas=1), changed(SCORED.name, replicas=2))
    assert (one.found, one.wanted, one.is_curable) == ("2", "1", False)
    assert "give --replicas 2, or reassign" in one.cure


def test_a_setting_that_differs_is_set_by_create():
    (one,) = differences(LAYOUTS, changed(SCORED.name, config={**SCORED.config(), "min.insync.replicas": "2"}))
    assert (one.what, one.found, one.wanted, one.is_curable) == ("min.insync.replicas", "2", "1", True)


def test_a_setting_that_may_not_be_read_counts_as_differing():
    config = {**LAYOUTS[1].config()}
    del config["retention.ms"]
    (one,) = differences(LAYOUTS, changed(SCORED.name, config=config))
    assert one.found == "unknown"


def test_kafkas_order_of_cleanup_policies_is_no_difference():
    (layout,) = layouts(partitions=3, topics=(OPINION_PARTIAL,))
    swapped = Found(3, 1, {**layout.config(), "cleanup.policy": "delete,compact"})
    assert differences([layout], replace(COMPLETE, topics={layout.name: swapped})) == []


def test_one_partition_without_a_committed_offset_is_found():
    committed = {CLASSIFY_GROUP: frozenset({(PUBLISHED.name, 0), (PUBLISHED.name, 2)})}
    (one,) = differences(LAYOUTS, replace(COMPLETE, committed=committed))
    assert (one.what, one.found) == ("offsets of bellwether-classify", "2 of 3 partitions")
    assert "nothing is lost" in one.cure


def test_a_cluster_that_creates_topics_by_itself_is_found():
    (one,) = differences(LAYOUTS, replace(COMPLETE, creates_by_itself=True))
    assert (one.topic, one.what, one.found, one.is_curable) == ("cluster", "auto.create.topics.enable", "true", False)


def test_a_cluster_that_does_not_say_is_not_blamed():
    assert differences(LAYOUTS, replace(COMPLETE, creates_by_itself=None)) == []
