"""Whether versions changed as a row wanted: who scored, who was refused and why, and how soon all had changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bellwether.chaos.facts import Facts
from bellwether.chaos.journal import Verdict
from bellwether.chaos.scenario import Scenario
from bellwether.chaos.spoil import KINDS

SETTLE_S = 10.0
"""Longest from a promotion to the last event that another version scored."""


def failures(scenario: Scenario, verdict: Verdict, facts: Facts, *, times: bool) -> list[str]:
    """What is not as it should be; nothing where the row has no versions of its own."""
    if not scenario.versions:
        return []
    found = [*_refused(scenario, verdict, facts), *_not_had(scenario, facts), *_tried(verdict, facts)]
    promoted = [strike for strike in facts.strikes if strike.what == "promoted"]
    unserved = sorted({strike.detail for strike in promoted} - set(verdict.served))
    found += [f"{version} was promoted and scored nothing" for version in unserved]
    if promoted and times and not any(fault.do in {"swaps", "full-registry"} for fault in scenario.faults):
        last = promoted[-1]
        late = [times_ms[1] / 1000 - last.time for one, times_ms in verdict.served.items() if one != last.detail]
        if late and max(late) > SETTLE_S:
            found.append(f"{max(late):.1f} s after the last promotion another version scored, at most {SETTLE_S:.0f}")
    return found


def _tried(verdict: Verdict, facts: Facts) -> Sequence[str]:
    """A shadow's scores reach nobody, a canary's do."""
    found = []
    for strike in facts.strikes:
        if strike.what != "challenged":
            continue
        mode, version = strike.detail.split()
        if mode == "shadow" and version in verdict.served:
            found.append(f"the shadow {version} scored {verdict.served[version][0]} events that users see, must be 0")
        if mode == "canary" and version not in verdict.served:
            found.append(f"the canary {version} served nobody")
    return found


def _refused(scenario: Scenario, verdict: Verdict, facts: Facts) -> Sequence[str]:
    found = []
    for strike in facts.strikes:
        if strike.what == "canary-ran":
            found.append(f"code from a version ran: {strike.detail}")
        if strike.what != "promoted-corrupt":
            continue
        kind, version = strike.detail.split()
        said = {words: count for words, count in facts.said.items() if words.startswith(f"version_refused {version} ")}
        if (total := sum(said.values())) != scenario.workers:
            found.append(f"{total} workers refused the {kind} version, once each; must be {scenario.workers}")
        found += [f"refused for another reason: {words}" for words in said if not re.search(KINDS[kind].reason, words)]
        if version in verdict.served:
            found.append(f"the {kind} version scored {verdict.served[version][0]} events, must be 0")
    return found


def _not_had(scenario: Scenario, facts: Facts) -> Sequence[str]:
    wanted = scenario.workers if any(fault.do == "full-registry" for fault in scenario.faults) else 0
    total = sum(count for words, count in facts.said.items() if words.startswith("version_not_had "))
    return [] if total == wanted else [f"{total} times a version could not be had, must be {wanted}"]
