"""A bookkeeper that gives up is reported with its exit code and its last words, whatever was being said to it."""

import sys
from pathlib import Path

import pytest

from bellwether.chaos.clerk import Clerk
from bellwether.chaos.journal import BookOrder
from runtime.errors import DependencyError

ORDER = BookOrder(
    bootstrap="",
    probe="",
    group="",
    published="",
    scored="",
    dead="",
    shadowed="",
    folder="",
    registry="",
    trust="",
    seed=1,
)


@pytest.fixture
def bookkeeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that runs instead of the bookkeeper; to be written by a test."""
    program = tmp_path / "bookkeeper"
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


def test_one_that_reads_nothing_and_ends_is_named_with_its_exit_code(bookkeeper: Path, tmp_path: Path) -> None:
    bookkeeper.write_text("#!/bin/sh\nexec <&-\necho no broker >&2\nexit 3\n")
    with (
        pytest.raises(DependencyError, match=r"ended with exit code 3 and without a verdict\n(.*\n)* *no broker"),
        Clerk(ORDER, tmp_path) as clerk,
    ):
        clerk.verdict(60)


def test_one_that_is_asked_and_ends_is_named_with_its_exit_code(bookkeeper: Path, tmp_path: Path) -> None:
    bookkeeper.write_text("#!/bin/sh\nread _\nexit 4\n")
    with pytest.raises(DependencyError, match="exit code 4"), Clerk(ORDER, tmp_path) as clerk:
        clerk.verdict(60)


def test_the_error_inside_is_not_replaced_by_a_broken_pipe(bookkeeper: Path, tmp_path: Path) -> None:
    bookkeeper.write_text("#!/bin/sh\nexec <&-\nexit 3\n")
    with pytest.raises(ZeroDivisionError), Clerk(ORDER, tmp_path) as clerk:  # noqa: PT012 (what is said before)
        clerk._process.wait()
        assert clerk._process.stdin is not None
        clerk._process.stdin.write(b"done\n")
        raise ZeroDivisionError
