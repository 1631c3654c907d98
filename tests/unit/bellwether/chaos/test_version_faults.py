"""Moves of a real pointer in a real folder, under workers that only say how much memory they hold."""

import random
import threading
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bellwether.chaos import faults, shelf, spoil
from bellwether.chaos.brokers import Broker
from bellwether.chaos.journal import Strike
from bellwether.chaos.scenario import Fault
from bellwether.chaos.shelf import Shelf
from bellwether.chaos.workers import Workers
from bellwether.chaos.world import World
from models import pointer
from models.pointer import Policy
from models.store import open_store
from runtime.errors import InputError

A, B = "v-aaaaaaaaaa", "v-bbbbbbbbbb"


class Run:
    def __init__(self, folder: Path, *, has_store: bool = True) -> None:
        self.workers: Any = mock.create_autospec(Workers, instance=True)
        self.workers.memory_mib.return_value = 512.25
        self.workers.kill_challenger.return_value = 7
        self.strikes: list[Strike] = []
        self.shelf = Shelf(folder, str(folder / "store"), "nowhere:1", versions=[A, B])
        if has_store:
            open_store(self.shelf.url, make=True)
            self.shelf.promote(A)
        self.world = World(
            mock.create_autospec(Broker, instance=True), self.workers, self.strikes.append, random.Random(1),
            threading.Event(), shelf=self.shelf if has_store else None,
        )  # fmt: skip

    def strike(self, do: str, **how: Any) -> list[tuple[str, str]]:
        faults.strike(Fault(do=do, at=(0.0, 0.0), **how), self.world)
        return [(strike.what, strike.detail) for strike in self.strikes]

    @property
    def log(self) -> list[tuple[str, str | None]]:
        return [(move.action, move.after) for move in pointer.moves(self.shelf.store)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(shelf.moves, "announce", lambda *_: None)
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path / "home"))
    return Run(tmp_path)


def test_swaps_go_back_and_forth_and_memory_is_looked_at_after_each(run: Run) -> None:
    run.strike("promote", version=B)
    del run.strikes[:]
    memory = ("memory", "512.2")
    assert run.strike("swaps", most=3, every=0.01) == [
        ("promoted", A), memory, ("promoted", B), memory, ("promoted", A), memory,
    ]  # fmt: skip
    assert run.log == [("promote", A), ("promote", B), ("rollback", A), ("promote", B), ("rollback", A)]


def test_a_version_is_staged_promoted_and_rolled_back(run: Run) -> None:
    run.strike("stage", version=B)
    run.strike("promote", version=B)
    assert run.strike("roll-back") == [("staged", B), ("promoted", B), ("promoted", A)]
    assert run.log == [("promote", A), ("stage", B), ("promote", B), ("rollback", A)]


@pytest.mark.parametrize("aborted", [False, True])
def test_a_trial_says_its_policy_and_always_ends(run: Run, *, aborted: bool) -> None:
    if aborted:
        run.world.aborted.set()
    said = run.strike("challenge", version=B, policy=Policy("canary", 0.2), seconds=0.01)
    assert said == [("challenged", f"canary {B} 0.2"), ("unchallenged", "")]
    assert pointer.head(run.shelf.store).challenger is None


def test_the_engine_of_a_challenger_is_killed(run: Run) -> None:
    assert run.strike("kill-challenger") == [("challenger-died", "")]
    assert run.strikes[0].pid == 7


@pytest.mark.parametrize("runs", [False, True])
def test_code_of_a_version_that_ran_is_seen(run: Run, monkeypatch: pytest.MonkeyPatch, *, runs: bool) -> None:
    def put(shelf: Shelf, kind: str) -> str:
        shelf.spoilt.mkdir()
        if runs:
            (shelf.spoilt / spoil.CANARY).touch()
        return f"v-{kind}"

    monkeypatch.setattr(Shelf, "promote_corrupt", put)
    said = run.strike("promote-corrupt", version="pickle", seconds=0.01)
    assert said == [("promoted-corrupt", "pickle v-pickle"), *([("canary-ran", "pickle")] if runs else [])]


@pytest.mark.parametrize("do", ["promote", "roll-back", "stage", "swaps", "promote-corrupt", "challenge", "stop-store"])
def test_a_row_without_a_store_has_no_versions_to_move(tmp_path: Path, do: str) -> None:
    with pytest.raises(InputError, match="this row has no store of versions"):
        Run(tmp_path, has_store=False).strike(do, version=B)


def test_a_folder_cannot_be_stopped_and_a_challenge_needs_a_policy(run: Run) -> None:
    with pytest.raises(InputError, match='say `store = "s3"`'):
        run.strike("stop-store")
    with pytest.raises(InputError, match="a challenge needs a policy"):
        run.strike("challenge", version=B)
