"""Completes labels that came without a text while the service goes on: the search runs in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from runtime import clock, log
from runtime.errors import BellwetherError
from trainer.labels.join import join
from trainer.labels.store import LabelStore
from trainer.labels.unpark import Search
from wire.events import LabelSubmitted, Scored

EVERY_S = 15.0
"""Between two searches, where labels wait."""

Submit = Callable[[Sequence[LabelSubmitted]], None]
"""Produces labels to their topic; raises where one was not acknowledged."""

_log = log.get(__name__)


class Unparking:
    """One search at a time.

    Args:
        search: in the scored topic.
        submit: see there.
        monotonic: for the pause.
    """

    def __init__(self, search: Search, submit: Submit, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._search = search
        self._submit = submit
        self._monotonic = monotonic
        self._due_s = 0.0
        self._thread: threading.Thread | None = None
        self._found: Mapping[str, Scored] = {}

    def turn(self, labels: LabelStore) -> None:
        """Submit what was found since, and search on where labels wait; never waits for the search."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread.join()
            self._thread = None
            self._complete(labels)
        if self._monotonic() < self._due_s:
            return
        self._due_s = self._monotonic() + EVERY_S
        if wanted := labels.parked():
            self._thread = threading.Thread(target=self._look, args=(wanted,), name="unpark", daemon=True)
            self._thread.start()

    def _look(self, wanted: Sequence[str]) -> None:
        try:
            self._found = self._search.find(wanted)
        except BellwetherError as error:
            _log.warning("labels_not_searched", waiting=len(wanted), problem=str(error))

    def _complete(self, labels: LabelStore) -> None:
        """Those that still wait: what was erased meanwhile is parked no more."""
        found, self._found = self._found, {}
        own = [one for event_id in found for one in labels.labels(event_id=event_id) if one.text is None]
        if not own:
            return
        try:
            self._submit(join(own, found).completed)
            _log.info("labels_completed", labels=len(own))
        except BellwetherError as error:
            self._search.forget()
            _log.warning("labels_not_completed", labels=len(own), problem=str(error))
