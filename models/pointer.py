"""Which version serves: an append-only log in the store. Its numbers are the generations, its lines the audit."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from models.store import Store, TakenError
from runtime import one_line
from runtime.errors import CorruptVersionError, InputError, ModelError

FOLDER = "pointer"

_NUMBER = re.compile(r"(\d{6})\.json")


class RaceLostError(ModelError):
    """Somebody moved the pointer between our look and our move."""


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves and who waits.

    Attributes:
        generation: number of the last move; 0 before the first. A worker never goes back to a lower one.
        champion: serves.
        previous: served before; where a rollback leads.
        staged: workers make it ready, so that a promotion is one reference.
        challenger: scores beside the champion, for nobody's eyes but the gate's.
    """

    generation: int = 0
    champion: str | None = None
    previous: str | None = None
    staged: str | None = None
    challenger: str | None = None


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log.

    Attributes:
        action: `stage`, `promote` or `rollback`.
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


def staged(pointer: Pointer, version: str) -> Pointer:
    """Let workers make a version ready.

    Raises:
        InputError: it serves already.
    """
    if version == pointer.champion:
        raise InputError(f"{version} is the champion already; nothing is to be made ready")
    return msgspec.structs.replace(pointer, generation=pointer.generation + 1, staged=version)


def promoted(pointer: Pointer, version: str) -> Pointer:
    """Let a version serve.

    Raises:
        InputError: it serves already.
    """
    if version == pointer.champion:
        raise InputError(f"{version} is the champion already; generation {pointer.generation} made it that")
    waiting = None if pointer.staged == version else pointer.staged
    return msgspec.structs.replace(
        pointer, generation=pointer.generation + 1, champion=version, previous=pointer.champion, staged=waiting
    )


def rolled_back(pointer: Pointer) -> Pointer:
    """Let the version before serve again; a second rollback is its opposite.

    Raises:
        InputError: there is none.
    """
    if pointer.previous is None:
        raise InputError("no version served before the champion; name one with `bellwether models promote`")
    return msgspec.structs.replace(
        pointer, generation=pointer.generation + 1, champion=pointer.previous, previous=pointer.champion
    )


def moves(store: Store) -> list[Move]:
    """The whole log, oldest first.

    Raises:
        CorruptVersionError: a line is no move of ours, or one is missing.
        StoreError: the store does not answer or refuses.
    """
    return [_move(store, number) for number in range(1, _last(store) + 1)]


def head(store: Store) -> Pointer:
    """The newest state.

    Raises:
        CorruptVersionError: its line is no move of ours.
        StoreError: the store does not answer or refuses.
    """
    last = _last(store)
    return _move(store, last).pointer if last else Pointer()


def append(store: Store, action: str, now: Pointer, then: Pointer, *, who: str, at: datetime, why: str) -> Move:
    """Write the next line.

    Args:
        store: of the registry.
        action: `stage`, `promote` or `rollback`.
        now: the state that `then` was made from.
        then: the next one.
        who: makes the move.
        at: when.
        why: in words.

    Raises:
        InputError: `who` or `why` is no line of text: it would forge others.
        RaceLostError: another line has its number: somebody was faster.
        StoreError: the store does not answer or refuses.
    """
    one_line.checked(who, "who moves the pointer")
    one_line.checked(why, "the reason")
    before, after = (now.staged, then.staged) if action == "stage" else (now.champion, then.champion)
    move = Move(
        action=action, who=who, at=at.isoformat(timespec="seconds"), why=why, before=before, after=after, pointer=then
    )
    try:
        store.create(_path(then.generation), msgspec.json.format(msgspec.json.encode(move), indent=1))
    except TakenError:
        other = _move(store, then.generation)
        if other == move:
            return move  # ours: the answer to the first try was lost
        raise RaceLostError(
            f"generation {then.generation} was taken by {other.who} at {other.at} ({other.action} to {other.after}: "
            f"{other.why}); look at it with `bellwether models log`, then decide again"
        ) from None
    return move


def _last(store: Store) -> int:
    return max((int(found[1]) for name in store.names(FOLDER) if (found := _NUMBER.fullmatch(name))), default=0)


def _path(number: int) -> str:
    return f"{FOLDER}/{number:06d}.json"


def _move(store: Store, number: int) -> Move:
    content = store.read(_path(number))
    try:
        move = msgspec.json.decode(content or b"", type=Move)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptVersionError(
            f"{store.url}/{_path(number)} is no move of the pointer: {error}; restore it from a copy of the store"
        ) from error
    if move.pointer.generation != number:
        raise CorruptVersionError(
            f"{store.url}/{_path(number)} says generation {move.pointer.generation}; restore it from a copy of the "
            "store"
        )
    return move
