"""The whole loop: a stream that drifts, labels, a trigger, a training, the gate, a swap; and the score of it all."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bellwether import topics
from bellwether.broker import cluster
from bellwether.demo.children import Child, wait_for_port
from bellwether.loop import cast, figures, grading
from bellwether.loop.cast import Stage
from bellwether.loop.champion import Made
from bellwether.loop.feed import Feed, stream
from bellwether.loop.figures import Figures, Point, Scores, Seen
from bellwether.loop.material import Material
from bellwether.loop.people import People
from bellwether.loop.screen import Screen
from bellwether.loop.trainer_log import TrainerLog
from bellwether.loop.watch import TOPICS, Watch
from models.pointer import Move, head, moves
from runtime import clock
from runtime.errors import DependencyError
from runtime.topic_reader import open_reader
from trainer.service import records
from trainer.service.promotion import next_step
from trainer.service.records import RunRecord

READY_S = 180.0
"""A first start loads, verifies and warms a model up; on a busy machine that takes a minute."""

LABELS_MOST = 1.5
"""Times the labels that begin a run: then people have said enough, and no second run begins."""

SETTLE_EVENTS = 2 * figures.WINDOW
"""Events that are watched after the swap: the running score then rests on the new version alone."""


@dataclass(frozen=True)
class Order:
    """What to run.

    Attributes:
        champion: brings the version that serves at first.
        recipe: of the ceiling.
        update: of the trainer.
        shadow_s: how long what passed the gate scores beside the champion.
        rate: events a second.
        labels: how many are waited for before a run begins.
        labels_per_s: how fast people label.
        longest_s: after which the loop ends whatever it has come to.
    """

    material: Material
    champion: Made
    recipe: str
    update: str = "update"
    shadow_s: float = 5.0
    rate: float = 40.0
    labels: int = 1_000
    labels_per_s: float = 25.0
    longest_s: float = 600.0
    cache: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        figures: for scripts.
        record: of the last run; None where none was begun.
        promoted: version that serves at the end; None where nobody was promoted.
        points: the running score.
        moments: what happened, and the broker's time of it.
        scores: on the fixed tests.
    """

    figures: Figures
    record: RunRecord | None
    promoted: str | None
    points: list[Point]
    moments: dict[str, int]
    scores: Scores


def run(order: Order, screen: Screen) -> Outcome:
    """Run the loop; everything that was started has ended when this returns or raises.

    Raises:
        BellwetherError: something that it needs is missing or fails.
    """
    with ExitStack() as stack:
        stack.enter_context(screen)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellwether-loop-")))
        stage = Stage(folder)
        screen.say(f"{order.material.name}")
        champion, trust = order.champion(screen)
        stage.set(champion, trust)
        bootstrap = stack.enter_context(cluster.temporary(announce=screen.say)).bootstrap
        topics.create(bootstrap)
        lived = _Session(order, stage, bootstrap, screen).live()
        screen.say("scoring the fixed tests, and training on all labels for the ceiling")
        return _outcome(order, stage, champion.name, lived, screen)


@dataclass
class _Lived:
    watch: Watch
    record: RunRecord | None
    promoted: str | None
    began_ms: int | None = None
    judged_ms: int | None = None


@dataclass
class _Session:
    order: Order
    stage: Stage
    bootstrap: str
    screen: Screen

    def live(self) -> _Lived:
        order, material = self.order, self.order.material
        calm = {story.event_id: story for story in material.before}
        drifted = {story.event_id: story for story in material.after}
        with ExitStack() as stack:
            reader = stack.enter_context(open_reader(self.bootstrap, TOPICS))
            reader.begin(reader.starts())
            watch = Watch(reader, drifted, calm)
            self.screen.say(f"Kafka answers at {self.bootstrap}; starting the worker, which loads its model")
            worker = cast.worker(self.stage, self.bootstrap, stack)
            wait_for_port(worker, self.stage.folder / "worker.port", READY_S)
            options = ["--recipe", order.update, "--base", str(material.base), "--golden", str(material.golden)]
            options += ["--labels", str(order.labels), "--shadow-s", f"{order.shadow_s:g}"]
            options += ["--threads", str(cast.spare_threads())]
            trainer = cast.trainer(self.stage, self.bootstrap, options, stack)
            log = TrainerLog(trainer.log)
            people = stack.enter_context(People(self.bootstrap, order.labels_per_s))
            feed = stack.enter_context(Feed(self.bootstrap, stream(material.before, material.after), order.rate))
            begun = clock.monotonic()
            while clock.monotonic() - begun < order.longest_s:
                watch.look()
                if len(watch.labels_ms) < LABELS_MOST * order.labels:
                    people.work(watch.next_label)
                self.screen.show(watch, log.read(), order.labels)
                if self._is_over(watch, feed, (worker, trainer)):
                    break
            return self._lived(watch, log)

    def _is_over(self, watch: Watch, feed: Feed, children: Sequence[Child]) -> bool:
        for child in children:
            if child.exit_code() is not None:
                raise DependencyError(f"the {child.name} ended with exit code {child.exit_code()}\n{child.tail()}")
        if feed.error is not None:
            raise feed.error
        return has_settled(self._record(), moves(self.stage.store), watch.seen, clock.now())

    def _record(self) -> RunRecord | None:
        return records.last(self.stage.store)

    def _lived(self, watch: Watch, log: TrainerLog) -> _Lived:
        record = self._record()
        champion = head(self.stage.store).champion
        promoted = champion if record is not None and champion == record.version else None
        return _Lived(watch, record, promoted, log.times.get("training"), log.times.get("judging"))


def has_settled(record: RunRecord | None, log: Sequence[Move], seen: Sequence[Seen], now: datetime) -> bool:
    """Whether a loop has shown what it can: its version serves and was watched for a while, or never will serve.

    Args:
        record: of the run; None before it is judged.
        log: the pointer's moves, oldest first.
        seen: scored events, as they were read.
        now: the wall clock.
    """
    if record is None:
        return False
    if next_step(record, log, now).action != "over":
        return False
    if log[-1].pointer.champion != record.version:  # the gate refused it, the shadow dropped it, the field took it back
        return True
    return sum(one.version == record.version for one in seen[-2 * SETTLE_EVENTS :]) >= SETTLE_EVENTS


def _outcome(order: Order, stage: Stage, champion: str, lived: _Lived, screen: Screen) -> Outcome:
    watch, promoted = lived.watch, lived.promoted
    found = grading.scores(order, stage, champion, promoted, screen)
    seen = sorted(watch.seen)
    used = 0 if lived.record is None else lived.record.position
    told = Figures(
        labels_used=used,
        drift_to_recovery_seconds=figures.recovery(seen, promoted, found),
        label_to_serving_seconds=figures.serving(seen, promoted, watch.labels_ms, min(order.labels, used)),
        score_before=round(found.before, 4),
        score_drifted=round(found.drifted, 4),
        score_after=round(found.after, 4),
        score_ceiling=round(found.ceiling, 4),
        score_without_retraining=round(found.drifted, 4),
        recovered=round(found.recovered, 4),
        forgot_points=round(found.forgot_points, 2),
        verdict="none" if lived.record is None else lived.record.judgement.verdict,
    )
    moments = {
        "drift": watch.drift_ms,
        "first label": min(watch.labels_ms, default=None),
        f"label {used:,}": sorted(watch.labels_ms)[used - 1] if 0 < used <= len(watch.labels_ms) else None,
        "training": lived.began_ms,
        "gate": lived.judged_ms,
        "new version serves": None if promoted is None else figures.first_served(seen, promoted),
    }
    happened = {name: at for name, at in moments.items() if at is not None}
    return Outcome(told, lived.record, promoted, figures.running(seen), happened, found)
