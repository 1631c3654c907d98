import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import settings
from runtime.crashpoints import POINTS, Crash, CrashPoints, crash_points, unharmed
from runtime.errors import SettingsError


def points(folder: Path, killed: list[str], count: int = 2) -> CrashPoints:
    return CrashPoints(Crash("produced", count, folder / "crashed"), lambda: killed.append("killed"))


def test_the_process_dies_at_that_passing_of_that_point_and_at_no_other(tmp_path) -> None:
    killed: list[str] = []
    passed = points(tmp_path, killed)
    for point in POINTS:
        passed(point)
    assert killed == []
    passed("produced")
    assert killed == ["killed"]
    passed("produced")
    assert killed == ["killed"]
    assert (tmp_path / "crashed").read_text() == f"{os.getpid()} produced\n"


def test_one_setting_kills_once_whichever_process_comes_first(tmp_path) -> None:
    killed: list[str] = []
    for _ in range(3):
        points(tmp_path, killed, count=1)("produced")
    assert killed == ["killed"]


def test_without_a_setting_nothing_happens() -> None:
    assert crash_points(None) is unharmed
    for point in POINTS:
        unharmed(point)


def test_the_real_end_is_a_kill(tmp_path) -> None:
    script = "import sys; from runtime.crashpoints import crash_points; crash_points(sys.argv[1])('acked'); print('on')"
    command = [sys.executable, "-c", script, f"acked:1:{tmp_path}/with:colon"]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2))
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, "")
    assert (second.returncode, second.stdout) == (0, "on\n")
    assert (tmp_path / "with:colon").is_file()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "deliver:1:/tmp/x",
            "no point is called 'deliver'; known: assigned, taken, .*, stopping, collected, .*, promoted; write POINT",
        ),
        ("acked:0:/tmp/x", "'0' is no count from 1 on"),
        ("acked:-1:/tmp/x", "'-1' is no count from 1 on"),
        ("acked", "'' is no count from 1 on"),
        ("acked:1", "'' is no file in an existing folder"),
        ("acked:1:/nowhere/at/all", "'/nowhere/at/all' is no file in an existing folder"),
    ],
)
def test_a_bad_setting_says_value_problem_and_form(value: str, problem: str, monkeypatch) -> None:
    monkeypatch.setenv("BELLWETHER_CRASH_AT", value)
    with pytest.raises(SettingsError, match=rf"setting 'crash_at' = '{value}': {problem}"):
        settings.load()


def test_a_good_setting_is_kept(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BELLWETHER_CRASH_AT", f"taken:2:{tmp_path}/c")
    assert settings.load().crash_at == f"taken:2:{tmp_path}/c"
