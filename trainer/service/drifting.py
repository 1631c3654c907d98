"""Watches the champion for drift from what it answers and what is labelled; begins anew with each champion.

Nothing is saved: a trainer that begins to lead reads the last half hour of answers and all of its labels again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from runtime import log
from trainer.drift import Monitor
from trainer.novelty import Reference
from trainer.prequential import Ledger
from trainer.service.tail import Answer
from trainer.triggers import Alarm
from wire.events import LabelSubmitted

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
        self._ledger = Ledger(ranks)
        self._version: str | None = None
        self._monitors: dict[str, Monitor] = {}

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Of all tasks, by time; a task's name stands before its signal."""
        found = (
            Alarm(f"{task} {alarm.signal}", alarm.at) for task, one in self._monitors.items() for alarm in one.alarms
        )
        return tuple(sorted(found, key=lambda alarm: alarm.at))

    def follow(self, champion: str | None) -> None:
        """Watch this version from now on, with fresh detectors where it is another than before."""
        if champion != self._version:
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
            self._tell(task, monitor.scored([answer], at))

    def labelled(self, label: LabelSubmitted) -> None:
        """Take in a label; one that is here already changes nothing."""
        outcome = self._ledger.add(label)
        if outcome is not None and outcome.task in self._monitors:
            self._tell(outcome.task, self._monitors[outcome.task].labelled(outcome, label.labelled_at))

    def _tell(self, task: str, raised: list[Alarm]) -> None:
        for alarm in raised:
            _log.warning("drift", task=task, signal=alarm.signal, version=self._version)
