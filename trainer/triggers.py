"""When a training run begins, and why: a pure function of labels, the champion's age, drift and the clock."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from runtime.errors import InputError

Reason = Literal["drift", "count", "age", "clock", "no_labels", "resting", "nothing_due"]
"""Why a run begins (the first four), or why none does; constant words, fit for a record and a metric."""

Count = Annotated[int, Meta(ge=1)]
Hours = Annotated[float, Meta(gt=0)]
Pause = Annotated[float, Meta(ge=0)]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a run due; a TOML file of these fields, each of which may be left out."""

    least_labels: Count = 100
    """New labels without which nothing begins a run: fewer teach little, and none would repeat the run before."""

    drift_labels: Count = 200
    """New labels with which drift begins a run: from 200 on the gate's later-in-time slice, a fifth of them, fills."""

    labels: Count = 1000
    """New labels that begin a run by their number alone."""

    champion_hours: Hours = 30 * 24.0
    """Age of the champion that is a reason by itself; a run with this reason may promote a `same`."""

    champion_again_hours: Pause = 24.0
    """After any run, age alone begins no other for so long: the champion stays old where a run is refused."""

    clock_hours: Hours = 7 * 24.0
    """Time since the last run, or since the champion began where there was none, after which the least is enough."""

    rest_hours: Pause = 0.25
    """After any run, nothing begins another for so long: a mistake of a rule must not keep the machine busy."""


class Alarm(NamedTuple):
    """A detector's word that something has changed."""

    signal: str
    """`confidence`, `share:negative`, `novelty` or `error`, see `trainer.drift`."""
    at: datetime
    """By the same clock as `State.last_run`."""


class State(msgspec.Struct, frozen=True):
    """What is known when a decision is wanted.

    Attributes:
        now: the clock, with an offset.
        labels: events and tasks that somebody labelled after the last run record, or ever where there is none, whether
            that person is believed or not. Whatever that run's verdict was, its labels are not new any more: so a
            refused run is not repeated.
        last_run: when the last run took its labels (the time of its record's label position); None before the first.
        promoted: when the champion began to lead; None where there is none, or nobody knows.
        alarms: of drift, old ones too; those up to `last_run` do not count.
    """

    now: datetime
    labels: int
    last_run: datetime | None = None
    promoted: datetime | None = None
    alarms: tuple[Alarm, ...] = ()


class Decision(msgspec.Struct, frozen=True):
    """Whether to run, and why.

    Attributes:
        run: whether a run begins.
        reason: the chief one, for scripts.
        reasons: all that hold, the chief one first; `age` among them lets the gate promote a `same`.
        words: a sentence for a person.
    """

    run: bool
    reason: Reason
    reasons: tuple[Reason, ...]
    words: str


def load(path: Path) -> Rules:
    """Rules from a TOML file; what it does not name has its default.

    Raises:
        InputError: it cannot be read, a field is unknown or out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Rules)
    except OSError as error:
        raise InputError(f"rules {path}: {error.strerror}; give a TOML file that can be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        known = ", ".join(Rules.__struct_fields__)
        raise InputError(f"rules {path} are none: {error}; the fields are {known}") from error


def decide(state: State, rules: Rules) -> Decision:
    """Whether a run begins now.

    Three things hold whatever the rules say: without `least_labels` new labels nothing begins a run; within
    `rest_hours` of the last run nothing does; and what led to the last run, labels and alarms, leads to no other.
    """
    due = _due(state, rules)
    if state.labels < rules.least_labels:
        waits = f"; {_listed(due)} would be a reason" if due else ""
        words = f"waits: {_labels(state.labels)} since the last run, at least {rules.least_labels:,} are needed{waits}"
        return Decision(False, "no_labels", ("no_labels",), words)
    rest = _since(state.last_run, state.now)
    if rest is not None and rest < timedelta(hours=rules.rest_hours):
        words = f"waits: the last run was {_span(rest)} ago, the rest is {rules.rest_hours:g} h"
        return Decision(False, "resting", ("resting",), words)
    begins = [one for one in due if _begins_alone(one[0], state, rules)]
    if not begins:
        words = f"waits: {_labels(state.labels)}, of {rules.labels:,} that begin a run by number; {_idle(due)}"
        return Decision(False, "nothing_due", ("nothing_due",), words)
    chief = begins[0]
    ordered = [chief, *(one for one in due if one != chief)]
    words = f"runs on {_labels(state.labels)}, because {_listed(ordered)}"
    return Decision(True, chief[0], tuple(reason for reason, _ in ordered), words)


def _due(state: State, rules: Rules) -> list[tuple[Reason, str]]:
    """The reasons that hold, most urgent first, each in words."""
    found: list[tuple[Reason, str]] = []
    fresh = [one for one in state.alarms if state.last_run is None or one.at > state.last_run]
    if fresh:
        names = ", ".join(sorted({one.signal for one in fresh}))
        found.append(("drift", f"{names} changed, first seen {_span(state.now - min(one.at for one in fresh))} ago"))
    if state.labels >= rules.labels:
        found.append(("count", f"{state.labels:,} new labels are {rules.labels:,} or more"))
    age = _since(state.promoted, state.now)
    if age is not None and age >= timedelta(hours=rules.champion_hours):
        found.append(
            ("age", f"the champion is {_span(age)} old, {_span(timedelta(hours=rules.champion_hours))} is old")
        )
    rest = _since(state.last_run or state.promoted, state.now)
    if rest is not None and rest >= timedelta(hours=rules.clock_hours):
        found.append(("clock", f"{_span(rest)} have passed without a run"))
    return found


def _begins_alone(reason: Reason, state: State, rules: Rules) -> bool:
    """Whether a reason that holds is enough; the others only go along with one that is."""
    if reason == "drift":
        return state.labels >= rules.drift_labels
    rest = _since(state.last_run, state.now)
    return reason != "age" or rest is None or rest >= timedelta(hours=rules.champion_again_hours)


def _since(then: datetime | None, now: datetime) -> timedelta | None:
    """Time gone by, never negative: a clock that was set back makes nothing younger than new."""
    return None if then is None else max(now - then, timedelta(0))


def _listed(due: Sequence[tuple[Reason, str]]) -> str:
    return ", and ".join(f"{reason} ({words})" for reason, words in due)


def _idle(due: Sequence[tuple[Reason, str]]) -> str:
    return f"{_listed(due)} holds and does not begin a run yet" if due else "no drift, nothing is old"


def _labels(number: int) -> str:
    return f"{number:,} new label{'' if number == 1 else 's'}"


def _span(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
