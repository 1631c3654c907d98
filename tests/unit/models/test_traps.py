from pathlib import Path

import pytest

from models.engine import Engine
from models.fakes import NoopEngine
from models.traps import SLOW_S, TrappedEngine, Traps
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


def test_a_trapped_engine_is_the_engine_itself_in_all_that_events_say() -> None:
    inner = NoopEngine()
    trapped: Engine = TrappedEngine(inner, Traps())
    assert (trapped.name, trapped.version, trapped.tasks) == (inner.name, inner.version, inner.tasks)
    assert trapped.token_counts(["a"]) == inner.token_counts(["a"])
    assert trapped.score(["a", "b"])["topic"].shape == (2, 20)
