"""The whole loop, with a short stream and a cheap ceiling: a real Kafka, worker, trainer, gate and swap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from bellwether.broker.cluster import Cluster
from bellwether.loop import champion, material, picture, run
from bellwether.loop.material import Sizes
from bellwether.loop.screen import Screen
from models import registry
from runtime import settings
from runtime.errors import VersionNotFoundError

WAIT_S = 600
"""About a minute and a half on two quiet cores."""

RECIPE = """name = "small"
encoder = "minilm-en"
epochs = 1
learning_rate = 1e-3
hidden_dropout = 0.1
[lora]
rank = 16
alpha = 32
"""


@pytest.mark.timeout(WAIT_S + 60)
def test_a_drift_is_learnt_judged_and_served(kafka: Cluster, tmp_path: Path) -> None:
    where = settings.load()
    try:
        registry.resolve("fast", where.registry_folder)
    except VersionNotFoundError as error:
        said = f"NOT TESTED: {error}"
        pytest.fail(said, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(said)
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    shown = material.generated(tmp_path, 11, Sizes(before=300, after=1_700, test=300))
    order = run.Order(
        material=shown, champion=champion.of_machine(where, "fast"), recipe=str(recipe), rate=80.0,
        labels_per_s=80.0, longest_s=WAIT_S, shadow_s=1.0, cache=where.cache,
    )  # fmt: skip
    with (tmp_path / "screen.txt").open("w") as said:
        found = run.run(order, Screen(Console(file=said)))
    figures = found.figures
    assert found.record is not None
    assert figures.verdict == "better", found.record.judgement.reasons
    assert found.promoted is not None
    assert "new labels" in found.record.why
    assert "superior" in found.record.judgement.reasons[0]
    assert figures.labels_used >= 1_000
    assert figures.score_drifted < 0.6 < figures.score_after
    assert figures.score_without_retraining == figures.score_drifted
    assert figures.recovered > 0.5
    assert figures.forgot_points < 3
    assert figures.label_to_serving_seconds is not None
    assert figures.label_to_serving_seconds > 0
    assert figures.drift_to_recovery_seconds is not None
    drawn = picture.save(found.points, found.moments, found.scores, "the running score", tmp_path / "plots")
    assert drawn.stat().st_size > 10_000
    assert set(found.moments) >= {"drift", "first label", "training", "gate", "new version serves"}
