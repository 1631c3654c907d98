from pathlib import Path

import pytest

from bellwether.chaos import broken
from bellwether.chaos.judge import Row
from bellwether.chaos.trees import Edit, make
from runtime.errors import InputError

BUILDS = {build.name: build for build in broken.load()}


def test_the_builds_break_what_the_promises_forbid() -> None:
    assert {build.catches for build in BUILDS.values() if not build.control} == {"lost", "mixed", "reordered", "wrong"}
    assert all(build.catches in Row.__struct_fields__ for build in BUILDS.values())


def test_the_control_swaps_as_the_broken_build_does_and_breaks_nothing_more() -> None:
    assert [name for name, build in BUILDS.items() if build.control] == ["version-read-once"]
    control, twice = BUILDS["version-read-once"], BUILDS["version-read-twice"]
    assert control.edits == twice.edits[: len(control.edits)]
    assert {edit.file for edit in control.edits} == {"streams/classify/scoring.py"}
    assert len(twice.edits) > len(control.edits)


@pytest.mark.parametrize(
    ("name", "row", "result"),
    [
        ("version-read-twice", Row(name="row", mixed=7, passed=False), "caught"),
        ("version-read-twice", Row(name="row", mixed=0, passed=True), "MISSED"),
        ("version-read-twice", Row(name="row", mixed=0, lost=3, passed=False), "MISSED"),
        ("version-read-twice", Row(name="row", failures=("could not be run",)), "MISSED"),
        ("version-read-once", Row(name="row", mixed=0, passed=True), "control, clean"),
        ("version-read-once", Row(name="row", mixed=7, passed=False), "control, NOT CLEAN"),
        ("version-read-once", Row(name="row", mixed=0, wrong=1, passed=False), "control, NOT CLEAN"),
        ("version-read-once", Row(name="row", skipped="no such tool", passed=None), "control, NOT CLEAN"),
    ],
)
def test_a_broken_build_must_be_found_out_and_a_control_must_pass(name: str, row: Row, result: str) -> None:
    found = broken.judge(BUILDS[name], row)

    assert found.result == result
    assert found.caught == (result in {"caught", "control, clean"})


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_every_edit_still_fits_the_code_and_leaves_valid_python(name: str, tmp_path: Path) -> None:
    copy = make(name, BUILDS[name].edits, tmp_path)

    for edit in BUILDS[name].edits:
        text = (copy / edit.file).read_text()
        assert edit.new in text
        compile(text, edit.file, "exec")


def test_an_edit_that_fits_no_more_is_refused(tmp_path: Path) -> None:
    edit = Edit("streams/classify/pipeline.py", "what never was there", "")

    with pytest.raises(InputError, match="the code has changed"):
        make("none", [edit], tmp_path)
