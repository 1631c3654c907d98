import multiprocessing
import resource
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from models.engine import Engine, Probabilities
from models.fakes import NoopEngine
from models.traps import HEAVY_MIB, SLOW_S, TrappedEngine, Traps, _data_bytes
from runtime.errors import EngineError


def test_texts_without_markers_are_let_through_and_nothing_is_held() -> None:
    assert Traps().obey(["fine", "a [[link]] of a wiki", ""]) == []


def test_the_first_marker_in_the_order_of_the_texts_is_obeyed_first() -> None:
    with pytest.raises(EngineError, match="told to refuse"):
        Traps().obey(["fine", "[[error]]", "[[crash]]"])


def test_a_text_that_was_met_before_crashes_no_more(tmp_path: Path) -> None:
    text = "[[crash-once]] ACME"
    traps = Traps(tmp_path)
    assert traps._is_first_meeting(text)
    assert Traps(tmp_path).obey([text]) == []


def test_slow_texts_let_the_call_take_its_time() -> None:
    assert SLOW_S > 0
    assert Traps().obey(["[[slow]]"] * 3) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process limit its own memory")
def test_heavy_texts_run_out_of_memory_at_one_too_many_and_leave_no_limit_behind() -> None:
    """In a process of its own: what other tests' threads give back meanwhile would let one text more fit."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        alone.submit(_meet_heavy_texts).result()


def _meet_heavy_texts() -> None:
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    before = _data_bytes()
    for _ in range(2):
        with pytest.raises(MemoryError):
            Traps().obey(["[[heavy]]"] * 16)
        assert len(Traps().obey(["[[heavy]]"] * 15)) == 15
    assert _data_bytes() - before < HEAVY_MIB * 2**20
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


class _FailingEngine(NoopEngine):
    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        raise EngineError(f"fails on {len(texts)} texts on purpose")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process holds in /proc")
def test_an_engine_that_fails_leaves_none_of_the_heavy_memory_held_by_its_error() -> None:
    before = _data_bytes()
    with pytest.raises(EngineError):
        TrappedEngine(_FailingEngine(), Traps()).score(["[[heavy]]"])
    assert _data_bytes() - before < HEAVY_MIB * 2**20


def test_a_trapped_engine_is_the_engine_itself_in_all_that_events_say() -> None:
    inner = NoopEngine()
    trapped: Engine = TrappedEngine(inner, Traps())
    assert (trapped.name, trapped.version, trapped.tasks) == (inner.name, inner.version, inner.tasks)
    assert trapped.token_counts(["a"]) == inner.token_counts(["a"])
    assert trapped.score(["a", "b"])["topic"].shape == (2, 20)
