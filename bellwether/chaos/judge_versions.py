"""Whether versions changed as a row wanted: who scored, who was refused and why, and how soon all had changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bellwether.chaos.facts import Facts
from bellwether.chaos.journal import Verdict
from bellwether.chaos.scenario import Scenario
from bellwether.chaos.spoil import KINDS
from streams.classify.refusals import FIRST_PAUSE_S

SETTLE_S = 10.0
"""Longest from a promotion to the last event that another version scored."""


def failures(scenario: Scenario, verdict: Verdict, facts: Facts, *, times: bool) -> list[str]:
    """What is not as it should be; nothing where the row has no versions of its own."""
    if not scenario.versions:
        return []
    found = [*_refused(scenario, verdict, facts), *_not_had(scenario, facts), *_tried(verdict, facts)]
    found += _switched(scenario, verdict, times=times)
    promoted = [strike for strike in facts.strikes if strike.what == "promoted"]
    unserved = sorted({strike.detail for strike in promoted} - set(verdict.served))
    found += [f"{version} was promoted and scored nothing" for version in unserved]
    return found


def settle_s(scenario: Scenario) -> float:
    """Longest that another version may score after a promotion.

    A worker whose disk is full pauses twice as long after each try in vain, so it may sleep on for as long as the disk
    was full.
    """
    full_s = max((fault.seconds for fault in scenario.faults if fault.do == "full-registry"), default=None)
    return SETTLE_S if full_s is None else 2 * full_s + FIRST_PAUSE_S + SETTLE_S


def _switched(scenario: Scenario, verdict: Verdict, *, times: bool) -> Sequence[str]:
    """Every promotion is followed by every worker; of moves that come faster than that, only the last."""
    last = any(fault.do == "swaps" for fault in scenario.faults)
    found = []
    for switch in verdict.switches[-1:] if last else verdict.switches:
        if not switch.scored:
            found.append(f"{switch.version} was promoted and scored nothing before the next promotion")
        if times and switch.settled_s > (most := settle_s(scenario)):
            late = f"{switch.settled_s:.1f} s after {switch.version} was promoted"
            found.append(f"{late} another version scored, at most {most:.0f}")
    return found


def _tried(verdict: Verdict, facts: Facts) -> Sequence[str]:
    """A shadow scores what the champion scored and reaches nobody, a canary serves keys of its share and no other."""
    found = []
    for one in verdict.tried:
        if not one.scored:
            found.append(f"the {one.mode} {one.version} scored nothing")
        if one.mode == "shadow" and one.version in verdict.served:
            seen = verdict.served[one.version][0]
            found.append(f"the shadow {one.version} scored {seen} events that users see, must be 0")
        if one.foreign:
            what = "that nobody sees scored" if one.mode == "shadow" else f"outside of {one.share:g} of the keys"
            found.append(f"the {one.mode} {one.version} scored {one.foreign} inputs {what}, must be 0")
    if len(verdict.tried) != facts.count("challenged"):
        found.append(f"{len(verdict.tried)} trials were counted of {facts.count('challenged')}")
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
        if (counts := _each(facts, f"version_refused {version} ")) != [1] * scenario.workers:
            found.append(f"the workers refused the {kind} version {counts} times, must be once each")
        found += [f"refused for another reason: {words}" for words in said if not re.search(KINDS[kind].reason, words)]
        if version in verdict.served:
            found.append(f"the {kind} version scored {verdict.served[version][0]} events, must be 0")
    return found


def _not_had(scenario: Scenario, facts: Facts) -> Sequence[str]:
    wanted = int(any(fault.do == "full-registry" for fault in scenario.faults))
    counts = _each(facts, "version_not_had ")
    if counts == [wanted] * scenario.workers:
        return []
    return [f"the workers said {counts} times that a version could not be had, must be {wanted} each"]


def _each(facts: Facts, beginning: str) -> list[int]:
    """By worker, how often its log says something that begins so."""
    return [sum(count for words, count in log.items() if words.startswith(beginning)) for log in facts.logs]
