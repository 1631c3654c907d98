"""What the gate says of a challenger, and who may be promoted on the strength of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Name = Literal["better", "same", "worse within noise", "regression"]


@dataclass(frozen=True)
class Verdict:
    """One judgement.

    Attributes:
        name: better, same, worse within noise or regression.
        reasons: why, each a sentence with its numbers; what decided comes first.
        is_sound: whether no check failed, each required slice has its texts and, where it is not better, no estimate
            lies beyond its margin: a `same` for too few texts set aside can be sound or not.
        numbers: all figures by slice and check, plain data.
        is_loss_proven: whether a check failed and that is no noise, whatever the name: too few texts are `same`.
        is_loss_possible: whether one failed or, where it is not better, an estimate lies beyond its margin.
    """

    name: Name
    reasons: tuple[str, ...]
    is_sound: bool
    numbers: dict[str, Any] = field(default_factory=dict)
    is_loss_proven: bool = False
    is_loss_possible: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain data: verdict, reasons, sound, numbers."""
        return {
            "verdict": self.name,
            "reasons": list(self.reasons),
            "sound": self.is_sound,
            "numbers": self.numbers,
        }


def may_promote(name: str, *, is_sound: bool, is_old: bool) -> bool:
    """Whether a version becomes champion by itself; anything else is a person's, who says why (`models promote`).

    Args:
        name: of the verdict; any other word promotes nothing.
        is_sound: see `Verdict`.
        is_old: the champion's age was the trigger.
    """
    return name == "better" or (name == "same" and is_old and is_sound)
