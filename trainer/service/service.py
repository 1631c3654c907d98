"""The trainer's loop: waits for labels and for leadership, and does one turn of the leader's work in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from models.pointer import RaceLostError
from models.store import Store
from runtime import clock, log
from runtime.crashpoints import Pass, unharmed
from runtime.errors import ModelError
from trainer.field import report
from trainer.labels import stale
from trainer.prequential import Ledger
from trainer.service import records
from trainer.service.folder import folders
from trainer.service.leading import Leading
from trainer.service.lease import Lease
from trainer.service.metrics import Metrics
from trainer.service.parts import Parts
from trainer.service.registry import Registry
from trainer.service.rules import Rules
from trainer.service.tail import Answer, Tail
from trainer.service.unparking import Unparking
from wire.topics import LABELS

POLL_S = 0.2
"""Longest wait for labels: what else is done waits as long."""

TURN_EVERY_S = 0.5
"""Between two turns of a leader: each asks the registry twice whether something is new."""

SHOW_EVERY_S = 30.0
"""Between two measures of the field: all labels are read for one."""

TIDY_EVERY_S = 60.0
"""Between two looks of a standby at what it has left: one request each where there is something."""

READ_EVERY_S = 3600.0
"""Between two notes of a leader that it has read all labels, where none come: see `trainer.labels.stale`."""

RETRY_S = 5.0
"""After a registry that did not answer."""

BACK = timedelta(minutes=30)
"""How far a new leader goes back in what versions answered: thrice the usual shadow (`Plan.shadow_s`), so that one that
was under way when leaders changed is read from its beginning. More takes longer to read before the trainer is up to
date, for answers of which only the newest are kept (`answers.KEPT`)."""

_log = log.get(__name__)


@dataclass
class Service:
    """One trainer.

    Args:
        bootstrap: of Kafka, for what versions answer.
        lease: membership in the group.
        state: this trainer's folder of runs; two on one machine may share it.
        labels: file of the label store.
        store: of the registry.
        parts: what is called.
        rules: what the operator decides.
        who: for records and the pointer's log, as in `trainer@host`.
        metrics: told of everything.
        unparking: completes labels that came without a text.
        open_tail: follows what versions answer, from a time on.
        passed: told of each crash point.
        now: the wall clock.
        monotonic: for pauses.
    """

    bootstrap: str
    lease: Lease
    state: Path
    labels: Path
    store: Store
    parts: Parts
    rules: Rules
    who: str
    metrics: Metrics
    unparking: Unparking
    open_tail: Callable[[str, datetime], Tail] = Tail
    passed: Pass = unharmed
    now: clock.Now = clock.now
    monotonic: clock.Monotonic = clock.monotonic
    _term: Leading | None = field(default=None, init=False)
    _tail: Tail | None = field(default=None, init=False)
    _tail_due: float = field(default=0.0, init=False)
    _due: float = field(default=0.0, init=False)
    _shown: int = field(default=0, init=False)
    _show_due: float = field(default=0.0, init=False)
    _is_first: bool = field(default=True, init=False)
    _tidy_due: float = field(default=0.0, init=False)
    _read_due: float = field(default=0.0, init=False)

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Work until told to stop; then the run's process is ended, and its folder keeps what it has.

        Raises:
            InputError: the label store and the topic do not fit each other.
            ModelError: the registry is damaged.
        """
        try:
            while not is_stopped():
                self.turn()
        finally:
            self._end_term()

    def turn(self) -> None:
        """Wait a little for labels, store them, and do what is next where we lead."""
        entries = self.lease.poll(POLL_S, self._begin_term)
        if not self.lease.leads:
            self._end_term()
            self._tidy()
            return
        term = self._term
        if term is None:
            return
        if entries or self._is_to_say_read():
            self.metrics.took(term.take(entries), len(term.labels.parked()))
            self.lease.confirm(term.labels.next_offset(LABELS.name))
        for answer in self._answers():
            term.answer(answer)
        if self.lease.has_caught_up and self.monotonic() >= self._due:
            self._due = self.monotonic() + TURN_EVERY_S
            self.unparking.turn(term.labels)
            self._show_field(term)
            self._lead(term)

    def _is_to_say_read(self) -> bool:
        """Whether the store is to note that nothing has come: what was not read for weeks is taken for outdated."""
        if not self.lease.has_caught_up or self.monotonic() < self._read_due:
            return False
        self._read_due = self.monotonic() + READ_EVERY_S
        return True

    def _tidy(self) -> None:
        """As a standby, remove what is left here of runs that were recorded, and of labels: texts lie in it."""
        if self.monotonic() < self._tidy_due:
            return
        self._tidy_due = self.monotonic() + TIDY_EVERY_S
        stale.removed(self.labels, self.parts.ranks, self.now)
        left = folders(self.state)
        try:
            last = records.last(self.store) if left else None
        except ModelError as error:
            _log.warning("folders_not_tidied", problem=str(error), again_in_s=TIDY_EVERY_S)
            return
        for folder in left:
            if last is not None and folder.number <= last.number:
                folder.remove()

    def _show_field(self, term: Leading) -> None:
        """How the predictions did that got their labels, where there are new ones; drift is told of them too."""
        position = term.labels.next_offset(LABELS.name)
        if position == self._shown or self.monotonic() < self._show_due:
            return
        self._shown, self._show_due = position, self.monotonic() + SHOW_EVERY_S
        ledger = Ledger(self.parts.ranks)
        believed = [*term.answers.completed(self.parts.believed(term.labels.labels()))]
        for label in believed:
            ledger.add(label)
        term.heed(believed, is_old=self._is_first)  # what was read while catching up is no news
        self._is_first = False
        self.metrics.field.show(report(ledger.outcomes()), ledger.unmeasured)

    def _lead(self, term: Leading) -> None:
        try:
            record = term.turn()
        except ModelError as error:
            if not error.is_retriable and not isinstance(error, RaceLostError):
                raise
            _log.warning("turn_failed", problem=str(error), again_in_s=RETRY_S)
            self._due = self.monotonic() + RETRY_S
            return
        except OSError as error:
            _log.error(
                "disk_failed", problem=str(error), again_in_s=RETRY_S, cure=f"see to the disk under {self.state}"
            )
            self._due = self.monotonic() + RETRY_S
            return
        if record is not None:
            self.metrics.ended(record.judgement.verdict)
        last = term.registry.last
        self.metrics.last_run(last.ended if last else None)
        self.metrics.waiting(term.labels.count_since(last.position if last else 0))
        self.metrics.is_in(term.phase)

    def _begin_term(self) -> int:
        """The store is this machine's: a leader catches up from where it has read, whatever the group says."""
        self._end_term()
        labels = stale.opened(self.labels, self.parts.ranks, self.now)
        registry = Registry(self.store, self.who, self.parts.announce, self.now)
        self._term = Leading(
            state=self.state, labels=labels, registry=registry, parts=self.parts, rules=self.rules,
            confirm=lambda: self.lease.confirm(labels.next_offset(LABELS.name)), who=self.who, passed=self.passed,
            now=self.now,
        )  # fmt: skip
        self._due = self._tail_due = self.monotonic()
        self._shown, self._is_first = 0, True
        self.metrics.is_in("idle")
        position = labels.next_offset(LABELS.name)
        _log.info("leadership_gained", offset=position)
        return position

    def _answers(self) -> Iterable[Answer]:
        """What versions answered since; where the topics could not be opened it is tried again."""
        from kafka.errors import KafkaError

        if self._tail is None and self.monotonic() >= self._tail_due:
            try:
                self._tail = self.open_tail(self.bootstrap, self.now() - BACK)
            except (KafkaError, OSError) as error:
                self._tail_due = self.monotonic() + RETRY_S
                _log.warning("answers_not_followed", problem=repr(error), again_in_s=RETRY_S)
        return self._tail.read() if self._tail else ()

    def _end_term(self) -> None:
        term, self._term = self._term, None
        if term is None:
            return
        _log.info("leadership_ended")
        term.stop()
        term.labels.close()
        if self._tail is not None:
            self._tail.close()
            self._tail = None
        self.metrics.last_run(None)
        self.metrics.waiting(0)
        self.metrics.field.show({})
        self.metrics.is_in("standby")
