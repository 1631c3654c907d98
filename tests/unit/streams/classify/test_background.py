import threading

import pytest

from streams.classify.background import in_background, within


async def test_work_returns_or_raises_what_it_returns_or_raises() -> None:
    assert await in_background(lambda: 7, "seven") == 7
    with pytest.raises(KeyError, match="none"):
        await in_background(lambda: {}["none"], "none")


def test_a_caller_waits_no_longer_than_it_said() -> None:
    go = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, go.wait, "stuck")
    go.set()


async def test_no_thread_to_be_had_is_the_systems_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(OSError, match="no thread for engine-load: can't start new thread"):
        await in_background(lambda: 7, "engine-load")
