from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import InputError
from trainer.triggers import Alarm, Rules, State, decide, load

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = Rules()


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def state(labels: int, run: float | None = 2.0, promoted: float | None = 48.0, alarms: tuple[float, ...] = ()) -> State:
    """Times in hours before NOW."""
    return State(
        now=NOW, labels=labels,
        last_run=None if run is None else ago(run),
        promoted=None if promoted is None else ago(promoted),
        alarms=tuple(Alarm("confidence", ago(hours)) for hours in alarms),
    )  # fmt: skip


def test_enough_labels_begin_a_run_and_the_words_say_how_many() -> None:
    found = decide(state(RULES.labels), RULES)
    assert (found.run, found.reason, found.reasons) == (True, "count", ("count",))
    assert found.words == "runs on 1,000 new labels, because count (1,000 new labels are 1,000 or more)"
    short = decide(state(RULES.labels - 1), RULES)
    assert (short.run, short.reason) == (False, "nothing_due")
    assert short.words == "waits: 999 new labels, of 1,000 that begin a run by number; no drift, nothing is old"


def test_drift_begins_a_run_with_fewer_labels_and_comes_first_among_the_reasons() -> None:
    assert decide(state(RULES.drift_labels, alarms=(1.0,)), RULES).reasons == ("drift",)
    assert decide(state(RULES.labels, alarms=(1.0,)), RULES).reasons == ("drift", "count")
    waits = decide(state(RULES.drift_labels - 1, alarms=(1.0,)), RULES)
    assert not waits.run
    assert "drift (confidence changed, first seen 1.0 h ago) holds and does not begin a run yet" in waits.words


def test_without_labels_drift_begins_nothing_and_the_words_say_that_it_would() -> None:
    found = decide(state(0, alarms=(1.0,)), RULES)
    assert (found.run, found.reason) == (False, "no_labels")
    assert "drift (confidence changed" in found.words


def test_an_alarm_that_the_last_run_knew_does_not_count_again() -> None:
    assert not decide(state(500, run=2.0, alarms=(3.0, 2.0)), RULES).run
    assert decide(state(500, run=2.0, alarms=(3.0, 1.9)), RULES).reason == "drift"


def test_an_old_champion_is_a_reason_and_a_refused_run_does_not_come_again_for_a_day() -> None:
    old = RULES.champion_hours
    assert decide(state(100, run=25.0, promoted=old), RULES).reasons == ("age",)
    assert not decide(state(100, run=25.0, promoted=old - 1), RULES).run
    assert not decide(state(100, run=23.0, promoted=old), RULES).run
    assert decide(state(1000, run=23.0, promoted=old), RULES).reasons == ("count", "age"), "it goes along, for the gate"


def test_the_clock_begins_a_run_on_the_least_labels() -> None:
    assert decide(state(100, run=7 * 24.0), RULES).reasons == ("clock",)
    assert decide(state(99, run=7 * 24.0), RULES).reason == "no_labels"
    assert decide(state(100, run=None, promoted=7 * 24.0), RULES).reasons == ("clock",), "since the champion began"


def test_before_the_first_run_and_the_first_champion_only_labels_and_drift_count() -> None:
    assert not decide(state(999, run=None, promoted=None), RULES).run
    assert decide(state(1000, run=None, promoted=None), RULES).reason == "count"
    assert decide(state(200, run=None, promoted=None, alarms=(900.0,)), RULES).reason == "drift"


def test_after_a_run_there_is_a_rest_whatever_is_due() -> None:
    found = decide(state(5000, run=0.2, alarms=(0.1,)), RULES)
    assert (found.run, found.reason) == (False, "resting")
    assert found.words == "waits: the last run was 12 min ago, the rest is 0.25 h"


STATES = st.builds(
    state,
    st.integers(0, 3000),
    st.none() | st.floats(0, 2000),
    st.none() | st.floats(0, 2000),
    st.lists(st.floats(0, 2000), max_size=3).map(tuple),
)
RULE_SETS = st.builds(
    Rules,
    least_labels=st.integers(1, 500),
    drift_labels=st.integers(1, 500),
    labels=st.integers(1, 2000),
    champion_hours=st.floats(1, 2000),
    champion_again_hours=st.floats(0, 100),
    clock_hours=st.floats(1, 1000),
    rest_hours=st.floats(0, 100),
)


@given(STATES, RULE_SETS)
def test_the_run_that_was_decided_is_not_decided_again_whatever_became_of_it(before: State, rules: Rules) -> None:
    after = msgspec.structs.replace(before, last_run=before.now, labels=0)
    assert not decide(after, rules).run
    later = msgspec.structs.replace(after, now=before.now + timedelta(days=1000))
    assert not decide(later, rules).run, "nor at any later time, without a new label"


@given(STATES, RULE_SETS, st.integers(0, 2000))
def test_more_labels_never_stop_a_run(before: State, rules: Rules, more: int) -> None:
    if decide(before, rules).run:
        assert decide(msgspec.structs.replace(before, labels=before.labels + more), rules).run


@given(STATES, RULE_SETS)
def test_alarms_that_the_last_run_knew_change_nothing(before: State, rules: Rules) -> None:
    fresh = tuple(one for one in before.alarms if before.last_run is None or one.at > before.last_run)
    assert decide(before, rules) == decide(msgspec.structs.replace(before, alarms=fresh), rules)


@given(STATES, RULE_SETS)
def test_a_run_has_labels_a_rest_behind_it_and_reasons_that_its_words_name(before: State, rules: Rules) -> None:
    found = decide(before, rules)
    assert found.reason == found.reasons[0]
    assert found.words.startswith("runs" if found.run else "waits")
    if found.run:
        assert before.labels >= rules.least_labels
        assert before.last_run is None or before.now - before.last_run >= timedelta(hours=rules.rest_hours)
        assert all(f"{reason} (" in found.words for reason in found.reasons)
        assert set(found.reasons) <= {"drift", "count", "age", "clock"}


@given(STATES, st.floats(0, 5000))
def test_a_clock_that_was_set_back_begins_no_run_that_time_alone_would(before: State, hours: float) -> None:
    back = msgspec.structs.replace(before, now=before.now - timedelta(hours=hours), alarms=(), labels=500)
    assert not decide(back, RULES).run or decide(msgspec.structs.replace(back, now=before.now), RULES).run


def test_rules_come_from_a_file_and_what_it_does_not_name_has_its_default(tmp_path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("labels = 300\nclock_hours = 24\n")
    assert load(path) == Rules(labels=300, clock_hours=24.0)


@pytest.mark.parametrize("content", ["label = 300", "labels = 0", "rest_hours = -1.0", "labels ="])
def test_rules_that_are_none_are_refused_with_the_file_and_the_fields(tmp_path, content) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"rules\.toml are none: .*least_labels, drift_labels, labels"):
        load(path)
    with pytest.raises(InputError, match="give a TOML file that can be read"):
        load(tmp_path / "none.toml")
