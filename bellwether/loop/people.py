"""Those who label in a loop: at their own pace, each label acknowledged by the broker or the loop ends."""

from __future__ import annotations

from collections.abc import Callable

from bellwether.labels.topic import message
from runtime import clock
from streams.ingest.producer import Publisher
from wire.events import LabelSubmitted
from wire.topics import LABELS


class People:
    """Use `with`; what was submitted is settled when it is left.

    Args:
        bootstrap: Kafka's address.
        per_s: labels a second, while there is something to label.
        monotonic: the clock.
    """

    def __init__(self, bootstrap: str, per_s: float, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._publisher = Publisher(bootstrap, topic=LABELS.name)
        self._pause_s = 1 / per_s
        self._monotonic = monotonic
        self._due_s = monotonic()
        self._error: Exception | None = None

    def __enter__(self) -> People:
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()

    def work(self, next_label: Callable[[], LabelSubmitted | None]) -> None:
        """Submit what is due by now.

        Raises:
            Exception: what the broker refused an earlier label for.
        """
        if self._error is not None:
            raise self._error
        now = self._monotonic()
        while self._due_s <= now:
            label = next_label()
            if label is None:
                self._due_s = now  # nobody makes up for time without anything to label
                return
            self._publisher.publish(message(label), self._settled)
            self._due_s += self._pause_s

    def _settled(self, error: Exception | None) -> None:
        self._error = self._error or error
