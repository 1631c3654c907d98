"""Watches the champion for drift from what it answers and what is labelled; begins anew with each champion.

Nothing is saved: a trainer that begins to lead begins anew, with the last half hour of answers and all of its labels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from runtime import log
from trainer.drift import Monitor
from trainer.novelty import Reference
from trainer.prequential import Ledger, Outcome
from trainer.service.tail import Answer
from trainer.triggers import Alarm
from wire.events import LabelSubmitted

KEPT = 10_000
"""Outcomes that wait for the monitor of their version, the newest: as many as a detector remembers at most."""

_log = log.get(__name__)


class Drift:
    """The monitors of all tasks of one champion.

    Args:
        ranks: of labellers, see `trainer.labels.effective`.
        reference: of the texts that the champion learnt from; without one novelty is not watched.
    """

    def __init__(self, ranks: Mapping[str, int], reference: Reference | None = None) -> None:
        self._ranks = ranks
        self._reference = reference
        self.begin()

    def begin(self) -> None:
        """Know nothing any more: whoever begins to lead reads answers and labels again."""
        self._ledger = Ledger(self._ranks)
        self._version: str | None = None
        self._monitors: dict[str, Monitor] = {}
        self._early: deque[tuple[Outcome, datetime]] = deque(maxlen=KEPT)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Of all tasks, by time; a task's name stands before its signal."""
        found = (
            Alarm(f"{task} {alarm.signal}", alarm.at) for task, one in self._monitors.items() for alarm in one.alarms
        )
        return tuple(sorted(found, key=lambda alarm: alarm.at))

    def follow(self, champion: str | None) -> None:
        """Watch this version from now on, with fresh detectors where it is another than before; None says nothing."""
        if champion not in {None, self._version}:
            self._version, self._monitors = champion, {}

    def answered(self, answer: Answer) -> None:
        """Take in what a version answered; shadows and others than the champion are left out."""
        if answer.is_shadow:
            return
        if self._version is None:
            self.follow(answer.model_version)
        if answer.model_version != self._version:
            return
        at = datetime.fromtimestamp(answer.at_ms / 1000, UTC)
        for task, said in answer.tasks.items():
            monitor = self._monitors.get(task)
            if monitor is None:
                labels = sorted(said.probabilities)
                monitor = self._monitors[task] = Monitor(task, answer.model_version, labels, self._reference)
                self._catch_up(monitor)
            self._tell(task, monitor.scored([answer], at))

    def labelled(self, label: LabelSubmitted, at: datetime) -> None:
        """Take in a label; one that is here already changes nothing.

        Args:
            label: of somebody who is believed.
            at: by the trainer's clock: the time of what it raises. A labeller's own clock decides nothing.
        """
        outcome = self._ledger.add(label)
        if outcome is None:
            return
        monitor = self._monitors.get(outcome.task)
        if monitor is None or monitor.version != outcome.version:
            self._early.append((outcome, at))
        else:
            self._tell(outcome.task, monitor.labelled(outcome, at))

    def forget(self, event_id: str) -> None:
        """Drop what is known of an event that was erased; the detectors keep a number that names nobody."""
        self._ledger.forget(event_id)
        self._early = deque((one for one in self._early if one[0].event_id != event_id), maxlen=KEPT)

    def _catch_up(self, monitor: Monitor) -> None:
        """Give a new monitor the outcomes that came before it."""
        early = list(self._early)
        self._early.clear()
        for outcome, at in early:
            if (outcome.task, outcome.version) == (monitor.task, monitor.version):
                self._tell(monitor.task, monitor.labelled(outcome, at))
            else:
                self._early.append((outcome, at))

    def _tell(self, task: str, raised: list[Alarm]) -> None:
        for alarm in raised:
            _log.warning("drift", task=task, signal=alarm.signal, version=self._version)
