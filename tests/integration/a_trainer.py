"""A trainer as a process, real but for what a run does: `python a_trainer.py ORDER`, ended by SIGTERM or worse.

A phase waits while a file `hold-<phase>` lies in the folder of holds, so that a kill meets it there.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from threading import Event

from models.store import TakenError, open_store
from runtime import log
from runtime.crashpoints import crash_points
from trainer.labels.effective import effective
from trainer.labels.unpark import Search
from trainer.service.folder import Order, RunFolder
from trainer.service.lease import Lease
from trainer.service.metrics import Metrics, served
from trainer.service.parts import Glance, Parts, Sorted, Tell, Trigger, Work
from trainer.service.records import Judgement, Plan
from trainer.service.rules import Recipe, Rules
from trainer.service.service import Service
from trainer.service.unparking import Unparking

STEP_S = 0.02


def hold(holds: Path, phase: str) -> None:
    while (holds / f"hold-{phase}").exists():
        time.sleep(STEP_S)


def train(holds: Path, order: Order, folder: RunFolder, tell: Tell) -> None:
    tell(f"{len(folder.kept.read_bytes().splitlines())} texts")
    (holds / f"pid-{os.getpid()}").touch()
    hold(holds, "training")
    folder.trained.mkdir(exist_ok=True)
    with (holds / "trained").open("a") as file:
        file.write(f"{order.number}\n")


def build(holds: Path, order: Order, _: RunFolder, __: Tell) -> str:
    hold(holds, "building")
    version = f"v-{order.data[:10]}"
    (holds / version).touch()
    return version


def judge(holds: Path, _: Order, __: RunFolder, ___: str, ____: Tell) -> Judgement:
    hold(holds, "judging")
    return Judgement(verdict=(holds / "verdict").read_text(), reasons=("as the test wants",))


def decide(glance: Glance) -> Trigger | None:
    return Trigger(f"{glance.labels} labels") if glance.labels >= 3 else None


def publish(url: str, version: str) -> None:
    try:
        open_store(url).create(f"published/{version}/{os.getpid()}", b"")
        open_store(url).create(f"published/{version}/once", b"")
    except TakenError:
        open_store(url).create(f"published/{version}/twice", b"")


def main(order: dict[str, str]) -> None:
    holds, state, url = Path(order["holds"]), Path(order["state"]), order["store"]
    store = open_store(url)
    parts = Parts(
        decide=decide,
        sort=lambda given: Sorted(effective(given, {})),
        work=Work(partial(train, holds), partial(build, holds), partial(judge, holds)),
        has=lambda version: (holds / version).exists(),
        publish=partial(publish, url),
        is_published=lambda version: store.read(f"published/{version}/once") is not None,
    )
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    log.configure()
    logging.getLogger("kafka").setLevel(logging.ERROR)
    metrics = Metrics()
    who = f"trainer@{state.name}"
    with (
        Lease(order["bootstrap"], order["group"], who, session_s=float(order["session_s"])) as lease,
        served(metrics, "127.0.0.1", 0, state / "port"),
    ):
        Service(
            bootstrap=order["bootstrap"], lease=lease, state=state, labels=state / "labels.sqlite", store=store,
            parts=parts, rules=Rules(Recipe("recipe"), Plan(shadow_s=0)), who=who, metrics=metrics,
            unparking=Unparking(Search(order["bootstrap"]), lambda _: None),
            passed=crash_points(order.get("crash_at")),
        ).run(stopped.is_set)  # fmt: skip


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
