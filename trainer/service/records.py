"""Run records: each run of a trainer is written to the registry before the pointer moves, under the run's number.

    runs/000007.json        create-if-absent: the number is the fencing token, and who loses the create has lost the run

Triggers count labels after the last record, whatever its verdict, so a rejected run is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from models.numbered import Numbered
from models.store import Store
from runtime.errors import ModelError

FOLDER = "runs"

FAILED = "failed"
"""The verdict on a run that nobody judged: its process ended without a result."""


class FencedError(ModelError):
    """Another trainer has written the record of this number: this run came too late, and nothing of it may move."""


class Forecast(msgspec.Struct, frozen=True):
    """How a version is expected to answer in the field.

    Attributes:
        shares: of the events that get each label; they sum to 1.
        texts: that this was seen on, in effective number (Kish 1965).
    """

    shares: dict[str, float]
    texts: float


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run.

    Attributes:
        verdict: `better`, `same`, `worse within noise`, `regression`, or `failed`.
        reasons: in words.
        is_sound: whether no check failed: a `same` that is not sound does not promote by age.
        numbers: that the reasons rest on, plain data.
        foreseen: by task; empty where unknown.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    is_sound: bool = True
    numbers: dict[str, Any] = {}
    foreseen: dict[str, Forecast] = {}


class Plan(msgspec.Struct, frozen=True):
    """How a version that passed the gate is tried before it serves.

    Attributes:
        shadow_s: how long it scores what the champion scores; 0 promotes at once.
        shadow_share: part of the time that the shadow's engine may work, over 0, to 1.
    """

    shadow_s: float = 600.0
    shadow_share: float = 0.5


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as it was when it was judged.

    Attributes:
        number: of the run, from 1 on.
        who: the trainer.
        why: the trigger's words.
        began: RFC 3339, UTC.
        ended: likewise; when it was judged.
        position: of the label topic, the first offset that the run did not see.
        labels: how many it learnt from.
        data: SHA-256 of what it learnt from, replayed files included.
        recipe: SHA-256 of the recipe.
        parent: version that served when the run began; None where none did.
        generation: of the pointer then; what was moved before has nothing to do with the run.
        seed: of the training.
        version: that was built; None where none was.
        judgement: on it.
        may_promote: whether it may become the champion by itself.
        seconds: of each phase.
        plan: of the trainer that judged: whoever leads later follows it.
    """

    number: int
    who: str
    why: str
    began: str
    ended: str
    position: int
    labels: int
    data: str
    recipe: str
    parent: str | None
    generation: int
    seed: int
    version: str | None
    judgement: Judgement
    may_promote: bool
    seconds: dict[str, float]
    plan: Plan = Plan()


_LOG = Numbered(FOLDER, RunRecord, lambda record: record.number, "run record")


def create(store: Store, record: RunRecord) -> None:
    """Write a run's record; the same again is no error.

    Raises:
        FencedError: another run has this number.
        CorruptVersionError: what has it is no record of ours.
        StoreError: the store does not answer or refuses.
    """
    other = _LOG.create(store, record)
    if other is not None:
        raise FencedError(
            f"run {record.number} was recorded by {other.who} at {other.ended} ({other.judgement.verdict}); this one "
            "ends without a trace"
        )


def last(store: Store, known: RunRecord | None = None) -> RunRecord | None:
    """The newest record, None before the first.

    Args:
        store: of the registry.
        known: one that was seen: then there is no listing, and one request where none was written since.

    Raises:
        CorruptVersionError: it is no record of ours.
        StoreError: the store does not answer or refuses.
    """
    return _LOG.last(store) if known is None else _LOG.newer(store, known.number) or known


def back(store: Store, newest: RunRecord) -> Iterator[RunRecord]:
    """This record and those before it, newest first, each read when it is asked for.

    Raises:
        CorruptVersionError: one is no record of ours.
        StoreError: the store does not answer or refuses.
    """
    yield newest
    for number in range(newest.number - 1, 0, -1):
        yield _LOG.at(store, number)


def every(store: Store) -> list[RunRecord]:
    """All records, oldest first.

    Raises:
        CorruptVersionError: one is no record of ours.
        StoreError: the store does not answer or refuses.
    """
    return _LOG.every(store)
