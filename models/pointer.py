"""Which version serves: an append-only log in the store. Its numbers are the generations, its lines the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from models.numbered import Numbered
from models.store import Store
from runtime import one_line
from runtime.errors import InputError, ModelError

FOLDER = "pointer"


class RaceLostError(ModelError):
    """Somebody moved the pointer between our look and our move."""


Mode = Literal["shadow", "canary"]
"""What a challenger does: a shadow scores what the champion scores, for nobody's eyes; a canary really serves."""


class Policy(msgspec.Struct, frozen=True):
    """How far a challenger may go.

    Attributes:
        mode: shadow or canary.
        share: over 0, to 1. Of a shadow, the part of the time that its engine may work; of a canary, the part of the
            keys that it serves.
    """

    mode: Mode
    share: float


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves and who waits.

    Attributes:
        generation: number of the last move; 0 before the first. A worker never goes back to a lower one.
        champion: serves.
        since: generation that made it the champion; 0 without one.
        previous: served before; where a rollback leads.
        staged: workers make it ready, so that a promotion is one reference.
        staged_since: generation that staged it, 0 without one.
        challenger: is tried beside the champion.
        challenger_since: generation that made it the challenger, 0 without one.
        policy: how far the challenger may go; None without one.
    """

    generation: int = 0
    champion: str | None = None
    since: int = 0
    previous: str | None = None
    staged: str | None = None
    staged_since: int = 0
    challenger: str | None = None
    challenger_since: int = 0
    policy: Policy | None = None

    def named(self, version: str) -> int:
        """The last generation that gave a version one of its places; 0 where it has none.

        >>> Pointer(generation=4, champion="v-b", since=2, staged="v-a", staged_since=3).named("v-a")
        3
        """
        places = (
            (self.champion, self.since),
            (self.staged, self.staged_since),
            (self.challenger, self.challenger_since),
        )
        return max((since for holder, since in places if holder == version), default=0)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log.

    Attributes:
        action: `stage`, `promote`, `rollback` or `challenge`.
        who: made it.
        at: RFC 3339, UTC.
        why: in the mover's words.
        before: version that the action replaced.
        after: version that it put there.
        pointer: the whole state from then on.
    """

    action: str
    who: str
    at: str
    why: str
    before: str | None
    after: str | None
    pointer: Pointer


_LOG = Numbered(FOLDER, Move, lambda move: move.pointer.generation, "move of the pointer", "generation")


def staged(pointer: Pointer, version: str) -> Pointer:
    """Let workers make a version ready.

    Raises:
        InputError: it serves already.
    """
    if version == pointer.champion:
        raise InputError(f"{version} is the champion already; nothing is to be made ready")
    then = pointer.generation + 1
    return msgspec.structs.replace(pointer, generation=then, staged=version, staged_since=then)


def promoted(pointer: Pointer, version: str) -> Pointer:
    """Let a version serve.

    Raises:
        InputError: it serves already.
    """
    if version == pointer.champion:
        raise InputError(f"{version} is the champion already; generation {pointer.since} made it that")
    return _crowned(pointer, version)


def rolled_back(pointer: Pointer) -> Pointer:
    """Let the version before serve again; a second rollback is its opposite.

    Raises:
        InputError: there is none.
    """
    if pointer.previous is None:
        raise InputError("no version served before the champion; name one with `bellwether models promote`")
    return _crowned(pointer, pointer.previous)


def challenged(pointer: Pointer, version: str, policy: Policy) -> Pointer:
    """Try a version beside the champion, instead of the challenger before, if there is one.

    Raises:
        InputError: it serves already, there is no champion, or the share is none.
    """
    if pointer.champion is None:
        raise InputError("there is no champion to challenge; `bellwether models promote` makes one")
    if version == pointer.champion:
        raise InputError(f"{version} is the champion already; it cannot challenge itself")
    if not 0 < policy.share <= 1:
        raise InputError(f"the share {policy.share:g} is none; give one over 0, at most 1, such as 0.05")
    then = pointer.generation + 1
    return msgspec.structs.replace(pointer, generation=then, challenger=version, challenger_since=then, policy=policy)


def unchallenged(pointer: Pointer) -> Pointer:
    """Try no version any more.

    Raises:
        InputError: none is tried.
    """
    if pointer.challenger is None:
        raise InputError("no version challenges the champion; nothing is to be ended")
    then = pointer.generation + 1
    return msgspec.structs.replace(pointer, generation=then, challenger=None, challenger_since=0, policy=None)


def _crowned(pointer: Pointer, version: str) -> Pointer:
    """A version serves; it no longer waits, and it challenges nobody."""
    then = pointer.generation + 1
    now = msgspec.structs.replace(pointer, generation=then, champion=version, since=then, previous=pointer.champion)
    if now.staged == version:
        now = msgspec.structs.replace(now, staged=None, staged_since=0)
    if now.challenger == version:
        now = msgspec.structs.replace(now, challenger=None, challenger_since=0, policy=None)
    return now


def moves(store: Store) -> list[Move]:
    """The whole log, oldest first.

    Raises:
        CorruptVersionError: a line is no move of ours, or one is missing.
        StoreError: the store does not answer or refuses.
    """
    return [_LOG.at(store, number) for number in range(1, max(_LOG.numbers(store), default=0) + 1)]


def head(store: Store) -> Pointer:
    """The newest state.

    Raises:
        CorruptVersionError: its line is no move of ours.
        StoreError: the store does not answer or refuses.
    """
    last = _LOG.last(store)
    return last.pointer if last is not None else Pointer()


def newest(store: Store, known: Pointer) -> Pointer:
    """The newest state, from one that was seen: one request while nothing moves, and no listing.

    Raises:
        CorruptVersionError: a line is no move of ours.
        StoreError: the store does not answer or refuses.
    """
    newer = _LOG.newer(store, known.generation)
    return newer.pointer if newer is not None else known


def append(store: Store, action: str, now: Pointer, then: Pointer, *, who: str, at: datetime, why: str) -> Move:
    """Write the next line.

    Args:
        store: of the registry.
        action: `stage`, `promote`, `rollback` or `challenge`.
        now: the state that `then` was made from.
        then: the next one.
        who: makes the move.
        at: when.
        why: in words.

    Raises:
        InputError: `who` or `why` is no line of text: it would forge others.
        RaceLostError: another line has its number: somebody was faster.
        CorruptVersionError: what has its number is no move of ours.
        StoreError: the store does not answer or refuses.
    """
    one_line.checked(who, "who moves the pointer")
    one_line.checked(why, "the reason")
    part = {"stage": "staged", "challenge": "challenger"}.get(action, "champion")
    before, after = getattr(now, part), getattr(then, part)
    move = Move(
        action=action, who=who, at=at.isoformat(timespec="seconds"), why=why, before=before, after=after, pointer=then
    )
    other = _LOG.create(store, move)
    if other is not None:
        raise RaceLostError(
            f"generation {then.generation} was taken by {other.who} at {other.at} ({other.action} to {other.after}: "
            f"{other.why}); look at it with `bellwether models log`, then decide again"
        )
    return move
