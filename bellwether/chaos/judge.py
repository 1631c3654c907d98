"""Whether a row keeps the promises: what the bookkeeper found and what happened to the processes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import msgspec

from bellwether.chaos import judge_versions
from bellwether.chaos.facts import Facts
from bellwether.chaos.journal import Verdict
from bellwether.chaos.scenario import Scenario
from streams.classify.agent import COMMIT_S
from streams.classify.pipeline import MAX_IN_FLIGHT

RECOVERY_S = 15.0
"""Longest from a worker's death to the first new output of a partition that it held."""

RETURN_S = 30.0
"""Longest from the broker's return, or a later next input, to the first new output of any partition."""

BATCH_RECORDS = 64
"""Most events per model call of the workers here: small, so that faults fall between batches and into them."""

DEADLY = frozenset({"poison", "abort", "alloc", "hang"})
"""Kinds of the corpus of which some must end as dead letters."""

JUMP_PART = 0.9
"""Of a clock's jump that the workers' outputs must show: they are written some milliseconds after they are scored."""

BURST_PART = 0.8
"""Of a burst's rate that must have been reached within some second."""

UNKNOWN_SHARE = 0.01
"""Most events of unknown outcome where the producer's broker died: its client tries again for two minutes."""

LEAVES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "abort": ("engine_failed crash",),
        "alloc": ("engine_failed out_of_memory",),
        "hang": ("engine_failed timeout",),
        "heavy": ("engine_failed out_of_memory", "budget_restored"),
    }
)
"""What kinds of input must leave in the workers' logs; after the heavy ones, batches have to grow back."""

_ZERO = ("lost", "phantom", "mixed", "wrong", "reordered", "duplicates_read", "misfiled")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. `duplicates` are counted before the reader's rule, `duplicates_read` after it.

    A number that nobody counted is None: rows that are judged alone have none.
    """

    name: str
    about: str = ""
    model: str = ""
    events: int = 0
    lost: int | None = None
    phantom: int | None = None
    both: int | None = None
    duplicates: int | None = None
    duplicates_allowed: int | None = None
    duplicates_read: int | None = None
    reordered: int | None = None
    mixed: int | None = None
    wrong: int | None = None
    misfiled: int | None = None
    stuck: int | None = None
    recovery_seconds: float | None = None
    return_seconds: float | None = None
    kills: int = 0
    rebalances: int = 0
    restarts: int = 0
    memory_mib: float = 0.0
    dead: int | None = None
    refused: int = 0
    unknown: int = 0
    events_per_second: float = 0.0
    age_p50_s: float = 0.0
    age_p99_s: float = 0.0
    seconds: float = 0.0
    """How long the row took, start and count included."""
    skipped: str | None = None
    """Why it was not run; such a row neither passed nor failed."""
    passed: bool | None = False
    """None where it was not run."""
    failures: tuple[str, ...] = ()
    """One sentence each."""
    examples: dict[str, list[str]] = {}

    @property
    def slowest(self) -> str:
        """The worst recovery in seconds, after a death or after the broker's return; empty where there was none."""
        times = [time for time in (self.recovery_seconds, self.return_seconds) if time is not None]
        return f"{max(times):.1f}" if times else ""


def allowed(scenario: Scenario, facts: Facts, rate: float, *, times: bool = True) -> int:
    """Most duplicates before the reader's rule.

    Each disturbance can make every worker repeat what it had in flight and what it had not committed:
    (kills + rebalances + broker returns) x workers x (4 batches + rate x commit interval).

    Args:
        scenario: the row; its `repeats` replaces the formula.
        facts: what happened.
        rate: events per second, at the most.
        times: whether times are judged: where not, a busy machine may let a worker miss its session, and a rebalance
            beyond those of the workers that were told to end replaces `repeats` by the formula.
    """
    if scenario.repeats is not None and (times or facts.rebalances <= 2 * facts.count("worker-stopping")):
        return scenario.repeats
    disturbances = facts.kills + facts.rebalances + facts.returns
    workers = max([scenario.workers, *(fault.most for fault in scenario.faults)])
    return int(disturbances * workers * (MAX_IN_FLIGHT * BATCH_RECORDS + rate * COMMIT_S))


def judge(scenario: Scenario, verdict: Verdict, facts: Facts, *, times: bool, seconds: float) -> Row:
    """Compare what was found with what was promised.

    Args:
        scenario: the row.
        verdict: the bookkeeper's.
        facts: the runner's.
        times: whether recovery and standstill are judged too; a busy machine breaks them without any fault of ours.
        seconds: how long the row took.
    """
    most = allowed(scenario, facts, verdict.peak_rate, times=times)
    failures = [
        *_counts(scenario, verdict, facts, most),
        *_processes(scenario, facts),
        *_faults(scenario, facts),
        *_kinds(scenario, verdict, facts),
        *_effects(scenario, verdict),
        *judge_versions.failures(scenario, verdict, facts, times=times),
        *(_times(verdict, facts) if times else ()),
    ]
    found = msgspec.structs.asdict(verdict)
    return Row(
        name=scenario.name,
        about=scenario.about,
        model=scenario.model,
        **{name: found[name] for name in Row.__struct_fields__ if name in found},
        duplicates_allowed=most,
        kills=facts.kills,
        rebalances=facts.rebalances,
        restarts=facts.restarts,
        memory_mib=round(facts.memory_mib, 1),
        events_per_second=round(verdict.peak_rate, 1),
        seconds=round(seconds, 1),
        passed=not failures,
        failures=tuple(failures),
    )


def broken(rows: Collection[Row]) -> list[Row]:
    """The rows in which a promise did not hold; one that was not run is none."""
    return [row for row in rows if not row.passed and row.skipped is None]


def _counts(scenario: Scenario, verdict: Verdict, facts: Facts, most: int) -> Sequence[str]:
    found = [f"{name} {count}, must be 0" for name in _ZERO if (count := getattr(verdict, name))]
    if verdict.both and not (facts.kills or facts.count("engine-died")):
        found.append(f"both {verdict.both}, must be 0 where nothing was killed")
    if verdict.duplicates > most:
        found.append(f"duplicates {verdict.duplicates}, at most {most}")
    if not verdict.quiet:
        found.append("the end of the input was not reached")
    harmed = facts.count("broker-down") or facts.count("node-down")
    if verdict.unknown > (scenario.events * UNKNOWN_SHARE if harmed else 0):
        found.append(f"{verdict.unknown} events timed out" + ("" if harmed else ", although nobody harmed the broker"))
    if verdict.refused and not scenario.mix.get("oversize"):
        found.append(f"the broker refused {verdict.refused} events, although none was too large")
    if (produced := verdict.events + verdict.refused + verdict.unknown) != scenario.events:
        found.append(f"{produced} events were produced, must be {scenario.events}")
    return found


def _processes(scenario: Scenario, facts: Facts) -> Sequence[str]:
    found = []
    if any(facts.exit_codes):
        found.append(f"exit codes {list(facts.exit_codes)} after SIGTERM, must be 0")
    if scenario.restarts is not None and facts.restarts != scenario.restarts:
        found.append(f"{facts.restarts} worker processes were started again, must be {scenario.restarts}")
    if scenario.memory_mib and not 0 < facts.memory_mib <= scenario.memory_mib:
        found.append(f"a worker took {facts.memory_mib:.0f} MiB, at most {scenario.memory_mib:.0f}")
    return found


SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "kill-worker": "worker-died",
        "kill-engine": "engine-died",
        "terminate-worker": "worker-stopping",
        "pause-worker": "worker-resumed",
        "kill-broker": "broker-up",
        "kill-node": "node-up",
        "cut": "network-healed",
        "reset": "network-healed",
        "delay": "network-fast",
        "storm": "worker-joined",
        "jump-clock": "clock-right",
        "fill-disk": "disk-free",
        "promote": "promoted",
        "roll-back": "promoted",
        "stage": "staged",
        "swaps": "promoted",
        "promote-corrupt": "promoted-corrupt",
        "full-registry": "registry-free",
        "stop-store": "store-goes-on",
        "challenge": "unchallenged",
        "kill-challenger": "challenger-died",
    }
)
"""What a fault leaves behind, at least once, when it has struck and healed."""


def _faults(scenario: Scenario, facts: Facts) -> Sequence[str]:
    """A row whose fault never struck proves nothing."""
    wanted = [SIGNS[fault.do] for fault in scenario.faults]
    if scenario.crash_at is not None:
        wanted.append("worker-died")
    missing = sorted({sign for sign in wanted if facts.count(sign) < wanted.count(sign)})
    found = [f"the fault did not strike: {facts.count(sign)} of {wanted.count(sign)} {sign}" for sign in missing]
    done = {fault.do for fault in scenario.faults}
    if "storm" in done and facts.members <= scenario.partitions:
        found.append(
            f"at most {facts.members} workers in one generation, not more than {scenario.partitions} partitions"
        )
    if "pause-worker" in done and not facts.rebalances:
        found.append("the paused worker kept its partitions: no rebalance")
    return found


def _kinds(scenario: Scenario, verdict: Verdict, facts: Facts) -> Sequence[str]:
    """A row whose bad input left no trace proves nothing either."""
    sent = {kind for kind, share in scenario.mix.items() if share > 0}
    found = []
    if "oversize" in sent and not verdict.refused:
        found.append("the broker refused none of the oversize messages")
    if (deadly := sorted(sent & DEADLY)) and not verdict.dead:
        found.append(f"no dead letter, although the input held {' and '.join(deadly)}")
    wanted = [(kind, words) for kind in sorted(sent) for words in LEAVES.get(kind, ())]
    found += [f"{kind}: no worker's log says `{words}`" for kind, words in wanted if not facts.said.get(words)]
    return found


def _effects(scenario: Scenario, verdict: Verdict) -> Sequence[str]:
    """A clock that did not jump and a burst that did not come prove nothing."""
    found = []
    for fault in scenario.faults:
        seen_s = verdict.skew_s[0] if fault.shift < 0 else verdict.skew_s[1]
        if fault.do == "jump-clock" and abs(seen_s) < JUMP_PART * abs(fault.shift):
            found.append(f"the workers' clock was {seen_s:+.0f} s off, must be {fault.shift:+.0f} s")
    burst = scenario.burst
    if burst is not None and (wanted := BURST_PART * burst.factor * scenario.rate) > verdict.input_rate:
        found.append(f"at most {verdict.input_rate:.0f} events came in a second, must be {wanted:.0f}")
    return found


def _times(verdict: Verdict, facts: Facts) -> Sequence[str]:
    found = []
    if verdict.recovery_seconds is None and any(map(facts.count, ("worker-died", "worker-paused", "node-down"))):
        found.append("no recovery was measured, although something died or was paused")
    if verdict.return_seconds is None and facts.returns:
        found.append("no recovery was measured, although the broker came back")
    if verdict.stuck:
        found.append(f"stuck {verdict.stuck}, must be 0")
    if verdict.recovery_seconds is not None and verdict.recovery_seconds > RECOVERY_S:
        found.append(f"recovery {verdict.recovery_seconds:.1f} s after a death, at most {RECOVERY_S:.0f}")
    if verdict.return_seconds is not None and verdict.return_seconds > RETURN_S:
        found.append(f"recovery {verdict.return_seconds:.1f} s after the broker's return, at most {RETURN_S:.0f}")
    return found
