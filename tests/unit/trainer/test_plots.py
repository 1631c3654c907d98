from pathlib import Path

import numpy as np
import pytest

from models.engine import Task
from runtime.errors import InputError
from trainer.evaluate import report
from trainer.plots import draw


@pytest.mark.parametrize("classes", [3, 20])
def test_three_pictures_are_drawn(classes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    task = Task("topic", tuple(f"label {n}" for n in range(classes)))
    truth = [task.labels[n] for n in rng.integers(0, classes, 60)]
    raw = rng.random((60, classes)).astype(np.float32)
    probabilities = raw / raw.sum(1, keepdims=True)
    files = draw(report(task, probabilities, truth), probabilities, truth, tmp_path / "new")
    assert [file.name for file in files] == ["confusion-topic.png", "roc-topic.png", "reliability-topic.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 5_000 for file in files)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    task = Task("sentiment", ("a", "b"))
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7]], dtype=np.float32)
    with pytest.raises(InputError, match=r"--plots .*file: cannot write confusion-sentiment\.png"):
        draw(report(task, probabilities, ["a", "b"]), probabilities, ["a", "b"], tmp_path / "file")
