"""The scores of a loop on its fixed tests: champion, promoted version, and a model that learnt all labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bellwether.loop.cast import Stage
from bellwether.loop.figures import Scores
from bellwether.loop.material import TASK
from models import registry
from models.engine import Engine, Probabilities, Task
from models.text import clean
from trainer.evaluate import probabilities_of, report, trained_probabilities

if TYPE_CHECKING:
    from bellwether.loop.run import Order
    from bellwether.loop.screen import Screen

Test = Sequence[tuple[str, str]]
"""Texts and labels."""


def scores(order: Order, stage: Stage, champion: str, promoted: str | None, screen: Screen) -> Scores:
    """Grade all; the ceiling is trained here, by the loop's recipe, on the old domain and all labels of the new one.

    Args:
        order: the loop's.
        stage: where its versions are.
        champion: version at the beginning.
        promoted: version at the end; None where nobody was promoted.
        screen: told of the training.
    """
    material = order.material
    first = _opened(stage, champion)
    before, drifted = graded(first, material.old_test), graded(first, material.new_test)
    first.close()
    after, old_after = drifted, before
    if promoted is not None:
        second = _opened(stage, promoted)
        after, old_after = graded(second, material.new_test), graded(second, material.old_test)
        second.close()
    return Scores(before, drifted, after, _ceiling(order, stage.folder, screen), old_after)


def graded(engine: Engine, test: Test) -> float:
    """Macro-F1 of an engine."""
    return _score(engine.tasks[TASK], probabilities_of(engine, _texts(test), TASK), test)


def _opened(stage: Stage, version: str) -> Engine:
    return registry.open_engine(version, registry=stage.registry, trust=stage.trust)


def _ceiling(order: Order, folder: Path, screen: Screen) -> float:
    from models import encoders
    from models.classifier import load_trained
    from trainer import job
    from trainer.run import Run

    labels = folder / "all-labels.jsonl"
    rows = ({"text": story.text, "label": story.label} for story in order.material.after)
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = folder / "ceiling"
    out.mkdir()
    run = Run(checkpoint=out / job.CHECKPOINT_FILE, report=lambda at: screen.step("ceiling", at.step, at.steps))
    facts = job.train(
        job.Order(
            recipe=order.recipe, data=[order.material.base, labels], out=out, run=run, cache=order.cache,
            has_baselines=False,
        )
    )  # fmt: skip
    trained = load_trained(out, encoders.resolve(facts["encoder"]["name"], order.cache))
    test = order.material.new_test
    return _score(trained.tasks[TASK], trained_probabilities(trained, _texts(test), TASK), test)


def _texts(test: Test) -> list[str]:
    return [clean(text) for text, _ in test]


def _score(task: Task, probabilities: Probabilities, test: Test) -> float:
    return report(task, probabilities, [label for _, label in test]).macro_f1
