"""A row in which versions change is broken by each thing that must not happen, and by nothing else."""

import re

import msgspec
import pytest

from bellwether.chaos.facts import Facts
from bellwether.chaos.journal import Strike, Switch, Tried
from bellwether.chaos.judge_versions import SETTLE_S, failures, settle_s
from bellwether.chaos.scenario import Fault, Scenario
from bellwether.chaos.spoil import KINDS, name_of

from .test_judge import CLEAN

A, B = "v-aaaaaaaaaa", "v-bbbbbbbbbb"
BAD = name_of("flipped-bit")
ROW = Scenario(
    name="row",
    about="a bad one, then a good one",
    model="champion",
    versions=("accurate", "fast"),
    faults=(Fault(do="promote-corrupt", version="flipped-bit", at=(0.1, 0.1)), Fault(do="promote", at=(0.6, 0.6))),
)
STRIKES = (
    Strike(time=10.0, what="promoted-corrupt", detail=f"flipped-bit {BAD}"),
    Strike(time=30.0, what="promoted", detail=B),
)
REFUSED = {f"version_refused {BAD} model.ov does not match its digest": 1}
SAID = (REFUSED, REFUSED)
MUTE: tuple[dict[str, int], ...] = ({}, {})
SERVED = {A: (600, 31_000), B: (400, 60_000)}
SWITCHES = (Switch(B, 400, 1.0),)


def found(
    *, served=SERVED, said=SAID, switches=SWITCHES, strikes=STRIKES, scenario=ROW, times=True, tried=()
) -> list[str]:
    verdict = msgspec.structs.replace(CLEAN, served=served, switches=switches, tried=tried)
    return failures(scenario, verdict, Facts(strikes=strikes, logs=said), times=times)


def test_a_row_that_went_well_and_one_without_versions() -> None:
    assert found() == []
    assert found(scenario=Scenario(name="row", about=""), served={}, said=()) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"said": MUTE}, r"refused the flipped-bit version \[0, 0\] times, must be once each"),
        ({"said": (dict.fromkeys(REFUSED, 2), {})}, r"version \[2, 0\] times"),
        ({"said": ({f"version_refused {BAD} no such thing": 1},) * 2}, "refused for another reason: .*no such thing"),
        ({"served": SERVED | {BAD: (1, 20_000)}}, "the flipped-bit version scored 1 events, must be 0"),
        ({"served": {A: (1000, 31_000)}}, f"{B} was promoted and scored nothing"),
        ({"switches": (Switch(A), *SWITCHES)}, f"{A} was promoted and scored nothing before the next promotion"),
        ({"switches": (Switch(A, 9, SETTLE_S + 0.1), *SWITCHES)}, f"10.1 s after {A} was promoted another version"),
        ({"strikes": (*STRIKES, Strike(time=40.0, what="canary-ran", detail="pickle"))}, "code from a version ran"),
        (
            {"said": (REFUSED | {f"version_not_had {B} no room": 1}, REFUSED)},
            r"\[1, 0\] times that a version could not be had",
        ),
    ],
)
def test_what_breaks_it(changes, says: str) -> None:
    (failure,) = found(**changes)

    assert re.search(says, failure)


def test_how_soon_all_had_changed_is_judged_where_times_are() -> None:
    late = (Switch(B, 400, 60.0),)
    assert found(switches=late, times=False) == []
    assert len(found(switches=late)) == 1


def test_a_full_disk_must_be_told_by_every_worker() -> None:
    scenario = msgspec.structs.replace(
        ROW, faults=(Fault(do="full-registry", version="fast", at=(0.1, 0.1), seconds=20),)
    )
    strikes = (Strike(time=30.0, what="promoted", detail=B),)
    assert found(scenario=scenario, strikes=strikes, said=({f"version_not_had {B} make room": 1},) * 2) == []
    assert found(scenario=scenario, strikes=strikes, said=MUTE) == [
        "the workers said [0, 0] times that a version could not be had, must be 1 each"
    ]


@pytest.mark.parametrize(
    ("tried", "served", "says"),
    [
        (Tried("shadow", "v-1", 0.2, 9), SERVED, []),
        (Tried("shadow", "v-1", 0.2), SERVED, ["the shadow v-1 scored nothing"]),
        (
            Tried("shadow", "v-1", 0.2, 9),
            SERVED | {"v-1": (3, 1)},
            ["the shadow v-1 scored 3 events that users see, must be 0"],
        ),
        (
            Tried("shadow", "v-1", 0.2, 9, 2),
            SERVED,
            ["the shadow v-1 scored 2 inputs that nobody sees scored, must be 0"],
        ),
        (Tried("canary", "v-1", 0.2, 3), SERVED | {"v-1": (3, 1)}, []),
        (Tried("canary", "v-1", 0.2), SERVED, ["the canary v-1 scored nothing"]),
        (
            Tried("canary", "v-1", 0.2, 3, 1),
            SERVED | {"v-1": (3, 1)},
            ["the canary v-1 scored 1 inputs outside of 0.2 of the keys, must be 0"],
        ),
    ],
)
def test_a_shadow_reaches_nobody_and_a_canary_its_share(tried: Tried, served, says) -> None:
    strikes = (Strike(time=10.0, what="challenged", detail=f"{tried.mode} v-1 0.2"),)
    assert found(strikes=strikes, served=served, said=MUTE, tried=(tried,)) == says


def test_a_trial_that_nobody_counted_breaks_a_row() -> None:
    strikes = (Strike(time=10.0, what="challenged", detail="shadow v-1 0.2"),)
    assert found(strikes=strikes, said=MUTE) == ["0 trials were counted of 1"]


def test_every_spoilt_version_has_a_name_of_its_own() -> None:
    assert len({name_of(kind) for kind in KINDS}) == len(KINDS)


def test_a_worker_may_sleep_on_as_long_as_its_disk_was_full() -> None:
    full = Fault(do="full-registry", version="fast", at=(0.1, 0.1), seconds=20)
    assert settle_s(ROW) == SETTLE_S
    assert settle_s(msgspec.structs.replace(ROW, faults=(full,))) == 45 + SETTLE_S


def test_of_moves_that_follow_each_other_fast_only_the_last_is_judged() -> None:
    fast = msgspec.structs.replace(ROW, faults=(Fault(do="swaps", at=(0.1, 0.1)),))
    strikes, early = STRIKES[1:], Switch(A, 0, 0.0)
    assert found(scenario=fast, strikes=strikes, said=MUTE, switches=(early, *SWITCHES)) == []
    assert len(found(scenario=fast, strikes=strikes, said=MUTE, switches=(*SWITCHES, early))) == 1
