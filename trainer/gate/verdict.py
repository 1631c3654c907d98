"""What the gate says of a challenger, and who may be promoted on the strength of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Name = Literal["better", "same", "worse within noise", "regression"]

AGE = "age"
"""The trigger that lets a model of the same quality replace an old one."""


@dataclass(frozen=True)
class Verdict:
    """One judgement.

    Attributes:
        name: better, same, worse within noise or regression.
        reasons: why, each a sentence with its numbers; what decided comes first.
        is_sound: whether no check failed and, where it is not better, no estimate lies beyond its margin: a `same` for
            too few texts can be sound or not.
        numbers: all figures by slice and check, plain data.
    """

    name: Name
    reasons: tuple[str, ...]
    is_sound: bool
    numbers: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data: verdict, reasons, sound, numbers."""
        return {
            "verdict": self.name,
            "reasons": list(self.reasons),
            "sound": self.is_sound,
            "numbers": self.numbers,
        }


def may_promote(verdict: Verdict, trigger: str | None = None, person_reason: str | None = None) -> bool:
    """Whether a challenger may become champion.

    Only `better` by itself; `same` by an age trigger, where it is sound; anything only by a person who says why.

    Args:
        verdict: the gate's.
        trigger: why it was trained; `AGE` matters.
        person_reason: the words of the person who decides; blank ones are none.
    """
    if person_reason is not None and person_reason.strip():
        return True
    return verdict.name == "better" or (verdict.name == "same" and trigger == AGE and verdict.is_sound)
