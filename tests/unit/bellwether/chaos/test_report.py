import json
from pathlib import Path

import msgspec
import pytest

from bellwether.chaos import report
from bellwether.chaos.judge import Row
from runtime.errors import InputError

ROWS = [
    Row(name="kill", about="kill -9 | twice", model="scripted", events=20_000, recovery_seconds=7.25, passed=True),
    Row(name="disk", about="full", model="scripted", skipped="needs root"),
    Row(name="cut", about="cut", model="scripted", events=5, lost=1, failures=("lost 1, must be 0",)),
]
BEGIN, END = report.marks(report.ROWS)


def test_the_object_for_scripts_has_the_promised_keys() -> None:
    found = json.loads(report.as_json(ROWS, 7))

    promised = (
        *("name", "events", "lost", "phantom", "both", "duplicates", "reordered", "mixed", "wrong", "stuck"),
        *("recovery_seconds", "passed"),
    )
    assert found["seed"] == 7
    assert found["passed"] is False
    assert all(key in row for row in found["scenarios"] for key in promised)


def test_the_document_gets_the_rows_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "reliability.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    report.write(file, report.ROWS, report.as_markdown(ROWS), "2026-01-05, seed 7, 2 cores")

    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "2026-01-05, seed 7, 2 cores" in text
    assert "kill -9 \\| twice" in text
    assert "7.2" in text
    assert "not run" in text
    assert "needs root" in text
    assert "**broken**" in text
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_a_document_without_marks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table"):
        report.write(tmp_path / "none.md", report.ROWS, report.as_markdown(ROWS), "")
    with pytest.raises(InputError, match="no table"):
        report.check(tmp_path / "none.md", report.ROWS)


def test_a_run_that_ended_early_did_not_pass() -> None:
    assert json.loads(report.as_json(ROWS[:2], 7))["passed"] is True
    assert json.loads(report.as_json(ROWS[:2], 7, is_complete=False))["passed"] is False


def test_single_rows_are_replaced_in_their_place_and_the_document_says_so(tmp_path: Path) -> None:
    file = tmp_path / "reliability.md"
    file.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    report.write(file, report.ROWS, report.as_markdown(ROWS), "first head")
    fresh = [msgspec.structs.replace(ROWS[2], lost=0, passed=True), Row(name="new", about="new", passed=True)]

    report.update(file, fresh, "second head")

    text = file.read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[1] for line in lines[2:]] == ["kill", "disk", "cut", "new"]
    assert "broken" not in text
    assert "first head" in text
    assert "Run anew: cut, new: second head" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def test_a_document_without_rows_gets_the_whole_table(tmp_path: Path) -> None:
    file = tmp_path / "reliability.md"
    file.write_text(f"{BEGIN}\n{END}")

    report.update(file, ROWS, "head")

    assert "| kill |" in file.read_text()


def test_what_nobody_counted_is_no_zero(tmp_path: Path) -> None:
    (line,) = (line for line in report.as_markdown([Row(name="alone", passed=True)]).splitlines() if "alone" in line)

    assert " | 0 | " not in line.replace("| 0 | –", "")
    assert line.count("–") == 10
