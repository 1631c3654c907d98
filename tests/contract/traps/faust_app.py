"""A small Faust app in a process of its own: handles texts, says which on stdout, and fails at those that say so.

Run as `python faust_app.py '{"bootstrap": …}'`; the keys are the fields of `Wish`.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wish:
    """What the app shall be like; where nothing is said, as Faust is by default."""

    bootstrap: str
    topic: str
    group: str
    how: str = "each"
    """`each` event for itself, `take` lots, or `noack_take` lots and acknowledge them by hand, as our agent does."""
    lot: int = 20
    within_s: float = 1.0
    serializer: str = "raw"
    fails: bool = True
    """Whether the agent raises at a text that says "boom"."""
    crashes: bool = False
    """Whether an agent's error ends the app, as in ours, or the agent is started again, as by default."""
    last_only: bool = False
    """Acknowledge by hand only the last event of a lot."""


def say(word: str, values: list[Any]) -> None:
    """One line per event, at once: the test reads along."""
    for value in values:
        text = value.decode() if isinstance(value, bytes) else value
        print(json.dumps([word, text]), flush=True)


def check(wish: Wish, values: list[Any]) -> None:
    """Raise where a text says so."""
    for value in values:
        if wish.fails and "boom" in str(value):
            raise ValueError(f"the agent cannot handle {value!r}")


def build(wish: Wish, folder: str) -> Any:
    """The app with its one agent."""
    import faust
    from yarl import URL

    app = faust.App(
        wish.group,
        broker=URL(f"kafka://{wish.bootstrap}"),
        datadir=folder,
        autodiscover=False,
        key_serializer="raw",
        value_serializer=wish.serializer,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_commit_interval=0.2,
        stream_recovery_delay=0.0,
    )
    source = app.topic(wish.topic, key_type=bytes, value_serializer=wish.serializer)

    async def each(stream: Any) -> None:
        async for value in stream:
            say("met", [value])
            check(wish, [value])
            say("handled", [value])

    async def take(stream: Any) -> None:
        async for values in stream.take(wish.lot, within=wish.within_s):
            say("met", values)
            check(wish, values)
            say("handled", values)

    async def noack_take(stream: Any) -> None:
        async for events in stream.noack().noack_take(wish.lot, within=wish.within_s):
            values = [event.value for event in events]
            say("met", values)
            check(wish, values)
            say("handled", values)
            for event in events[-1:] if wish.last_only else events:
                event.ack()

    from mode import CrashingSupervisor, OneForOneSupervisor

    strategy = CrashingSupervisor if wish.crashes else OneForOneSupervisor
    body = {"each": each, "take": take, "noack_take": noack_take}[wish.how]
    app.agent(source, name="agent", supervisor_strategy=strategy)(body)
    return app


def main() -> None:
    """Work until a signal ends it."""
    import faust

    wish = Wish(**json.loads(sys.argv[1]))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with tempfile.TemporaryDirectory() as folder:
        worker = faust.Worker(build(wish, folder), override_logging=False, redirect_stdouts=False, quiet=True)
        worker.spinner = None
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
