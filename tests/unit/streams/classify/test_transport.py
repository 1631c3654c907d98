import asyncio
from typing import Any

from mode import Service

from streams.classify.transport import EagerFirst


class Probe(EagerFirst, Service):
    pass


async def test_a_coroutine_that_does_not_pause_runs_without_a_task() -> None:
    seen: list[Any] = []

    async def deliver() -> str:
        seen.append(asyncio.current_task())
        return "done"

    results = await Probe().wait_first(deliver(), asyncio.Event().wait())
    assert seen == [asyncio.current_task()]
    assert results.results == ["done"]
    assert not results.stopped


async def test_a_coroutine_that_pauses_goes_on_and_gives_its_result() -> None:
    gate = asyncio.Event()
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    queue.put_nowait(1)

    async def deliver() -> str:
        await asyncio.sleep(0)
        await queue.put(2)
        await gate.wait()
        return "done"

    waiting = asyncio.create_task(Probe().wait_first(deliver(), asyncio.Event().wait()))
    await asyncio.sleep(0)
    assert await queue.get() == 1
    assert await queue.get() == 2
    gate.set()
    assert (await waiting).results == ["done"]


async def test_the_second_wait_ends_the_first_which_can_clean_up() -> None:
    suspend, cleaned = asyncio.Event(), asyncio.Event()

    async def deliver() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    waiting = asyncio.create_task(Probe().wait_first(deliver(), suspend.wait()))
    await asyncio.sleep(0.01)
    suspend.set()
    assert (await waiting).results == [True]
    await asyncio.wait_for(cleaned.wait(), 5)


async def test_an_error_comes_through_before_and_after_a_pause() -> None:
    async def at_once() -> None:
        raise LookupError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise LookupError("later")

    for failing, sentence in ((at_once, "at once"), (later, "later")):
        try:
            await Probe().wait_first(failing(), asyncio.Event().wait())
        except LookupError as error:
            assert str(error) == sentence  # noqa: PT017
        else:
            raise AssertionError("no error came through")
