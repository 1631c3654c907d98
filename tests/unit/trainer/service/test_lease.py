"""A member whose broker went away, with a client of our own making: which one is used, and when another is made."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from runtime.errors import BrokerAwayError
from trainer.service.lease import Lease

SESSION_S = 10.0


class Client:
    """What a lease needs of a consumer; its heartbeats are as fresh as it is told."""

    def __init__(self) -> None:
        self.silent = 0.0
        self.is_closed = False
        self.end: int | None = 0

    def poll(self, **_: Any) -> dict[Any, Any]:
        return {}

    def metrics(self) -> dict[str, Any]:
        return {"consumer-coordinator-metrics": {"last-heartbeat-seconds-ago": self.silent}}

    def pause(self, _: Any) -> None: ...

    resume = pause

    def seek(self, *_: Any) -> None: ...

    def end_offsets(self, places: list[Any]) -> dict[Any, int]:
        if self.end is None:
            raise KafkaTimeoutError("no leader")
        return dict.fromkeys(places, self.end)

    def close(self) -> None:
        self.is_closed = True


class World:
    """A clock, a broker that comes and goes, and the clients that were made."""

    def __init__(self) -> None:
        self.time = 0.0
        self.is_away = False
        self.clients: list[Client] = []


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def joined(lease: Lease) -> Client:
        if made.is_away:
            raise BrokerAwayError("nobody")
        made.clients.append(Client())
        lease._joined_at = made.time
        return made.clients[-1]

    monkeypatch.setattr(Lease, "_joined", joined)
    return made


def polls(lease: Lease, world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.time += 1
        lease.poll(0.0, lambda: 0)


def test_after_an_outage_the_group_is_joined_anew_although_the_old_client_beats_again(world: World) -> None:
    lease = Lease("x:1", "group", "me", session_s=SESSION_S, monotonic=lambda: world.time)
    lease._gained()
    polls(lease, world, 2)
    assert lease.leads
    world.is_away, world.clients[0].silent = True, 60.0
    polls(lease, world, 30)
    assert not lease.leads
    world.is_away, world.clients[0].silent = False, 0.0
    polls(lease, world, 30)
    assert len(world.clients) == 2
    assert world.clients[0].is_closed
    polls(lease, world, 60)
    assert len(world.clients) == 2, "a healthy member stays"


def test_a_broker_that_does_not_say_how_far_the_topic_goes_is_asked_again(world: World) -> None:
    lease = Lease("x:1", "group", "me", session_s=SESSION_S, monotonic=lambda: world.time)
    begun: list[int] = []
    world.clients[0].end = None
    lease._gained()
    lease.poll(0.0, lambda: begun.append(1) or 0)
    assert (lease.leads, lease.has_caught_up, begun) == (True, False, [])
    world.clients[0].end = 5
    lease.poll(0.0, lambda: begun.append(1) or 0)
    assert begun == [1]
