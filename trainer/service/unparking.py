"""Completes labels that came without a text while the service goes on: the search runs in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from runtime import clock, log
from runtime.errors import BellwetherError
from trainer.labels.store import LabelStore
from trainer.labels.unpark import Search, Submit, complete
from wire.events import Scored

EVERY_S = 15.0
"""Between two searches, where labels wait."""

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
        found, self._found = self._found, {}
        if not found:
            return
        try:
            joined = complete(labels, found, self._search, self._submit)
            _log.info("labels_completed", labels=len(joined.completed), waiting=len(joined.waiting))
        except BellwetherError as error:
            _log.warning("labels_not_completed", events=len(found), problem=str(error))
