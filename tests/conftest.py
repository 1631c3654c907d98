"""Fixtures that more than one folder of tests uses."""

import gc
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from bellwether import topics
from bellwether.broker.admin import connect
from bellwether.broker.cluster import Cluster, temporary
from runtime.errors import DependencyError
from wire.topics import ALL

PARTITIONS = 4
"""Enough for two workers to share; each one costs a fresh broker some milliseconds."""

MakeTopics = Callable[..., None]


KEPT = {"BELLWETHER_HOME", "BELLWETHER_CACHE", "BELLWETHER_DATA"}
"""Settings of whoever runs the tests that they may use: others name a store or a broker that real workers follow."""


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("BELLWETHER_") and name not in KEPT]:
        del os.environ[name]
    # A shell that starts us in the background has Ctrl-C ignored, and the processes that we test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # kafka-python 3.0.12 reads its schemas through a function that Python 3.11 and 3.12 call deprecated.
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
    # It also drops, unclosed, the socket of a connection that a killed broker refused.
    refused = r"unclosed <socket\.socket fd=\d+, family=2, type=1, proto=6, laddr=\('0\.0\.0\.0', \d+\)>"
    config.addinivalue_line("filterwarnings", f"ignore:{refused}:ResourceWarning")


def pytest_sessionfinish() -> None:
    # The filters above end here; what is dropped later would count as an error of the whole run.
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"kafka", "make_topics"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """One real broker for all tests of this run, with our topics in it."""
    starting = temporary()
    try:
        cluster = starting.__enter__()
    except DependencyError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"under CI every test must run, and Kafka cannot: {error}", pytrace=False)
        pytest.skip(f"NOT TESTED, as Kafka cannot start here: {error}")
    try:
        topics.create(cluster.bootstrap, partitions=PARTITIONS)
        yield cluster
    finally:
        starting.__exit__(None, None, None)


@pytest.fixture
def make_topics(kafka: Cluster) -> MakeTopics:
    """Gives all topics anew, empty: `make_topics(partitions=4, group="bellwether-classify")`."""

    def make(*, partitions: int = PARTITIONS, **chosen: str) -> None:
        remove_topics(kafka.bootstrap)
        topics.create(kafka.bootstrap, partitions=partitions, **chosen)

    return make


def remove_topics(bootstrap: str) -> None:
    ours = {topic.name for topic in ALL}
    with connect(bootstrap) as admin:
        there = sorted(ours & set(admin.list_topics()))
        if there:
            admin.delete_topics(there)
