"""Records, engines and sinks for the worker's unit tests."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from models.engine import Probabilities
from models.fakes import ScriptedEngine
from runtime.errors import EngineError
from streams.classify.delivery import Delivered
from streams.classify.metrics import Metrics
from streams.classify.outputs import Writer
from streams.classify.pipeline import Pipeline
from streams.classify.records import Output, Record
from streams.classify.scoring import Scorer
from streams.classify.slot import Slot
from streams.classify.speed import Speed
from wire import codec
from wire.events import Article

WHEN = datetime(2024, 1, 1, tzinfo=UTC)

MakeRecord = Callable[..., Record]


@pytest.fixture
def record() -> MakeRecord:
    def make(offset: int = 0, text: str = "ACME rises", *, partition: int = 0, **changed: Any) -> Record:
        value = codec.encode(Article(event_id=f"e{partition}-{offset}", text=text, published_at=WHEN, source="test"))
        fields: dict[str, Any] = {
            "partition": partition, "offset": offset, "key": b"k", "value": value, "headers": (), "time_s": 1.0,
        }  # fmt: skip
        return Record(**(fields | changed))

    return make


class ScriptedHost(ScriptedEngine):
    """The scripted engine behind the host's interface, in this process: `[[crash]]` raises instead of ending us."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.calls: list[list[str]] = []
        self.restarts = 0
        self.refuse_restarts = 0
        self.fails_after: int | None = None
        """Calls until each further one fails although the process lives, as a GPU after a device-side assert."""
        self.is_beyond_repair = False
        self.is_alive = True

    def score(self, texts: Sequence[str], deadline_s: float | None = None) -> dict[str, Probabilities]:  # noqa: ARG002
        self.calls.append(list(texts))
        if self.fails_after is not None:
            self.fails_after -= 1
            if self.fails_after < 0:
                raise EngineError("scripted device-side assert")
        for marker in ("crash", "timeout"):
            if any(f"[[{marker}]]" in text for text in texts):
                self.is_alive = False
                error = EngineError(f"scripted {marker}")
                error.reason = marker
                raise error
        return super().score(texts)

    def restart(self) -> None:
        self.restarts += 1
        if self.refuse_restarts:
            self.refuse_restarts -= 1
            raise EngineError("the scripted engine does not come back")
        self.is_alive = True
        if not self.is_beyond_repair:
            self.fails_after = None


class ListSink:
    """Keeps what it is given; holds it back while `gate` is closed."""

    def __init__(self) -> None:
        self.sent: list[Output] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def send(self, outputs: Sequence[Output]) -> list[Delivered]:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.sent.extend(outputs)
        return [(outputs, 3.0)]


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


class Rig:
    """A pipeline with everything around it replaced."""

    def __init__(self, executor: Executor, max_records: int = 4) -> None:
        ticks = itertools.count()  # an engine of 1 ms a call, however busy this machine is
        self.host = ScriptedHost()
        self.sink = ListSink()
        self.metrics = Metrics()
        self.acknowledged: list[Record] = []
        self.passed: list[str] = []
        self.scorer = Scorer(
            self.host,
            worker="host:1:0",
            executor=executor,
            metrics=self.metrics,
            speed=Speed(),
            link=lambda article, _: tuple((name, "producer") for name in article.entities),
            sleep=no_sleep,
            monotonic=lambda: next(ticks) / 1000,
        )
        self.slot = Slot(self.scorer, self.metrics)
        self.pipeline = Pipeline(
            slot=self.slot,
            writer=Writer(),
            sink=self.sink,
            acknowledge=self.acknowledged.extend,
            metrics=self.metrics,
            max_records=max_records,
            now=lambda: WHEN,
            passed=self.passed.append,
        )


@pytest.fixture
async def rig(executor: Executor) -> Any:
    made = Rig(executor)
    made.pipeline.start()
    yield made
    await made.pipeline.stop()
    if made.pipeline.failure.done():
        made.pipeline.failure.exception()
