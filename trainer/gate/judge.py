"""Whether a challenger may replace the champion: one pure function from evidence to a verdict with its reasons."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.gate import checks
from trainer.gate.checks import Check
from trainer.gate.evidence import LATER, TOGETHER, Evidence, Slice
from trainer.gate.limits import Limits
from trainer.gate.paired import Compared, Difference, compare
from trainer.gate.verdict import Name, Verdict

DEFAULTS = Limits()


def judge(evidence: Evidence, limits: Limits = DEFAULTS, seed: int = 0) -> Verdict:
    """Judge a challenger.

    `better` is superior on the later slice, and nothing fails. Where something fails it is a `regression` if that is no
    noise, else `worse within noise`; so is what is not superior and has an estimate beyond its margin, which noise may
    explain. What is left is `same`, as is everything with too few texts set aside.

    Args:
        evidence: both models on texts that neither was trained on.
        limits: the numbers.
        seed: of the resamples; the same evidence, limits and seed give the same verdict.
    """
    return decide(evidence, compared_slices(evidence, limits.resamples, seed), limits)


def compared_slices(evidence: Evidence, resamples: int, seed: int) -> dict[str, Compared]:
    """Both models on each slice that has texts, and on all: what costs time, and no limit but `resamples` changes."""
    rng = np.random.default_rng(seed)
    slices = {name: one for name, one in evidence.slices.items() if len(one.truth)}
    if slices:
        slices[TOGETHER] = _together(list(slices.values()))
    return {name: compare(one, resamples, rng) for name, one in slices.items()}


def _together(slices: list[Slice]) -> Slice:
    """All slices as one, each with as much weight as it has texts: weights compare within a slice alone."""
    return Slice(
        np.concatenate([one.truth for one in slices]),
        np.concatenate([one.champion for one in slices]),
        np.concatenate([one.challenger for one in slices]),
        np.concatenate([one.weights / one.weights.mean() for one in slices]),
    )


def decide(evidence: Evidence, compared: dict[str, Compared], limits: Limits) -> Verdict:
    """The second half of `judge`."""
    numbers: dict[str, Any] = {"slices": {name: _figures(one, evidence.labels) for name, one in compared.items()}}
    found = [
        check for name, one in compared.items() for check in checks.not_inferior(name, one, evidence.labels, limits)
    ]
    if LATER in compared:
        calibration, theirs, mine = checks.calibrated(evidence.slices[LATER], limits)
        found.append(calibration)
        numbers["ece"] = {"champion": theirs, "challenger": mine}
    if evidence.speed_ratio is not None:
        found.append(checks.fast_enough(evidence.speed_ratio, limits))
        numbers["speed_ratio"] = evidence.speed_ratio
    found += checks.behaves(evidence, limits)
    numbers["behaviour"] = {
        name: {"cases": one.cases, "champion": one.champion, "challenger": one.challenger}
        for name, one in evidence.behaviour.items()
    }
    failed = [check for check in found if not check.holds]
    beyond = [check for check in found if check.holds and check.is_beyond]
    lacking = _lacking(compared, limits)
    name, first = _decided(compared, failed, beyond, lacking, limits)
    reasons = (*first, *(c.sentence for c in (*failed, *beyond)), *(c.sentence for c in found if c.holds))
    is_loss_possible = bool(failed) or (name != "better" and bool(beyond))
    return Verdict(
        name,
        tuple(dict.fromkeys(reasons)),
        is_sound=not is_loss_possible and not lacking,
        numbers=numbers,
        is_loss_proven=any(check.is_proven for check in failed),
        is_loss_possible=is_loss_possible,
    )


def _lacking(compared: dict[str, Compared], limits: Limits) -> list[str]:
    """A sentence for each required slice that has too few texts."""
    return [
        f"too few: {compared[name].texts if name in compared else 0} texts of the slice '{name}', "
        f"{limits.required_texts} are needed to see what is lost there"
        for name in limits.required
        if name not in compared or compared[name].texts < limits.required_texts
    ]


def _decided(
    compared: dict[str, Compared], failed: list[Check], beyond: list[Check], lacking: list[str], limits: Limits
) -> tuple[Name, list[str]]:
    """The verdict and what decided it."""
    aside = compared[LATER].texts if LATER in compared else 0
    if aside < limits.later_texts:
        few = f"too few: {aside} texts set aside, {limits.later_texts} are needed to tell a difference"
        return "same", [few, *lacking]
    superior = checks.superior(compared[LATER], limits)
    if failed:
        proven = [check.sentence for check in failed if check.is_proven]
        return ("regression", proven) if proven else ("worse within noise", [check.sentence for check in failed])
    if superior.holds and not lacking:
        return "better", [superior.sentence]
    if beyond:
        return "worse within noise", [check.sentence for check in beyond] + [*lacking, superior.sentence]
    return "same", [*lacking, superior.sentence]


def _figures(found: Compared, labels: tuple[str, ...]) -> dict[str, Any]:
    """One slice as plain data: shares for figures, points for differences."""
    return {
        "texts": found.texts,
        "macro_f1": _figure(found.macro_f1),
        "recall": {
            label: {"texts": int(support)} | _figure(recall)
            for label, support, recall in zip(labels, found.support, found.recall, strict=True)
            if support
        },
        "only_challenger_right": found.gained,
        "only_champion_right": found.lost,
        "mcnemar_p": found.p_value,
    }


def _figure(found: Difference) -> dict[str, float]:
    return {
        "champion": found.champion,
        "challenger": found.challenger,
        "points": found.points,
        "low": found.bound(checks.PROVEN),
        "high": found.bound(1 - checks.PROVEN),
    }
