"""When a loop has shown what it can."""

from datetime import UTC, datetime

import pytest

from bellwether.loop.figures import Seen
from bellwether.loop.run import SETTLE_EVENTS, has_settled
from models import pointer as pointers
from models.pointer import Move, Pointer, Policy
from trainer.service.records import Judgement, Plan, RunRecord

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
OLD, NEW = "v-1111111111", "v-2222222222"
CHANGES = {
    "promote": lambda now: pointers.promoted(now, NEW),
    "stage": lambda now: pointers.staged(now, NEW),
    "challenge": lambda now: pointers.challenged(now, NEW, Policy("shadow", 0.5)),
    "drop": pointers.unchallenged,
    "rollback": pointers.rolled_back,
}


def log(*actions: str) -> list[Move]:
    now, moves = Pointer(), []
    for action, change in [("promote", lambda now: pointers.promoted(now, OLD)), *((a, CHANGES[a]) for a in actions)]:
        then = change(now)
        part = {"stage": "staged", "challenge": "challenger", "drop": "challenger"}.get(action, "champion")
        moves.append(
            Move(
                action={"drop": "challenge"}.get(action, action), who="t", at=WHEN.isoformat(), why="a test",
                before=getattr(now, part), after=getattr(then, part), pointer=then,
            )
        )  # fmt: skip
        now = then
    return moves


def record(verdict: str = "better") -> RunRecord:
    return RunRecord(
        number=1, who="t", why="a test", began=WHEN.isoformat(), ended=WHEN.isoformat(), position=9, labels=9, data="d",
        recipe="r", parent=OLD, generation=1, seed=0, version=NEW, judgement=Judgement(verdict=verdict),
        may_promote=verdict == "better", seconds={}, plan=Plan(shadow_s=5.0),
    )  # fmt: skip


def seen(count: int, version: str = NEW) -> list[Seen]:
    return [Seen(number, version, "neutral", "neutral", True) for number in range(count)]


def test_it_goes_on_until_the_new_version_was_watched_for_a_while() -> None:
    promoted = log("stage", "challenge", "promote")
    assert not has_settled(record(), promoted, seen(SETTLE_EVENTS - 1), WHEN)
    assert not has_settled(record(), promoted, seen(2_000, OLD), WHEN)
    assert has_settled(record(), promoted, [*seen(2_000, OLD), *seen(SETTLE_EVENTS)], WHEN)


@pytest.mark.parametrize("actions", [(), ("stage",), ("stage", "challenge")])
def test_it_goes_on_while_there_is_no_verdict_and_while_the_version_is_on_its_way(actions: tuple[str, ...]) -> None:
    assert not has_settled(None, log(*actions), seen(2_000), WHEN)
    assert not has_settled(record(), log(*actions), seen(2_000, OLD), WHEN)


@pytest.mark.parametrize(
    ("verdict", "actions"),
    [
        ("same", ()),
        ("better", ("stage", "challenge", "drop")),
        ("better", ("stage", "challenge", "promote", "rollback")),
    ],
)
def test_it_ends_where_the_version_will_never_serve(verdict: str, actions: tuple[str, ...]) -> None:
    assert has_settled(record(verdict), log(*actions), seen(10, OLD), WHEN)
