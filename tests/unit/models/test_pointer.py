"""Who may challenge whom: each move that makes no sense is refused before it is written."""

import msgspec
import pytest

from models import pointer
from models.pointer import Pointer, Policy
from runtime.errors import InputError

A, B = "v-aaaaaaaaaa", "v-bbbbbbbbbb"
NOW = Pointer(generation=4, champion=A, since=4)


def test_a_challenger_is_named_with_its_policy_and_taken_back() -> None:
    then = pointer.challenged(NOW, B, Policy("canary", 0.05))
    assert (then.generation, then.champion, then.challenger, then.policy) == (5, A, B, Policy("canary", 0.05))
    assert pointer.unchallenged(then) == msgspec.structs.replace(NOW, generation=6)


@pytest.mark.parametrize(
    ("now", "version", "share", "says"),
    [
        (Pointer(), B, 0.1, "there is no champion to challenge"),
        (NOW, A, 0.1, "cannot challenge itself"),
        (NOW, B, 0.0, "the share 0 is none"),
        (NOW, B, -0.1, "the share -0.1 is none"),
        (NOW, B, 1.01, "the share 1.01 is none"),
        (NOW, B, float("nan"), "the share nan is none"),
    ],
)
def test_what_cannot_challenge(now: Pointer, version: str, share: float, says: str) -> None:
    with pytest.raises(InputError, match=says):
        pointer.challenged(now, version, Policy("shadow", share))


def test_nobody_who_is_not_tried_can_be_taken_back() -> None:
    with pytest.raises(InputError, match="no version challenges the champion"):
        pointer.unchallenged(NOW)
