"""The labels stand in one place, in the order of the shipped models."""

import json
from pathlib import Path

import pytest

from models import fakes
from models.labels import SENTIMENT_LABELS, TOPIC_LABELS
from trainer.dataset import KNOWN_TASKS

SHIPPED = Path(__file__).parents[3] / "models" / "shipped"


@pytest.mark.parametrize("name", ["accurate", "fast"])
def test_trainer_fakes_and_shipped_models_have_the_same_labels_in_the_same_order(name: str) -> None:
    tasks = json.loads((SHIPPED / name / "calibration.json").read_text())["tasks"]
    shipped = {task: tuple(facts["labels"]) for task, facts in tasks.items()}
    assert shipped == {"sentiment": SENTIMENT_LABELS, "topic": TOPIC_LABELS}
    assert shipped == KNOWN_TASKS
    assert {task.name: task.labels for task in fakes.TASKS.values()} == shipped
