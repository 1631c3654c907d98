"""What the gate did over all trials: per kind, never pooled, with exact intervals. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bellwether.bench.gate.plants import Effect, Planted

BACKDOOR = "backdoor"

MOST_BAD_PASSED = 0.02
MOST_GOOD_REFUSED = 0.20


class Tally(msgspec.Struct):
    """One kind's trials.

    Attributes:
        is_bad: None where nothing is aimed at.
        verdicts: how often which.
        reasons: how often which check decided, by slice and figure.
        challengers: strength and effect of each.
    """

    kind: str
    is_bad: bool | None
    verdicts: Counter[str]
    reasons: Counter[str]
    challengers: list[dict[str, Any]]

    @property
    def trials(self) -> int:
        """How many."""
        return self.verdicts.total()

    @property
    def passed(self) -> float:
        """Share that would have been promoted by itself."""
        return self.verdicts["better"] / max(1, self.trials)

    def interval(self) -> tuple[float, float]:
        """95 % interval of `passed` (Clopper & Pearson 1934)."""
        from scipy.stats import binomtest

        found = binomtest(self.verdicts["better"], self.trials).proportion_ci(method="exact")
        return float(found.low), float(found.high)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        low, high = self.interval()
        return {
            "kind": self.kind, "bad": self.is_bad, "trials": self.trials, "passed": self.verdicts["better"],
            "passed_share": self.passed, "passed_low": low, "passed_high": high, "verdicts": dict(self.verdicts),
            "decided_by": dict(self.reasons.most_common(6)), "challengers": self.challengers,
        }  # fmt: skip


def summary(tallies: Sequence[Tally]) -> dict[str, Any]:
    """`bad_passed_share` of the worst bad kind, `good_refused_share` of the worst good one, and each kind."""
    return {
        "bad_passed_share": max((one.passed for one in tallies if one.is_bad), default=0.0),
        "good_refused_share": max((1 - one.passed for one in tallies if one.is_bad is False), default=0.0),
        "trials": min(one.trials for one in tallies),
        "kinds": [one.as_json() for one in tallies],
    }


def challenger(one: Planted) -> dict[str, Any]:
    """What a challenger is, for the record."""
    return {"strength": one.strength, **_plain(one.effect)}


def _plain(effect: Effect) -> dict[str, Any]:
    return {
        "macro_f1_points": round(effect.macro_f1, 2),
        "worst_recall_points": round(effect.worst_recall, 2),
        "worst_class": effect.worst_class,
    }


def as_markdown(found: Mapping[str, Any]) -> str:
    """The tables for docs/learning.md."""
    lines = [
        f"{found['texts']}; seed {found['seed']}; {found['trials']} trials of {found['texts_per_trial']:,} texts a kind "
        f"from a pool of {found['pool']:,}, {found['challengers']} challengers a kind; {found['seconds']:.0f} s.",
        "",
        "| kind | aim | better (promoted) | 95 % interval | same | worse within noise | regression |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: |",
    ]
    aims = {True: f"passes ≤ {MOST_BAD_PASSED:.0%}", False: f"refused ≤ {MOST_GOOD_REFUSED:.0%}", None: "none"}
    for kind in found["kinds"]:
        counts = [kind["verdicts"].get(name, 0) for name in ("same", "worse within noise", "regression")]
        lines.append(
            f"| {kind['kind']} | {aims[kind['bad']]} | {kind['passed']} of {kind['trials']} ({kind['passed_share']:.1%}) | "
            f"{kind['passed_low']:.1%} to {kind['passed_high']:.1%} | {' | '.join(map(str, counts))} |"
        )
    lines += [
        "",
        "| kind | strength | macro-F1, points on the whole pool | worst recall, points |",
        "| --- | --- | --- | --- |",
    ]
    for kind in found["kinds"]:
        if kind["challengers"]:
            own = kind["challengers"]
            lines.append(
                f"| {kind['kind']} | {', '.join(format(one['strength'], 'g') for one in own)} | "
                f"{', '.join(format(one['macro_f1_points'], '+.1f') for one in own)} | "
                + ", ".join(f"{one['worst_recall_points']:+.1f} ({one['worst_class']})" for one in own)
                + " |"
            )
    lines += [
        "",
        f"Worst bad kind passed: {found['bad_passed_share']:.1%}. Worst good kind refused: {found['good_refused_share']:.1%}.",
    ]
    if (door := found.get("backdoor")) is not None:
        lines.append(
            f"Backdoor: the phrase turned {door['works']:.0%} of texts to the wanted class ({door['works_without']:.0%} "
            f"without it); of those challengers {door['passed_share']:.1%} passed."
        )
    for level, one in found.get("levels", {}).items():
        lines.append(
            f"Level {level}: bad passed {one['bad_passed_share']:.1%}, good refused {one['good_refused_share']:.1%}"
        )
        lines.append("  " + ", ".join(f"{kind['kind']} {kind['passed']}" for kind in one["kinds"]))
    return "\n".join(lines)
