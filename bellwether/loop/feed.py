"""Publishes a loop's events at a steady rate, in a thread: what the champion knows, then the drift until it ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bellwether.demo.stream import Story
from runtime import clock
from streams.ingest.article import Built
from streams.ingest.message import encode
from streams.ingest.producer import Publisher
from wire.events import Article

AGAIN = "~"
"""Stands in the id of a story that is told once more, before the number of the telling."""


def stream(before: Sequence[Story], after: Sequence[Story]) -> Iterator[Story]:
    """What the champion knows, once, then the drift again and again; each time under ids of its own."""
    yield from before
    yield from after
    for telling in itertools.count(2):
        for story in after:
            yield msgspec.structs.replace(story, event_id=f"{story.event_id}{AGAIN}{telling}")


class Feed:
    """One stream, which `with` begins and ends.

    Args:
        bootstrap: Kafka's address.
        stories: in their order.
        rate: events a second.
    """

    def __init__(self, bootstrap: str, stories: Iterable[Story], rate: float) -> None:
        self._bootstrap = bootstrap
        self._stories = stories
        self._rate = rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.sent = 0
        self.error: Exception | None = None

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with Publisher(self._bootstrap) as publisher:
                begun = clock.monotonic()
                for number, story in enumerate(self._stories):
                    wait_s = begun + number / self._rate - clock.monotonic()
                    if self._stop.wait(max(0.0, wait_s)):
                        return
                    publisher.publish(encode(built(story)), self._settled)
        except Exception as error:  # the thread's boundary: whoever looks decides
            self.error = error

    def _settled(self, error: Exception | None) -> None:
        self.sent += error is None
        self.error = self.error or error


def built(story: Story) -> Built:
    """A story as the event that an ingest would make of it."""
    article = Article(
        text=story.text,
        published_at=story.published_at,
        event_id=story.event_id,
        source=story.source,
        ingested_at=clock.now(),
    )
    return Built(story.key or story.event_id, article, timed=True)
