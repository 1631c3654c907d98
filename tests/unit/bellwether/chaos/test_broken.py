from pathlib import Path

import pytest

from bellwether.chaos import broken
from bellwether.chaos.judge import Row
from bellwether.chaos.trees import Edit, make
from runtime.errors import InputError

BUILDS = {build.name: build for build in broken.load()}


def test_the_three_builds_break_what_the_promises_forbid() -> None:
    assert {build.catches for build in BUILDS.values()} == {"lost", "mixed", "reordered"}
    assert all(build.catches in Row.__struct_fields__ for build in BUILDS.values())


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
