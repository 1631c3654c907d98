"""A row in which versions change is broken by each thing that must not happen, and by nothing else."""

import re

import msgspec
import pytest

from bellwether.chaos.facts import Facts
from bellwether.chaos.journal import Strike
from bellwether.chaos.judge_versions import SETTLE_S, failures
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
SAID = {f"version_refused {BAD} model.ov does not match its digest": 2}
SERVED = {A: (600, 31_000), B: (400, 60_000)}


def found(*, served=SERVED, said=SAID, strikes=STRIKES, scenario=ROW, times=True) -> list[str]:
    verdict = msgspec.structs.replace(CLEAN, served=served)
    return failures(scenario, verdict, Facts(strikes=strikes, said=said), times=times)


def test_a_row_that_went_well_and_one_without_versions() -> None:
    assert found() == []
    assert found(scenario=Scenario(name="row", about=""), served={}, said={}) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"said": {}}, "0 workers refused the flipped-bit version, once each; must be 2"),
        ({"said": dict.fromkeys(SAID, 4)}, "4 workers refused"),
        ({"said": {f"version_refused {BAD} no such thing": 2}}, "refused for another reason: .*no such thing"),
        ({"served": SERVED | {BAD: (1, 20_000)}}, "the flipped-bit version scored 1 events, must be 0"),
        ({"served": {A: (1000, 31_000)}}, f"{B} was promoted and scored nothing"),
        ({"served": SERVED | {A: (600, int(1000 * (30 + SETTLE_S)) + 100)}}, "10.1 s after the last promotion"),
        ({"strikes": (*STRIKES, Strike(time=40.0, what="canary-ran", detail="pickle"))}, "code from a version ran"),
        ({"said": SAID | {f"version_not_had {B} no room": 1}}, "1 times a version could not be had, must be 0"),
    ],
)
def test_what_breaks_it(changes, says: str) -> None:
    (failure,) = found(**changes)

    assert re.search(says, failure)


def test_how_soon_all_had_changed_is_judged_where_times_are() -> None:
    late = SERVED | {A: (600, 90_000)}
    assert found(served=late, times=False) == []
    assert len(found(served=late)) == 1


def test_a_full_disk_must_be_told_by_every_worker() -> None:
    scenario = msgspec.structs.replace(ROW, faults=(Fault(do="full-registry", version="fast", at=(0.1, 0.1)),))
    strikes = (Strike(time=30.0, what="promoted", detail=B),)
    assert found(scenario=scenario, strikes=strikes, said={f"version_not_had {B} make room": 2}) == []
    assert found(scenario=scenario, strikes=strikes, said={}) == ["0 times a version could not be had, must be 2"]


@pytest.mark.parametrize(
    ("mode", "served", "says"),
    [
        ("shadow", SERVED, []),
        ("shadow", SERVED | {"v-1": (3, 1)}, ["the shadow v-1 scored 3 events that users see, must be 0"]),
        ("canary", SERVED | {"v-1": (3, 1)}, []),
        ("canary", SERVED, ["the canary v-1 served nobody"]),
    ],
)
def test_a_shadow_reaches_nobody_and_a_canary_does(mode, served, says) -> None:
    strikes = (Strike(time=10.0, what="challenged", detail=f"{mode} v-1"),)
    assert found(strikes=strikes, served=served, said={}) == says


def test_every_spoilt_version_has_a_name_of_its_own() -> None:
    assert len({name_of(kind) for kind in KINDS}) == len(KINDS)
