"""A trainer's term without Kafka and without processes: what is left is the order of its deeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from models import pointer as pointers
from models.pointer import Pointer
from models.store import Store, StoreError, open_store
from runtime.crashpoints import Pass, unharmed
from trainer.labels.effective import effective
from trainer.labels.store import Entry, LabelStore
from trainer.service.folder import Order, RunFolder
from trainer.service.leading import Leading
from trainer.service.parts import Glance, Parts, Sorted, Tell, Trigger, Work
from trainer.service.records import Forecast, Judgement, Plan
from trainer.service.registry import Registry
from trainer.service.rules import Recipe, Rules
from trainer.service.tail import Answer
from trainer.service.work import Said, work_through
from wire import labels
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
FIRST, NEXT = "v-0000000001", "v-00000000{number:02d}"
BUILT = "v-0000000011"
"""The first run's version."""


def label(number: int, says: str = "negative", **changes: object) -> LabelSubmitted:
    fields = {
        "event_id": f"e-{number}",
        "task": "sentiment",
        "text": f"Ostra cuts {number}",
        "labelled_at": WHEN,
        "labeller": "ana",
    }
    return LabelSubmitted(label=says, **fields | changes)  # type: ignore[arg-type]


class Inline:
    """A run's process that is over when it has started; where a phase kills the service, it dies with it."""

    def __init__(self, passed: Pass, work: Work, order: Order, folder: RunFolder) -> None:
        self._passed = passed
        self.code: int | None = 0
        try:
            work_through(work, order, folder, self._say)
        except (RuntimeError, StoreError) as error:
            self.code = 1
            folder.write_found(replace(folder.found(), error=str(error), will_pass=isinstance(error, StoreError)))

    def _say(self, said: Said) -> None:
        if said.phase is not None:
            self._passed(said.phase)

    def said(self) -> Iterator[Said]:
        yield from ()

    def kill(self) -> None:
        pass


@dataclass
class World:
    """One registry and one machine's folder; the terms on it come and go."""

    folder: Path
    verdict: str = "better"
    deeds: list[str] = field(default_factory=list)
    leads: bool = True
    now: datetime = WHEN
    plan: Plan = field(default_factory=lambda: Plan(shadow_s=0))
    forecast: dict[str, Forecast] = field(default_factory=dict)
    offset: int = 0
    fails: bool = False
    is_away: bool = False
    least_aside: int = 0
    recipe: str = "recipe"
    given: str = ""
    distrusted: str = "nobody"
    refused: str = "nobody"
    told: list[tuple[object, ...]] = field(default_factory=list)
    followed: list[str | None] = field(default_factory=list)
    answered: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store: Store = open_store(str(self.folder / "store"), make=True)
        self.published: set[str] = set()
        self.built: set[str] = set()
        then = pointers.promoted(Pointer(), FIRST)
        pointers.append(self.store, "promote", Pointer(), then, who="a person", at=WHEN, why="the first")

    def clock(self) -> datetime:
        return self.now

    def term(self, passed: Pass = unharmed, state: str = "trainer") -> Leading:
        parts = Parts(
            decide=self._decide,
            sort=self._sort,
            believed=lambda given: [one for one in given if one.labeller != self.distrusted],
            work=Work(train=self._train, build=self._build, judge=self._judge),
            follow=self.followed.append,
            answered=self.answered.append,
            begun=lambda: self.told.append(("begun",)),
            labelled=lambda one, at: self.told.append((one.event_id, at)),
            forgotten=lambda event_id: self.told.append(("forgotten", event_id)),
            has=lambda version: version in self.built,
            publish=self._publish,
            is_published=lambda version: version in self.published,
        )
        store = LabelStore(self.folder / state / "labels.sqlite")
        registry = Registry(self.store, "trainer@here", parts.announce, self.clock)
        rules = Rules(Recipe(self.recipe, given=self.given), self.plan)
        return Leading(
            self.folder / state, store, registry, parts, rules, lambda: self.leads, "trainer@here", passed,
            self.clock, partial(Inline, passed),
        )  # fmt: skip

    def submit(self, term: Leading, *given: LabelSubmitted) -> None:
        entries = [Entry(self.offset + number, labels.key(one), one) for number, one in enumerate(given)]
        self.offset += len(given)
        term.take(entries)

    def turn(self, term: Leading, times: int = 12, seconds: float = 10.0) -> None:
        for _ in range(times):
            term.turn()
            self.now += timedelta(seconds=seconds)

    def moves(self) -> list[tuple[str, str | None]]:
        return [(move.action, move.after) for move in pointers.moves(self.store)[1:]]

    def did(self, deed: str) -> int:
        return sum(one.startswith(deed) for one in self.deeds)

    def _decide(self, glance: Glance) -> Trigger | None:
        return Trigger(f"{glance.labels} labels", least_aside=self.least_aside) if glance.labels >= 3 else None

    def _sort(self, given: Iterable[LabelSubmitted]) -> Sorted:
        self.deeds.append("sort")
        return Sorted(effective((one for one in given if one.labeller != self.refused), {}))

    def _train(self, order: Order, folder: RunFolder, _: Tell) -> None:
        self.deeds.append(f"train {order.number}: {len(folder.kept.read_bytes().splitlines())}")
        if self.fails:
            raise RuntimeError("no memory")
        if self.is_away:
            raise StoreError("the store does not answer")

    def _build(self, order: Order, _: RunFolder, __: Tell) -> str:
        version = NEXT.format(number=order.number + 10)
        self.deeds.append(f"build {version}")
        self.built.add(version)
        return version

    def _judge(self, _: Order, __: RunFolder, version: str, ___: Tell) -> Judgement:
        self.deeds.append(f"judge {version}")
        return Judgement(verdict=self.verdict, reasons=("as the test wants",), foreseen=self.forecast)

    def _publish(self, version: str) -> None:
        self.deeds.append(f"publish {version}")
        self.published.add(version)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
