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
        "old_domain_points": round(effect.old_domain, 2),
        "new_domain_points": round(effect.new_domain, 2),
    }


def as_markdown(found: Mapping[str, Any]) -> str:
    """The tables for docs/learning.md."""
    said = (
        f"{found['texts']}; seed {found['seed']}; of each kind {found['challengers']} challengers "
        f"and {found['trials']} trials of {found['texts_per_trial']:,} texts from a pool of {found['pool']:,}; "
        f"{found['seconds']:.0f} s."
    )
    worst = (
        f"Worst bad kind: passed in {found['bad_passed_share']:.1%}. "
        f"Worst good kind: refused in {found['good_refused_share']:.1%}."
    )
    door = (
        f"The backdoor's phrase turned {found['backdoor']['works']:.0%} of other texts to the wanted class, "
        f"{found['backdoor']['works_without']:.0%} of them were there without it."
    )
    parts = [said, _verdicts(found["kinds"]), worst, door, _challengers(found["kinds"])]
    if "levels" in found:
        parts.append(_levels(found["levels"]))
    return "\n\n".join(parts)


def _verdicts(kinds: Sequence[Mapping[str, Any]]) -> str:
    aims = {True: f"≤ {MOST_BAD_PASSED:.0%}", False: f"≥ {1 - MOST_GOOD_REFUSED:.0%}", None: "none"}
    lines = [
        "| kind | better, so promoted | aim | 95 % interval | same | worse within noise | regression |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in kinds:
        others = [str(kind["verdicts"].get(name, 0)) for name in ("same", "worse within noise", "regression")]
        passed = f"{kind['passed']} of {kind['trials']} ({kind['passed_share']:.1%})"
        lines.append(
            f"| {kind['kind']} | {passed} | {aims[kind['bad']]} "
            f"| {kind['passed_low']:.1%} to {kind['passed_high']:.1%} | {' | '.join(others)} |"
        )
    return "\n".join(lines)


def _challengers(kinds: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| kind | strength of each | macro-F1, whole pool, points | old domain, new domain | worst recall, points |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind in kinds:
        if own := kind["challengers"]:
            strengths = ", ".join(f"{one['strength']:g}" for one in own)
            macro = ", ".join(f"{one['macro_f1_points']:+.1f}" for one in own)
            recalls = ", ".join(f"{one['worst_class']} {one['worst_recall_points']:+.1f}" for one in own)
            domains = ", ".join(f"{one['old_domain_points']:+.1f} {one['new_domain_points']:+.1f}" for one in own)
            lines.append(f"| {kind['kind']} | {strengths} | {macro} | {domains} | {recalls} |")
    return "\n".join(lines)


def _levels(levels: Mapping[str, Mapping[str, Any]]) -> str:
    names = [kind["kind"] for kind in next(iter(levels.values()))["kinds"]]
    lines = [
        f"| `non_inferiority` | {' | '.join(f'{name}: better' for name in names)} |",
        "| ---: |" + " ---: |" * len(names),
    ]
    for level, one in levels.items():
        shares = [f"{kind['passed_share']:.1%}" for kind in one["kinds"]]
        lines.append(f"| {level} | {' | '.join(shares)} |")
    return "\n".join(lines)
