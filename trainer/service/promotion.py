"""From a run's record to a champion: what is to be done next, by the record and the pointer's log alone. Pure.

Whoever leads comes to the same next step, so a trainer that was killed in between is carried on, also by another
machine, and a version is promoted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from models.pointer import Move, Pointer
from trainer.service.records import RunRecord

Action = Literal["over", "stage", "shadow", "wait", "promote", "end"]


@dataclass(frozen=True)
class Step:
    """What is to be done next.

    Attributes:
        action: `over` where nothing is left, `wait` where something else must come first, `end` where the version is
            in the shadow for nothing.
        why: in words.
    """

    action: Action
    why: str


def next_step(record: RunRecord, moves: Sequence[Move], now: datetime) -> Step:
    """The next step of a run that is recorded.

    Args:
        record: of the newest run; older ones are over.
        moves: the pointer's whole log, oldest first.
        now: the wall clock.
    """
    pointer = moves[-1].pointer if moves else Pointer()
    version, since = record.version, [move for move in moves if move.pointer.generation > record.generation]
    if (ending := _ending(record, pointer, since)) is not None:
        return Step("end" if _is_left_in_shadow(record, pointer, since) else "over", ending)
    if not any(move.action == "stage" and move.after == version for move in since):
        return Step("stage", f"run {record.number} ({record.why}): {_reasons(record)}")
    if record.plan.shadow_s > 0 and pointer.champion is not None:
        return _shadowed(record, pointer, since, now)
    return Step("promote", f"run {record.number}: {record.judgement.verdict}, {_reasons(record)}")


def promoted_at(record: RunRecord, moves: Sequence[Move]) -> Move | None:
    """The move that made the run's version the champion."""
    own = (move for move in moves if move.pointer.generation > record.generation)
    return next((move for move in own if move.action == "promote" and move.after == record.version), None)


def shadow_of(record: RunRecord, moves: Sequence[Move]) -> Move | None:
    """The move since which the run's version scores beside the champion."""
    own = (move for move in moves if move.pointer.generation > record.generation)
    return next((move for move in own if move.action == "challenge" and move.after == record.version), None)


def _ending(record: RunRecord, pointer: Pointer, since: Sequence[Move]) -> str | None:
    """Why nothing is left to do."""
    version = record.version
    if version is None or not record.may_promote:
        return f"{record.judgement.verdict}: {_reasons(record)}"
    if promoted_at(record, since) is not None:
        return f"{version} was promoted"
    if version == pointer.champion:
        return f"{version} serves already"
    if _was_dropped(record, since):
        return f"{version} was tried beside the champion and dropped"
    if pointer.champion != record.parent:
        return f"{pointer.champion} serves, and {version} was judged against {record.parent}"
    return None


def _was_dropped(record: RunRecord, since: Sequence[Move]) -> bool:
    return any(move.action == "challenge" and move.before == record.version != move.after for move in since)


def _is_left_in_shadow(record: RunRecord, pointer: Pointer, since: Sequence[Move]) -> bool:
    """Whether the champion was changed while the run's version was in the shadow, where nobody else would end it."""
    is_its_own = record.may_promote and shadow_of(record, since) is not None
    return is_its_own and pointer.challenger == record.version and not _was_dropped(record, since)


def _shadowed(record: RunRecord, pointer: Pointer, since: Sequence[Move], now: datetime) -> Step:
    begun = shadow_of(record, since)
    if begun is None and pointer.challenger is not None:
        return Step(
            "wait", f"{pointer.challenger} challenges the champion; `bellwether models challenge --end` ends it"
        )
    if begun is None:
        return Step(
            "shadow", f"run {record.number}: {record.plan.shadow_s:g} s on the champion's offsets before it serves"
        )
    left = record.plan.shadow_s - (now - datetime.fromisoformat(begun.at)).total_seconds()
    if left > 0:
        return Step("wait", f"{record.version} is in the shadow for {left:.0f} s more")
    return Step("promote", f"run {record.number}: {record.judgement.verdict}, {_reasons(record)}")


def _reasons(record: RunRecord) -> str:
    """The first reason, which decided; the record has them all."""
    first, *others = record.judgement.reasons or ("no reason was given",)
    return f"{first} (and {len(others)} more in the record of the run)" if others else first
