"""Who leads: the label topic has one partition, and the consumer group gives it to one trainer, which reads it.

The service only waits here while its run works in a process of its own, so it polls, keeps its membership and goes on
storing labels; nothing has to be paused. A standby that joins takes nothing away: the assignor is sticky.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

from runtime import clock, listening, log
from runtime.errors import BrokerAwayError, BrokerError, InputError
from trainer.labels.store import Entry, Unreadable, entry_of
from wire.topics import LABELS

SESSION_S = 10.0
"""A trainer that was silent for so long leads no more: another takes over within that and a few seconds."""

_BEATS = 4
"""Heartbeats within a session."""

_CONFIRM_MS = 5_000

_JOIN_S = 0.5
"""Shortest poll of who does not lead: a join should end within one, see `Lease._see_to_heartbeats`."""

_SILENT_SESSIONS = 2
"""Without a heartbeat: a join that waits for a dead member's session is silent for one."""

_log = log.get(__name__)


class Lease:
    """Membership in the group; `with` leaves it, so that another leads at once.

    Args:
        bootstrap: of Kafka.
        group: of trainers.
        who: what the broker knows this member by.
        session_s: see `SESSION_S`.
        monotonic: measures silence.

    Raises:
        BrokerAwayError: nobody answers.
        BrokerError: there is no label topic.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        who: str,
        *,
        session_s: float = SESSION_S,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        from kafka.structs import TopicPartition

        self._place = TopicPartition(LABELS.name, 0)
        self._bootstrap, self._group, self._who, self._session_s = bootstrap, group, who, session_s
        self._monotonic = monotonic
        self.leads = self._is_new = False
        self._end = math.inf
        self._must_join = False
        self._consumer = self._joined()

    def poll(self, timeout_s: float, start: Callable[[], int]) -> list[Entry | Unreadable]:
        """Wait for labels; what came is from where `start` says, which is asked once each time that we begin to lead.

        Args:
            timeout_s: seconds to wait at most.
            start: the offset up to which the label store has read. The group's own is not trusted: it may be
                another machine's, whose store has what ours lacks.

        Raises:
            InputError: the store has read further than the topic goes: the topic was made anew.
        """
        found = self._consumer.poll(timeout_ms=round(max(timeout_s, 0.0 if self.leads else _JOIN_S) * 1000))
        self._see_to_heartbeats()
        if not self.leads:
            return []
        if self._is_new:
            self._begin(start)
            return []
        records = found.get(self._place, [])
        return [entry_of(record.offset, record.key, record.value) for record in records]

    @property
    def has_caught_up(self) -> bool:
        """Whether all was read that was in the topic when we began to lead."""
        return self.leads and not self._is_new and self._consumer.position(self._place) >= self._end

    def confirm(self, offset: int) -> bool:
        """Whether the broker still takes us for the leader: it refuses the commit of anybody else.

        Args:
            offset: up to which the label store is synced.
        """
        from kafka.errors import KafkaError
        from kafka.structs import OffsetAndMetadata

        if not self.leads:
            return False
        try:
            self._consumer.commit({self._place: OffsetAndMetadata(offset, "", -1)}, timeout_ms=_CONFIRM_MS)
        except (KafkaError, ValueError) as error:
            _log.warning("lease_not_confirmed", problem=repr(error))
            return False
        return self.leads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _begin(self, start: Callable[[], int]) -> None:
        """Begin to lead; where the broker does not say how far the topic goes, the next poll tries again."""
        from kafka.errors import KafkaError

        try:
            self._end = int(self._consumer.end_offsets([self._place])[self._place])
        except KafkaError as error:
            _log.warning("broker_away", problem=repr(error))
            return
        offset = start()
        if offset > self._end:
            raise InputError(
                f"the label store has read {LABELS.name} up to {offset}, which ends at {self._end}: it was made anew; "
                "move the store away, and the topic rebuilds it"
            )
        self._consumer.seek(self._place, offset)
        self._consumer.resume(self._place)
        self._is_new = False

    def _joined(self) -> Any:
        from kafka import KafkaConsumer
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
        from kafka.errors import KafkaError

        try:
            listening.require(self._bootstrap)
            consumer: Any = KafkaConsumer(
                bootstrap_servers=self._bootstrap.split(","),
                group_id=self._group,
                client_id=self._who,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                session_timeout_ms=round(self._session_s * 1000),
                heartbeat_interval_ms=round(self._session_s * 1000 / _BEATS),
                partition_assignment_strategy=[CooperativeStickyAssignor],
            )
            known = consumer.partitions_for_topic(LABELS.name)
        except (KafkaError, OSError) as error:
            raise BrokerAwayError(
                f"no broker at {self._bootstrap}: {error!r}; start it, or give --bootstrap"
            ) from error
        if not known:
            consumer.close()
            raise BrokerError(f"{self._bootstrap} has no topic {LABELS.name}; make it with `bellwether topics create`")
        consumer.subscribe([LABELS.name], listener=_listener(self._gained, self._lost))
        self._joined_at = self._monotonic()
        return consumer

    def _see_to_heartbeats(self) -> None:
        """Join anew where no heartbeat has gone out for too long.

        kafka-python 3.0.12 loses a rebalance that a change of metadata began, where a short poll ends in the middle:
        its next poll finds nothing to do, and the member neither beats nor joins for good.
        """
        beats = self._consumer.metrics().get("consumer-coordinator-metrics", {})
        since = self._monotonic() - self._joined_at
        silent = min(beats.get("last-heartbeat-seconds-ago", math.inf), since)
        if silent < _SILENT_SESSIONS * self._session_s and not (self._must_join and since >= self._session_s):
            return
        _log.warning("membership_silent", seconds=round(silent, 1))
        self._lost()
        before = self._consumer
        try:
            self._consumer = self._joined()
        except BrokerAwayError as error:
            _log.warning("broker_away", problem=str(error))
            # The client before may come back to its group, which then takes us for a member that knows what it owns.
            self._must_join, self._joined_at = True, self._monotonic()
            return
        self._must_join = False
        before.close()

    def _gained(self) -> None:
        """Called within a poll, perhaps on the client's own thread: nothing is done here but to hold still."""
        self._consumer.pause(self._place)
        self.leads = self._is_new = True
        self._must_join = False

    def _lost(self) -> None:
        self.leads = self._is_new = False


def _listener(gained: Callable[[], None], lost: Callable[[], None]) -> Any:
    from kafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
        """Tells which way leadership went."""

        def on_partitions_assigned(self, assigned: Any) -> None:
            if assigned:
                gained()

        def on_partitions_revoked(self, revoked: Any) -> None:
            if revoked:
                lost()

        def on_partitions_lost(self, lost_ones: Any) -> None:
            if lost_ones:
                lost()

    return Listener()
