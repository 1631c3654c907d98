"""What the service is composed of: callables, so that each part can be written, tried and replaced alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.pointer import Pointer
from trainer.labels.effective import Subject
from trainer.service.folder import Order, RunFolder
from trainer.service.records import Judgement, RunRecord
from trainer.service.tail import Answer
from wire.events import LabelSubmitted

Tell = Callable[[str], None]
"""Takes a sentence about what is being done."""


@dataclass(frozen=True)
class Glance:
    """What a trigger may look at.

    Attributes:
        labels: with a text, that were said since the last run's position, whatever its verdict.
        last: record of the last run.
        champion_since: when the pointer named the champion; None without one.
        now: the wall clock.
    """

    labels: int
    last: RunRecord | None
    champion_since: datetime | None
    now: datetime


@dataclass(frozen=True)
class Trigger:
    """That a run shall begin.

    Attributes:
        why: in words.
        may_be_same: the verdict `same` is enough to promote.
        least_aside: different texts of one task that must be set aside for the run to begin: with fewer its gate could
            tell nothing.
    """

    why: str
    may_be_same: bool = False
    least_aside: int = 0


@dataclass(frozen=True)
class Sorted:
    """Labels after admission.

    Attributes:
        kept: may be learnt from.
        aside: only the gate sees them.
        weights: what those that are kept count; 1 for who is not named.
    """

    kept: Mapping[Subject, LabelSubmitted]
    aside: Mapping[Subject, LabelSubmitted] = field(default_factory=dict)
    weights: Mapping[Subject, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What a run's process does; each can be pickled, and is given the run's order and folder.

    Attributes:
        train: leaves a training result in `RunFolder.trained`; given again after a kill, it goes on.
        build: makes a version of it in this machine's registry, and says its name; again it finds it there.
        judge: says what becomes of it.
    """

    train: Callable[[Order, RunFolder, Tell], None]
    build: Callable[[Order, RunFolder, Tell], str]
    judge: Callable[[Order, RunFolder, str, Tell], Judgement]


@dataclass(frozen=True)
class Parts:
    """All that the service calls.

    Attributes:
        decide: whether a run shall begin, and why.
        sort: what may be learnt from.
        ranks: of labellers, see `trainer.labels.effective`.
        believed: the labels that the field is measured by.
        work: see there.
        has: whether this machine holds a version.
        publish: brings a version of this machine into the store; again it changes nothing.
        is_published: whether the store holds a version.
        announce: tells workers that the pointer moved; may fail, they look by themselves.
        follow: told at each turn which version serves.
        answered: told of each scored event as it is read.
        begun: told when a term as the leader begins, before all that it reads.
        labelled: told of each label that is believed, any number of times, and when the trainer learnt of it.
        forgotten: told of each event that was erased.
    """

    decide: Callable[[Glance], Trigger | None]
    sort: Callable[[Iterable[LabelSubmitted]], Sorted]
    work: Work
    has: Callable[[str], bool]
    publish: Callable[[str], None]
    is_published: Callable[[str], bool]
    announce: Callable[[Pointer], None] = lambda _: None
    ranks: Mapping[str, int] = field(default_factory=dict)
    believed: Callable[[Iterable[LabelSubmitted]], Sequence[LabelSubmitted]] = list
    follow: Callable[[str | None], None] = lambda _: None
    answered: Callable[[Answer], None] = lambda _: None
    begun: Callable[[], None] = lambda: None
    labelled: Callable[[LabelSubmitted, datetime], None] = lambda _, __: None
    forgotten: Callable[[str], None] = lambda _: None
