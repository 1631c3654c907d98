"""What was judged is told also where the run ends early; wrong use is refused with 2 before anything starts."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bellwether.chaos import broken as builds
from bellwether.chaos import report as reports
from bellwether.chaos import run as rows
from bellwether.chaos.broken import Caught
from bellwether.chaos.judge import Row
from bellwether.cli import app as cli
from runtime.errors import DependencyError

RUN = ("chaos", "run", "kill-worker", "poison", "--seed", "7")


def bellwether(
    *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Any, str, str]:
    monkeypatch.setattr("sys.argv", ["bellwether", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr()
    return end.value.code, printed.out, printed.err


@pytest.fixture(autouse=True)
def _own_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands take SIGTERM for themselves; a test run keeps its own."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "reliability.md"
    places = ["\n".join(reports.marks(table)) for table in (reports.ROWS, reports.BROKEN)]
    file.write_text("\n".join(places))
    return file


@pytest.mark.parametrize(
    "error", [DependencyError("no disk"), KeyboardInterrupt(), SystemExit(143)], ids=lambda error: type(error).__name__
)
def test_rows_that_were_judged_are_told_where_the_run_ends_early(
    error: BaseException, document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(*_: object) -> Iterator[Row]:
        yield Row(name="kill-worker", passed=True)
        raise error

    monkeypatch.setattr(rows, "run", one)
    code, said, log = bellwether(*RUN, "--json", "--report", str(document), monkeypatch=monkeypatch, capsys=capsys)

    found = json.loads(said)
    assert [row["name"] for row in found["scenarios"]] == ["kill-worker"]
    assert found["passed"] is False
    assert "ended early: 1 of 2" in log
    assert "minutes, ended early: 1 of 2." in document.read_text()
    assert code == {DependencyError: 1, KeyboardInterrupt: 130, SystemExit: 143}[type(error)]


def test_builds_that_were_judged_are_told_where_the_run_ends_early(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(*_: object) -> Iterator[Caught]:
        yield Caught("b", "breaks", "lost", 3, True, Row(name="b"))
        raise DependencyError("no disk")

    monkeypatch.setattr(builds, "run", one)
    code, said, log = bellwether(
        "chaos", "broken", "--json", "--report", str(document), monkeypatch=monkeypatch, capsys=capsys
    )

    assert [one["name"] for one in json.loads(said)["builds"]] == ["b"]
    assert "error: no disk" in log
    assert f"ended early: 1 of {len(builds.load())}" in document.read_text()
    assert code == 1


def test_what_ends_before_the_first_row_tells_nothing_and_leaves_the_document(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> Iterator[Row]:
        raise DependencyError("no disk")
        yield

    monkeypatch.setattr(rows, "run", none)
    before = document.read_text()
    code, said, _ = bellwether(*RUN, "--report", str(document), monkeypatch=monkeypatch, capsys=capsys)

    assert (code, said) == (1, "")
    assert document.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("chaos", "run", "kill-wroker"), "no scenario 'kill-wroker'; `bellwether chaos list`"),
        ((*RUN, "--build", "."), "is no source tree of Bellwether"),
        ((*RUN, "--events", "50"), "--events"),
        ((*RUN, "--report", "README.md"), "README.md has no table to replace"),
        (("chaos", "broken", "--report", "README.md"), "README.md has no table to replace"),
        (("chaos", "all", "--keep", "README.md"), "README.md is a file"),
        (("chaos", "broken", "--keep", "README.md"), "README.md is a file"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_refused_before_anything_starts(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "README.md").write_text("no marks")
    monkeypatch.chdir(tmp_path)
    code, said, log = bellwether(*arguments, monkeypatch=monkeypatch, capsys=capsys)

    assert (code, said) == (2, "")
    assert sentence in log


def test_the_list_says_how_much_each_row_does() -> None:
    found = CliRunner().invoke(cli.app, ["chaos", "list"])

    assert "and how to go on (800 events, noop)" in found.output
