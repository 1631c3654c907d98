"""The locked versions and the reasons beside them stay true."""

import re
import tomllib
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = ("bellwether", "streams", "trainer", "models", "wire", "runtime")


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line) for line in lines)
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def test_faust_still_caps_click_below_8_4():
    """When this fails the cap is gone: run `make constraints` and delete the three reasons and this test."""
    click = next(r for r in map(Requirement, requires("faust-streaming") or []) if r.name == "click")
    assert not click.specifier.contains("8.4.0")


def test_every_direct_dependency_is_pinned_and_installed_as_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pins = pinned()
    assert len(wanted) > 30
    for name in (Requirement(one).name for one in wanted):
        assert version(name).split("+")[0] == pins[canonicalize_name(name)], name


def test_nobody_else_installs_our_top_level_names():
    owners = packages_distributions()
    for name in OURS:
        assert set(owners.get(name, ["bellwether"])) == {"bellwether"}, name
