"""The thin Faust adapter: takes messages in lots, hands them to the pipeline, acknowledges what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faust
import faust.streams
from faust.sensors import Monitor
from mode import CrashingSupervisor
from yarl import URL

from runtime.crashpoints import Pass, unharmed
from runtime.errors import DependencyError
from streams.classify.generations import Generation
from streams.classify.pipeline import Pipeline
from streams.classify.rebalance import Assignments
from streams.classify.records import Record
from streams.classify.transport import Transport
from wire import topics

SESSION_S = 6.0
"""The broker's minimum: a dead worker's partitions are taken over after it."""

HEARTBEAT_S = 1.5
"""A quarter of the session, so that three may get lost."""

COMMIT_S = 1.0
"""Between commits: a killed worker repeats at most so much, and a commit costs a round trip."""

POLL_RECORDS = 500
"""Most messages per fetch: what a revocation has to throw away."""

BUFFER_RECORDS = 65_536
"""Faust's own bound, never reached: `transport.Consumer` bounds records and bytes before it."""


class QuietMonitor(Monitor):
    """Faust's monitor without bookkeeping per message that nobody reads; our own metrics count batches."""

    mundane_level = "debug"

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """Nothing."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        """Nothing."""

    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        """Nothing."""

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        """Nothing."""


def build_app(bootstrap: str, group: str, folder: Path) -> faust.App:
    """A Faust app without tables, web server, leader election or topics of its own.

    Args:
        bootstrap: `host:port[,host:port]`.
        group: consumer group, which is Faust's app id.
        folder: where Faust makes the folders that it never uses here.

    Raises:
        DependencyError: Faust was installed without its compiled parts.
    """
    require_compiled()
    app = faust.App(
        group,
        broker=[URL(f"kafka://{address}") for address in bootstrap.split(",")],
        datadir=folder,
        autodiscover=False,
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        agent_supervisor=CrashingSupervisor,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_commit_interval=COMMIT_S,
        broker_max_poll_records=POLL_RECORDS,
        broker_rebalance_timeout=20.0,
        consumer_auto_offset_reset="none",
        stream_buffer_maxsize=BUFFER_RECORDS,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        cython_optimizations=True,
        Monitor=QuietMonitor,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    return app


def require_compiled() -> None:
    """Refuse Faust's pure-Python stream: it acknowledges messages that it skips while partitions move.

    Raises:
        DependencyError: the compiled stream is missing or switched off.
    """
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        raise DependencyError(
            "faust-streaming runs without its compiled stream, whose replacement can lose a message at a rebalance; "
            "unset NO_CYTHON, or install a wheel of faust-streaming for this Python"
        )


def attach(
    app: faust.App,
    pipeline: Pipeline,
    assignments: Assignments,
    failed: Callable[[BaseException], None],
    *,
    max_records: int,
    wait_s: float,
    topic: str = topics.PUBLISHED.name,
    passed: Pass = unharmed,
) -> None:
    """Add the agent that feeds the pipeline; before partitions go, what is in flight is finished and committed.

    Args:
        app: the Faust app.
        pipeline: where records go.
        assignments: which generation they belong to.
        failed: told of any error, because none may leave the agent's body: Faust would acknowledge what it held.
        max_records: most records at a time.
        wait_s: longest wait for a lot to fill.
        topic: the input.
        passed: told of the point `taken`.
    """
    source = app.topic(
        topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", allow_empty=True
    )

    async def classify(stream: Any) -> None:
        async for events in stream.noack().noack_take(max_records, within=wait_s):
            passed("taken")
            try:
                await take(events, assignments, pipeline)
            except Exception as error:  # the agent's boundary, see `failed`
                failed(error)
                await asyncio.Event().wait()  # hold what we have: the process ends now

    transport: Any = app.transport
    transport.before_revoked = assignments.ended
    app.agent(source, name="classify", concurrency=1, supervisor_strategy=CrashingSupervisor)(classify)


async def take(events: Sequence[Any], assignments: Assignments, pipeline: Pipeline) -> None:
    """Submit one lot of Faust events; those of an ended generation are let go un-acknowledged."""
    lots: dict[int, list[Any]] = {}
    for event in events:
        lots.setdefault(event.message.generation_id, []).append(event)
    assignments.taken([event.message for event in events])
    for number, lot in lots.items():
        generation: Generation | None = assignments.owner_of(number)
        if generation is None:
            assignments.release([event.message for event in lot])
        else:
            await pipeline.submit(list(map(record_of, lot)), generation)
            if not generation.is_open:
                assignments.release_unheld()


def record_of(event: Any) -> Record:
    """One Faust event as a record; the event itself is the token that acknowledges it."""
    message = event.message
    return Record(
        message.partition,
        message.offset,
        message.key,
        message.value,
        message.headers or (),
        message.timestamp or 0.0,
        event,
    )


def acknowledge(records: Sequence[Record]) -> None:
    """Tell Faust that these inputs are done; it commits them within `COMMIT_S`."""
    for record in records:
        event: Any = record.token
        event.ack()
