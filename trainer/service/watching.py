"""Watches a new champion, also while runs work: what the field says of it against the champion before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runtime import clock
from trainer.field import Quality, quality
from trainer.prequential import Outcome, outcomes
from trainer.service import guardrails
from trainer.service.answers import Answers
from trainer.service.guardrails import Bounds, Compared, Errors
from trainer.service.promotion import promoted_at
from trainer.service.records import RunRecord
from trainer.service.registry import Registry
from wire.events import LabelSubmitted

WATCH_EVERY_S = 15.0
"""Between two looks at a new champion's labels: all labels are read for it."""


@dataclass
class Watching:
    """The watch over one champion after the other.

    Args:
        registry: says who serves, and which run made it.
        answers: what versions answered.
        believed: all labels by which the field is measured.
        ranks: of labellers, see `trainer.labels.effective`.
        bounds: when the field decides.
        watch_s: how long a new champion is watched.
        now: the wall clock.
    """

    registry: Registry
    answers: Answers
    believed: Callable[[], Iterable[LabelSubmitted]]
    ranks: Mapping[str, int]
    bounds: Bounds
    watch_s: float
    now: clock.Now
    _since: int | None = field(default=None, init=False)
    _record: RunRecord | None = field(default=None, init=False)
    _looked: dict[Compared, int] = field(default_factory=dict, init=False)
    _due: datetime | None = field(default=None, init=False)

    def problem(self) -> str | None:
        """Why the champion must go, None where nothing says so or where it is not looked at now.

        Raises:
            CorruptVersionError: a run's record is none of ours.
            StoreError: the store does not answer or refuses.
        """
        record, pointer, now = self._promoting(), self.registry.pointer, self.now()
        since = self.registry.champion_since
        if record is None or record.version is None or record.parent is None or since is None:
            return None
        if pointer.previous != record.parent or (now - since).total_seconds() > self.watch_s:
            return None
        if not clock_passed(self._due, now, WATCH_EVERY_S):
            return None
        self._due = now
        errors = self._errors(record.parent, record.version)
        seen = self.answers.counts(record.version)
        due = guardrails.looks_due(errors, seen, self._looked, self.bounds)
        why = guardrails.rollback(errors, record.judgement.foreseen, seen, due, self.bounds)
        if why is None:
            self._looked |= due
            return None
        return f"run {record.number}: {why}"

    def _errors(self, before: str, after: str) -> Errors:
        """By task, of both versions on what each served; without the tasks of which one has no label.

        Of the one before the newest alone, as many as the new one has: a version that was trained because the stream
        had drifted is not held against the easy weeks of before.
        """
        found: dict[tuple[str, str], list[Outcome]] = {}
        for outcome in outcomes(self.answers.completed(self.believed()), self.ranks):
            found.setdefault((outcome.task, outcome.version), []).append(outcome)
        return {
            task: (
                _quality(own[-max(len(found[task, after]), round(self.bounds.min_labels)) :]),
                _quality(found[task, after]),
            )
            for (task, version), own in found.items()
            if version == before and (task, after) in found
        }

    def _promoting(self) -> RunRecord | None:
        """The record of the run that made the champion; looked for once for each champion."""
        since = self.registry.pointer.since
        if since != self._since:
            self._record = next((one for one in self.registry.back() if self._is_of(one, since)), None)
            self._since, self._looked, self._due = since, {}, None
        return self._record

    def _is_of(self, record: RunRecord, since: int) -> bool:
        promoted = promoted_at(record, self.registry.moves)
        return promoted is not None and promoted.pointer.generation == since


def _quality(found: Sequence[Outcome]) -> Quality:
    return quality(found, [one.weight for one in found])


def clock_passed(then: datetime | None, now: datetime, seconds: float) -> bool:
    """Whether so long has passed; a clock that was set back holds nothing up."""
    return then is None or abs((now - then).total_seconds()) >= seconds
