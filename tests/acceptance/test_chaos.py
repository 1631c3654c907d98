"""The rows of docs/reliability.md that every test run repeats, and builds that the bookkeeper has to find out."""

import json
import subprocess
import sys

import pytest

from bellwether.broker.cluster import Cluster
from bellwether.chaos import scenario

EVENTS = 3_000
"""Of each row: a few seconds of traffic, in the middle of which the fault strikes."""

BROKEN = ("ack-before-produce",)
"""One that loses; `make chaos` runs all."""

WAIT_S = 900
"""About five minutes on two quiet cores."""


def chaos(*arguments: str) -> tuple[int, dict[str, object], str]:
    command = [sys.executable, "-m", "bellwether", "chaos", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.stdout, done.stderr[-3_000:]
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.timeout(WAIT_S + 60)
def test_no_promise_breaks_when_workers_and_the_broker_are_killed_and_input_is_bad(kafka: Cluster) -> None:
    code, found, log = chaos("run", "ci", "--events", str(EVENTS))

    rows = found["scenarios"]
    assert isinstance(rows, list)
    void = [row["name"] for row in rows if any("did not strike" in sentence for sentence in row["failures"])]
    if void:  # a busy machine had nothing left to harm: once more, with three times the traffic
        code, again, log = chaos("run", *void, "--events", str(3 * EVENTS))
        rows = [*(row for row in rows if row["name"] not in void), *again["scenarios"]]
    assert [(row["name"], row["failures"]) for row in rows if not row["passed"]] == [], log[-3_000:]
    assert {row["name"] for row in rows} == set(scenario.load().groups["ci"])
    assert all(row["events"] >= EVENTS for row in rows)
    assert code == 0


@pytest.mark.timeout(WAIT_S + 60)
def test_the_bookkeeper_finds_out_builds_that_are_broken_on_purpose(kafka: Cluster) -> None:
    code, found, log = chaos("broken", *BROKEN)

    builds = found["builds"]
    assert isinstance(builds, list)
    assert [(one["name"], one["count"]) for one in builds if not one["caught"]] == [], log[-3_000:]
    assert [one["name"] for one in builds] == list(BROKEN)
    assert code == 0
