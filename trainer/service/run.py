"""One run from its trigger to its record: collected, worked on by its process, judged, recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from models.pointer import Pointer
from runtime import clock, log
from runtime.crashpoints import Pass
from trainer.gate.verdict import may_promote
from trainer.service import records
from trainer.service.folder import Found, Order, RunFolder
from trainer.service.parts import Work
from trainer.service.records import Judgement, Plan, RunRecord
from trainer.service.work import Start, Worker, Working

TRIES = 2
"""How often the run's process is started before the run counts as failed: a recipe that always crashes must end."""

AGAIN_AFTER = timedelta(seconds=30)
"""After an error that passes by itself, as of a store that does not answer: such tries are not counted."""

_log = log.get(__name__)


@dataclass
class Run:
    """A run that has its order and no record.

    Args:
        order: what it does.
        folder: where.
        work: what its process does.
        plan: how what it makes is tried before it serves.
        passed: told of each point.
        now: the wall clock.
        who: for the record.
        start: starts the process.
    """

    order: Order
    folder: RunFolder
    work: Work
    plan: Plan
    passed: Pass
    now: clock.Now
    who: str
    start: Start = Worker

    def __post_init__(self) -> None:
        self.phase = "collected"
        self._worker: Working | None = None
        self._waits_until: datetime | None = None

    def turn(self) -> RunRecord | None:
        """Look after the process; the record, not written yet, when it is judged."""
        found = self.folder.found()
        if self._worker is None and _is_over(found):
            return self._record(found)
        if self._worker is None and self._waits_until is not None and self.now() < self._waits_until:
            return None
        if self._worker is None:
            self.folder.write_found(msgspec.structs.replace(found, will_pass=False))  # whatever a killed one left
            self._worker = self.start(self.work, self.order, self.folder)
        self._hear(self._worker)
        code = self._worker.code
        if code is None:
            return None
        self._hear(self._worker)
        self.stop()
        found = self.folder.found()
        if found.judgement is None:
            failures = found.failures + (not found.will_pass)
            self._waits_until = self.now() + AGAIN_AFTER if found.will_pass else None
            found = msgspec.structs.replace(found, failures=failures, will_pass=False)
            self.folder.write_found(found)
            _log.warning("run_process_ended", run=self.order.number, code=code, failures=failures, error=found.error)
        if not _is_over(found):
            return None
        self.passed("judged")
        return self._record(found)

    def stop(self) -> None:
        """End the process; the run can go on from its folder."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _hear(self, worker: Working) -> None:
        for said in worker.said():
            _log.info("run_said", run=self.order.number, said=said.text)
            if said.phase is not None:
                self.phase = said.phase
                self.passed(said.phase)

    def _record(self, found: Found) -> RunRecord:
        judgement = found.judgement or Judgement(
            verdict=records.FAILED,
            reasons=(f"its process ended {found.failures} times without a result; {found.error or 'it said nothing'}",),
        )
        order = self.order
        return RunRecord(
            number=order.number,
            who=self.who,
            why=order.why,
            began=order.began,
            ended=self.now().isoformat(timespec="seconds"),
            position=order.position,
            labels=order.labels,
            data=order.data,
            recipe=order.recipe,
            parent=order.parent,
            generation=order.generation,
            seed=order.seed,
            version=found.version,
            judgement=judgement,
            may_promote=may_promote(judgement.verdict, is_sound=judgement.is_sound, is_old=order.may_be_same),
            seconds={**order.seconds, **found.seconds},
            plan=self.plan,
        )


def fits(order: Order, last: RunRecord | None, pointer: Pointer) -> bool:
    """Whether a run still means something: no other run was recorded since it began, and the same version serves."""
    return order.number == (last.number if last else 0) + 1 and order.parent == pointer.champion


def repeats(order: Order, last: RunRecord | None) -> bool:
    """Whether a run would do over what the last one did: nothing that decides its outcome is another."""
    mine = (order.data, order.recipe, order.parent)
    return last is not None and (last.data, last.recipe, last.parent) == mine


def _is_over(found: Found) -> bool:
    return found.judgement is not None or found.failures >= TRIES
