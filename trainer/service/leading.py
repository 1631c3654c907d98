"""A term as the leader: stores labels, begins runs, carries the last one to its end, watches the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from models import pointer as pointers
from runtime import clock, log
from runtime.crashpoints import Pass, unharmed
from trainer.labels.aside import texts_aside
from trainer.labels.effective import Subject, effective
from trainer.labels.store import Counts, Entry, LabelStore, Unreadable
from trainer.service import guardrails
from trainer.service.answers import Answers
from trainer.service.folder import Order, folder_of, folders
from trainer.service.parts import Glance, Parts, Trigger
from trainer.service.promotion import Step, next_step
from trainer.service.records import FencedError, RunRecord
from trainer.service.registry import Registry
from trainer.service.rules import Rules
from trainer.service.run import Run, fits, repeats
from trainer.service.tail import Answer
from trainer.service.watching import Watching, clock_passed
from trainer.service.work import Start, Worker
from wire.events import LabelSubmitted
from wire.labels import event_of
from wire.topics import LABELS

PAUSE_S = 5.0
"""After labels were sorted and no run began: all of them are read for it."""

_log = log.get(__name__)


@dataclass
class Leading:
    """One term as the leader.

    Args:
        state: this trainer's folder.
        labels: the label store in it.
        registry: what is seen and moved there.
        parts: what is called.
        rules: see there.
        confirm: whether the broker still takes us for the leader; asked before anything that others see.
        who: for records.
        passed: told of each point.
        now: the wall clock.
        start: starts a run's process.
    """

    state: Path
    labels: LabelStore
    registry: Registry
    parts: Parts
    rules: Rules
    confirm: Callable[[], bool]
    who: str
    passed: Pass = unharmed
    now: clock.Now = clock.now
    start: Start = Worker
    run: Run | None = field(default=None, init=False)
    answers: Answers = field(default_factory=Answers, init=False)
    step: Step = field(default=Step("over", "nothing was looked at yet"), init=False)
    _lost: int = field(default=0, init=False)
    _too_few_up_to: int = field(default=-1, init=False)
    _nothing_new: tuple[int, str | None] = field(default=(-1, None), init=False)
    _sorted_at: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        bounds, watch_s = self.rules.bounds, self.rules.watch_s
        self._watching = Watching(
            self.registry, self.answers, lambda: self.parts.believed(self.labels.labels()), self.parts.ranks, bounds,
            watch_s, self.now,
        )  # fmt: skip
        self.parts.begun()
        self.heed(self.parts.believed(self.labels.labels()), is_old=True)

    def take(self, entries: Sequence[Entry | Unreadable]) -> Counts:
        """Store labels; the file has them when this returns, so that the offset may be committed."""
        counts = self.labels.apply(LABELS.name, entries)
        for entry in entries:
            if isinstance(entry, Unreadable):
                _log.warning("label_unreadable", topic=LABELS.name, offset=entry.offset, problem=entry.problem)
            elif entry.label is None:
                event_id = event_of(entry.key)
                self.answers.forget(event_id)
                self.parts.forgotten(event_id)
        return counts

    def heed(self, believed: Iterable[LabelSubmitted], *, is_old: bool = False) -> None:
        """Tell the parts of labels, oldest first; those of before this term are as old as they say, never newer."""
        now = self.now()
        for label in sorted(believed, key=lambda one: one.labelled_at):
            self.parts.labelled(label, min(label.labelled_at, now) if is_old else now)

    def answer(self, answer: Answer) -> None:
        """See what a version said."""
        if self.answers.take(answer):
            self.parts.answered(answer)

    def turn(self) -> RunRecord | None:
        """Do what is next, never for long.

        Returns:
            the record of a run that ended now.

        Raises:
            RaceLostError: the pointer moved meanwhile; the next turn decides anew.
            StoreError: the store does not answer or refuses.
        """
        self.registry.look()
        self.parts.follow(self.registry.pointer.champion)
        last = self.registry.last
        if (problem := self._watching.problem()) is not None and self.confirm():
            self.registry.move("rollback", pointers.rolled_back(self.registry.pointer), problem)
        if self.run is not None:
            return self._go_on(self.run)
        if last is not None and last.number != self._lost:
            self.step = next_step(last, self.registry.moves, self.now())
            if self.step.action != "over":
                self._settle(last)
                return None
        self._begin(last)
        return None

    @property
    def phase(self) -> str:
        """What is done now, one of `trainer.service.metrics.PHASES`."""
        if self.run is not None:
            return self.run.phase
        last, action = self.registry.last, self.step.action
        if action == "wait" and last is not None and self.registry.pointer.challenger == last.version:
            return "shadow"
        return "idle" if action in {"over", "end"} else action

    def stop(self) -> None:
        """End the run's process; whoever leads next goes on, or starts over."""
        if self.run is not None:
            self.run.stop()

    def _go_on(self, run: Run) -> RunRecord | None:
        if not fits(run.order, self.registry.last, self.registry.pointer):
            if self.confirm():  # another leader on this machine may be at work in the same folder
                _log.warning("run_outdated", run=run.order.number, champion=self.registry.pointer.champion)
                self._forget(run)
            return None
        record = run.turn()
        if record is None or not self.confirm():
            return None
        try:
            self.registry.record(record)
        except FencedError as error:
            _log.warning("run_fenced", run=record.number, problem=str(error))
            self._forget(run)
            return None
        self.passed("recorded")
        _log.info("run_recorded", run=record.number, verdict=record.judgement.verdict, version=record.version)
        self._forget(run)
        return record

    def _forget(self, run: Run) -> None:
        run.stop()
        run.folder.remove()
        self.run = None

    def _settle(self, record: RunRecord) -> None:
        """Carry a recorded run one step further."""
        version, now = record.version, self.registry.pointer
        if version is None or self.step.action == "wait" or not self.confirm():
            return
        if self.step.action == "end":
            self.registry.move("challenge", pointers.unchallenged(now), self.step.why)
            return
        if not self.parts.is_published(version):
            if not self.parts.has(version):
                self._lost = record.number
                return
            self.parts.publish(version)
            self.passed("published")
            if not self.confirm():
                return
        if self.step.action == "stage":
            self.registry.move("stage", pointers.staged(now, version), self.step.why)
        elif self.step.action == "shadow":
            policy = pointers.Policy("shadow", record.plan.shadow_share)
            self.registry.move("challenge", pointers.challenged(now, version, policy), self.step.why)
        elif (problem := self._in_shadow(record)) is not None:
            self.registry.move("challenge", pointers.unchallenged(now), problem)
        else:
            self.registry.move(
                "promote", pointers.promoted(now, version), self.step.why, lambda: self.passed("promoted")
            )

    def _in_shadow(self, record: RunRecord) -> str | None:
        if record.parent is None or record.version is None or self.registry.pointer.challenger != record.version:
            return None
        pairs = self.answers.pairs(record.parent, record.version, self._believed().values())
        _log.info("shadow_compared", run=record.number, pairs=pairs)
        return guardrails.worse_in_shadow(pairs, self.rules.bounds)

    def _believed(self) -> dict[Subject, LabelSubmitted]:
        """The labels that count, of people who are believed; those without a text are left out."""
        believed = self.parts.believed(self.labels.labels())
        return effective((label for label in believed if label.text is not None), self.parts.ranks)

    def _begin(self, last: RunRecord | None) -> None:
        """Go on with what a killed trainer left, else ask whether a run shall begin."""
        for left in folders(self.state):
            order = left.order()
            recipe = self.rules.recipe
            is_ours = order is not None and (order.recipe, order.given) == (recipe.sha256, recipe.given)
            if order is not None and is_ours and fits(order, last, self.registry.pointer):
                self.run = self._run(order)
                return
            if self.confirm():
                left.remove()
        trigger = self._trigger(last)
        if trigger is not None and self.confirm():
            self._collect(trigger, last)

    def _trigger(self, last: RunRecord | None) -> Trigger | None:
        if last is not None and last.number == self._lost:
            return Trigger(f"run {last.number} was {last.judgement.verdict}, and its version went with its machine")
        now, champion, position = self.now(), self.registry.pointer.champion, last.position if last else 0
        trigger = self.parts.decide(Glance(self.labels.count_since(position), last, self.registry.champion_since, now))
        if trigger is None or not clock_passed(self._sorted_at, now, PAUSE_S):
            return None
        upto = self.labels.next_offset(LABELS.name)
        is_vain = (upto, champion) == self._nothing_new or (trigger.least_aside > 0 and upto == self._too_few_up_to)
        return None if is_vain else trigger

    def _collect(self, trigger: Trigger, last: RunRecord | None) -> None:
        began, recipe, pointer = self.now(), self.rules.recipe, self.registry.pointer
        sorted_ = self.parts.sort(self.labels.labels())
        position = self.labels.next_offset(LABELS.name)
        aside = texts_aside(sorted_.aside)
        if aside < trigger.least_aside:
            _log.info("run_waits", why=trigger.why, aside=aside, needed=trigger.least_aside)
            self._too_few_up_to, self._sorted_at = position, self.now()
            return
        folder = folder_of(self.state, (last.number if last else 0) + 1)
        data, count = folder.collect(sorted_.kept.items(), sorted_.aside.values(), recipe.base, sorted_.weights)
        order = Order(
            number=(last.number if last else 0) + 1,
            why=trigger.why,
            may_be_same=trigger.may_be_same,
            began=began.isoformat(),
            position=position,
            labels=count,
            data=data,
            recipe=recipe.sha256,
            parent=pointer.champion,
            generation=pointer.generation,
            seed=recipe.seed,
            given=recipe.given,
            seconds={"collecting": round((self.now() - began).total_seconds(), 3)},
        )
        if repeats(order, last) and last is not None and last.number != self._lost:
            _log.info("run_not_begun", why=trigger.why, reason="nothing that decides its outcome changed")
            self._nothing_new, self._sorted_at = (position, pointer.champion), self.now()
            folder.remove()
            return
        folder.write_order(order)
        self.passed("collected")
        _log.info("run_began", run=order.number, why=trigger.why, labels=count)
        self.run = self._run(order)

    def _run(self, order: Order) -> Run:
        folder = folder_of(self.state, order.number)
        return Run(order, folder, self.parts.work, self.rules.plan, self.passed, self.now, self.who, self.start)
