import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from bellwether.chaos import clocks, launch, outfits
from bellwether.chaos.clocks import FakeClock
from bellwether.chaos.outfits import Outfit
from bellwether.chaos.scenario import Fault, Scenario
from runtime.errors import DependencyError


def order(arguments: list[str]) -> launch.Order:
    assert arguments[0] == "bellwether.chaos.launch"
    return msgspec.json.decode(arguments[1], type=launch.Order)


def outfit(folder: Path, build: Path | None = None, **row: Any) -> Outfit:
    return Outfit(Scenario(name="row", about="a row", **row), "127.0.0.1:1", "group", folder, build)


def test_two_parents_of_a_scripted_row_say_two_versions(tmp_path: Path):
    with outfit(tmp_path) as worn:
        models = [one.arguments[one.arguments.index("--model") + 1] for one in map(order, map(worn.parent, (1, 2)))]
    assert models == ["scripted@v-0000000001", "scripted@v-0000000002"]


def test_a_real_model_is_the_same_for_all(tmp_path: Path):
    with outfit(tmp_path, model="fast") as worn:
        assert "fast" in order(worn.parent(2)).arguments


def test_a_rows_settings_win_and_its_crash_point_names_a_file_of_the_row(tmp_path: Path):
    with outfit(tmp_path, settings={"batch_records": "7", "threads": "1"}, crash_at="scored:3") as worn:
        environment = order(worn.parent(1)).environment
    assert environment["BELLWETHER_BATCH_RECORDS"] == "7"
    assert environment["BELLWETHER_THREADS"] == "1"
    assert environment["BELLWETHER_CRASH_AT"] == f"scored:3:{tmp_path}/crashed"


def test_home_is_the_rows_and_keys_and_registry_are_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path / "user"))
    (tmp_path / "user" / "keys").mkdir(parents=True)
    with outfit(tmp_path / "row") as worn:
        environment = order(worn.parent(1)).environment
    home = Path(environment["BELLWETHER_HOME"])
    assert home.is_relative_to(tmp_path / "row")
    assert (home / "keys").resolve() == tmp_path / "user" / "keys"
    assert environment["BELLWETHER_REGISTRY"] == str(tmp_path / "user" / "registry")


def test_no_setting_of_the_person_who_runs_this_reaches_a_worker():
    ours = {"BELLWETHER_GROUP": "mine", "BELLWETHER_CONFIG": "x.toml", "PATH": "/bin"}
    given = launch.Order(arguments=(), environment={"BELLWETHER_HOME": "/row"})
    assert launch.environment(given, ours) == {"PATH": "/bin", "BELLWETHER_HOME": "/row"}


def test_another_builds_code_wins_over_the_installed_one(tmp_path: Path):
    package = tmp_path / "build" / "bellwether"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys, bellwether\nprint(bellwether.__file__, *sys.argv[1:3])\n")
    with outfit(tmp_path, tmp_path / "build") as worn:
        done = subprocess.run([sys.executable, "-m", *worn.parent(1)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(package / "__init__.py"), "worker", "--bootstrap"]


def test_a_clock_jumps_for_those_who_started_with_it_and_they_still_sleep(tmp_path: Path):
    library = clocks.library()
    if library is None:
        pytest.skip("NOT TESTED: libfaketime is not installed")
    clock = FakeClock(tmp_path / "clock", library)
    code = """
import sys, time
first, before = time.time(), time.monotonic()
print("ready", flush=True)
sys.stdin.readline()
time.sleep(0.1)
print(round((time.time() - first) / 100), round((time.monotonic() - before) / 100), flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | clock.environment(),
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        clock.shift(3600)
        said, _ = child.communicate("\n", timeout=60)
    assert said.split() == ["36", "0"]


def test_a_disk_is_put_away_where_what_comes_after_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    disk = mock.create_autospec(outfits.Disk, instance=True)
    monkeypatch.setattr(outfits, "Disk", lambda _: disk)
    monkeypatch.setattr(clocks, "library", lambda: None)
    faults = (Fault(do="fill-disk", at=(0, 0)), Fault(do="jump-clock", at=(0, 0)))
    with pytest.raises(DependencyError, match="libfaketime is not installed"), outfit(tmp_path, faults=faults):
        pass
    disk.__enter__.assert_called_once()
    disk.__exit__.assert_called_once()


def test_a_row_that_harms_neither_has_neither_clock_nor_disk(tmp_path: Path):
    with outfit(tmp_path) as worn:
        assert worn.clock is worn.disk is None
        assert "LD_PRELOAD" not in order(worn.parent(1)).environment


def test_a_row_whose_clock_jumps_starts_its_workers_with_it(tmp_path: Path):
    if clocks.library() is None:
        pytest.skip("NOT TESTED: libfaketime is not installed")
    with outfit(tmp_path, faults=(Fault(do="jump-clock", at=(0, 0)),)) as worn:
        assert "LD_PRELOAD" in order(worn.parent(1)).environment
