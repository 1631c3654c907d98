"""Builds that are broken on purpose, copies of this source tree: they show that the bookkeeper finds anything."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

import msgspec

from bellwether.chaos import run as rows
from bellwether.chaos.judge import Row
from bellwether.chaos.scenario import Scenario
from bellwether.chaos.screen import Screen
from bellwether.chaos.trees import Edit, make
from runtime.errors import InputError

FILE = "broken.toml"


class Build(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One broken build, or a control: one that is edited and keeps every promise.

    Attributes:
        name: how a person asks for it.
        about: what is broken.
        catches: the anomaly that the bookkeeper must count.
        edits: to this source tree.
        scenario: the row in which the fault shows.
        control: whether the bookkeeper must count none of it, and find nothing else either.
    """

    name: str
    about: str
    catches: str
    edits: tuple[Edit, ...]
    scenario: Scenario
    control: bool = False


class Caught(msgspec.Struct, frozen=True):
    """What the bookkeeper said of a broken build.

    Attributes:
        name: the build's.
        about: what is broken.
        catches: the anomaly that was looked for.
        count: how many of it were counted.
        caught: whether the bookkeeper was right: it found a broken build out, or nothing in a control.
        row: all that it said.
        control: whether the build is one.
    """

    name: str
    about: str
    catches: str
    count: int
    caught: bool
    row: Row
    control: bool = False

    @property
    def result(self) -> str:
        """In a word or two; capitals where the bookkeeper was wrong."""
        if self.control:
            return "control, clean" if self.caught else "control, NOT CLEAN"
        return "caught" if self.caught else "MISSED"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    build: tuple[Build, ...]


def load() -> Sequence[Build]:
    """The broken builds."""
    text = resources.files("bellwether.chaos").joinpath(FILE).read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _File).build


def choose(names: Sequence[str]) -> Sequence[Build]:
    """The builds of these names, in their order; all of them without a name.

    Raises:
        InputError: no such build.
    """
    known = {build.name: build for build in load()}
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"no broken build {unknown[0]!r}; known: {', '.join(known)}")
    return [known[name] for name in names] or list(known.values())


def run(builds: Sequence[Build], seed: int, screen: Screen, keep: Path | None = None) -> Iterator[Caught]:
    """Run each build's row and say what the bookkeeper made of it.

    Raises:
        InputError: an edit does not fit the code, or the folder to keep holds one of the rows.
    """
    if keep is not None:
        rows.check_kept(keep, [build.scenario.name for build in builds])
    with tempfile.TemporaryDirectory(prefix="bellwether-broken-") as folder:
        for build in builds:
            order = rows.Order([build.scenario], seed, build=make(build.name, build.edits, Path(folder)), keep=keep)
            (row,) = rows.run(order, screen)
            yield judge(build, row)


def judge(build: Build, row: Row) -> Caught:
    """Whether the bookkeeper was right about a build; it was not where the row could not be run."""
    count = int(getattr(row, build.catches) or 0)
    is_right = bool(row.passed) if build.control else count > 0 and not row.passed
    return Caught(build.name, build.about, build.catches, count, is_right, row, build.control)
