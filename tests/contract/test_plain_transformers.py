"""Shipped versions and their exports in an environment that holds transformers and nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models import export, keys, registry
from models.calibration import softmax
from models.checks import TEXTS
from runtime import settings

ABSENT = ("bellwether", "streams", "trainer", "models", "wire", "runtime", "peft", "openvino", "nncf", "faust")

SAME_PROBABILITY = 1e-4
"""Both compute in float32, but pad texts to other lengths, which sums in another order: 1e-6 was seen."""

CLASSIFY = """
import importlib.util, json, sys
from transformers import pipeline
folders, texts, max_length, absent = json.loads(sys.argv[1])
found = [[name for name in absent if importlib.util.find_spec(name)]]
for folder in folders:
    classify = pipeline("text-classification", model=folder, device="cpu")
    answers = classify(texts, top_k=None, function_to_apply="none", truncation=True, max_length=max_length)
    found.append([{one["label"]: one["score"] for one in answer} for answer in answers])
print(json.dumps(found))
"""


@pytest.fixture(scope="session")
def plain_python() -> Path:
    """The interpreter of the environment that `make install` made for this."""
    python = Path(sys.prefix, "plain", "bin", "python")
    if not python.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"under CI every test must run, and {python} is absent: `make install`", pytrace=False)
        pytest.skip(f"NOT TESTED with plain transformers: {python} is absent; `make install` brings it")
    return python


@pytest.fixture(params=["accurate", "fast"])
def shipped(request: pytest.FixtureRequest) -> Path:
    """The folder of a shipped version."""
    known = registry.aliases(settings.load().registry_folder)
    if request.param not in known:
        if os.environ.get("CI") == "true":
            pytest.fail(f"under CI every test must run, and {request.param} is not built: `make install`")
        pytest.skip(f"NOT TESTED: the version {request.param} is not built; `make install` does it")
    return registry.resolve(request.param, settings.load().registry_folder)


def classified(python: Path, folders: list[Path], max_tokens: int, empty: Path) -> list[list[dict[str, float]]]:
    """Logit per label, text and folder, as the plain environment's pipeline gives them from an empty folder."""
    empty.mkdir()
    order = json.dumps([[str(folder) for folder in folders], list(TEXTS), max_tokens, ABSENT])
    said = subprocess.run(
        [python, "-I", "-c", CLASSIFY, order], capture_output=True, text=True, check=False, cwd=empty, timeout=250,
        env={"HF_HUB_OFFLINE": "1", "HOME": str(empty), "PATH": os.defpath},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    importable, *answers = json.loads(said.stdout.splitlines()[-1])
    assert importable == []
    return answers


@pytest.mark.model
def test_root_and_exported_topic_classify_in_transformers_alone_as_our_full_precision_does(
    shipped: Path, plain_python: Path, tmp_path: Path
) -> None:
    trust = settings.load().keys_folder / keys.TRUST_FILE
    engine = registry.open_engine(str(shipped), registry=shipped.parent, trust=trust, engine="torch-fp32", threads=2)
    ours = engine.score(TEXTS)
    engine.close()
    export.export(shipped, "topic", tmp_path / "topic", trust)
    manifest = registry.verified(shipped, trust)
    theirs = classified(plain_python, [shipped, tmp_path / "topic"], manifest.max_tokens, tmp_path / "empty")
    for task, answers in zip(("sentiment", "topic"), theirs, strict=True):
        labels = manifest.tasks[task].labels
        assert all(set(answer) == set(labels) for answer in answers)
        wide = np.array([[answer[label] for label in labels] for answer in answers], dtype=np.float32)
        scores = softmax(wide, manifest.calibrations_of("torch-fp32")[task].temperature)
        assert scores.argmax(axis=1).tolist() == ours[task].argmax(axis=1).tolist()
        np.testing.assert_allclose(scores, ours[task], atol=SAME_PROBABILITY)
