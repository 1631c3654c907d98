import pytest

from bellwether.chaos import scenario
from runtime.crashpoints import POINTS
from runtime.errors import InputError

BOOK = scenario.load()


def test_every_crash_point_has_a_row() -> None:
    points = {row.crash_at.partition(":")[0] for row in BOOK.scenarios if row.crash_at is not None}

    assert points == set(POINTS)


def test_rows_have_at_least_two_workers_four_partitions_and_enough_events() -> None:
    for row in BOOK.scenarios:
        if row.alone is None:
            assert row.workers >= 2
            assert row.partitions >= 4
            assert row.events >= (20_000 if row.model == "scripted" else 5_000)


def test_there_is_a_baseline_without_a_fault_for_each_model() -> None:
    models = {row.model.removeprefix("trapped@") for row in BOOK.scenarios if row.alone is None}
    calm = {row.model for row in BOOK.scenarios if not row.faults and not row.mix and row.crash_at is None}

    assert models <= calm


def test_rows_are_chosen_by_name_and_group_in_the_tables_order() -> None:
    assert [row.name for row in BOOK.choose(["poison", "kill-worker"])] == ["kill-worker", "poison"]
    assert {row.name for row in BOOK.choose(["ci"])} == set(BOOK.groups["ci"])
    assert len(BOOK.choose(["all"])) == len(BOOK.scenarios)


@pytest.mark.parametrize(
    "text",
    [
        "[[scenario]]\nname = 'a'\nabout = 'b'\nfualts = []",
        "[[scenario]]\nname = 'a'\nabout = 'b'\n[[scenario]]\nname = 'a'\nabout = 'c'",
        "[[scenario]]\nname = 'a'\nabout = 'b'\n[group]\nci = ['c']",
        "scenario = 3",
        "[[scenario",
    ],
)
def test_a_row_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        scenario.load(text)


def test_a_name_that_nobody_knows_is_refused_with_where_to_look() -> None:
    with pytest.raises(InputError, match="chaos list"):
        BOOK.choose(["kill-wroker"])


def test_a_burst_takes_its_time_and_the_rest_goes_on_at_the_rate() -> None:
    row = scenario.Scenario(
        name="a", about="b", events=700, rate=10, burst=scenario.Burst(at=0.5, seconds=10, factor=5)
    )

    assert row.burst_events == 500
    assert row.seconds == 30
