"""The folder that training leaves: adapter, heads, calibration, recipe, record, card, and texts to build it with."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import calibration, scores
from models.classifier import (
    ADAPTER_CONFIG_FILE,
    ADAPTER_FILE,
    CALIBRATION_FILE,
    ENCODER_FILE,
    HEADLINES_FILE,
    HEADS_FILE,
    TRAINING_FILE,
    Trained,
    head_names,
    load_trained,
)
from models.engine import Task
from models.engines.quantise import CALIBRATION_TEXTS
from models.manifest import TaskCalibration
from models.text import CLEANING, clean
from runtime.errors import InputError
from trainer import kinds
from trainer.dataset import Example, Row
from trainer.evaluate import task_logits

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "numpy")
"""Whose versions may change what the same recipe gives."""


def save_weights(model: PreTrainedModel, out: Path, encoder: str) -> None:
    """Write what was trained, with nothing of this machine in it.

    Heads in fp32, and adapters in fp16 or, where there is none, the encoder's changed weights in fp32.
    Rounding comes before evaluation and calibration, so that those are of what ships.

    Args:
        model: adapters not merged.
        out: folder of the result; what an earlier training of another kind left there goes.
        encoder: name that stands for the base model in the adapter's config.
    """
    import safetensors.torch

    out.mkdir(parents=True, exist_ok=True)
    for name in (ADAPTER_FILE, ADAPTER_CONFIG_FILE, ENCODER_FILE):
        (out / name).unlink(missing_ok=True)
    wide = kinds.inner(model)
    heads = set(head_names(wide))
    state = {name: value.float().cpu().contiguous() for name, value in wide.state_dict().items()}
    safetensors.torch.save_file({name: state[name] for name in sorted(heads)}, out / HEADS_FILE)
    if kinds.has_adapters(model):
        _save_adapter(model, out, encoder)
        return
    changed = [name for name, parameter in wide.named_parameters() if parameter.requires_grad and name not in heads]
    safetensors.torch.save_file({name: state[name] for name in changed}, out / ENCODER_FILE)


def _save_adapter(model: Any, out: Path, encoder: str) -> None:
    import peft
    import safetensors.torch

    found = peft.get_peft_model_state_dict(model)
    adapters = {name: value.half().cpu().contiguous() for name, value in found.items()}
    safetensors.torch.save_file(adapters, out / ADAPTER_FILE)
    config: Any = model.peft_config["default"]
    config.inference_mode = True
    config.save_pretrained(str(out))
    file = out / ADAPTER_CONFIG_FILE
    facts = json.loads(file.read_text(encoding="utf-8"))
    facts["base_model_name_or_path"] = encoder
    for name in ("target_modules", "feedforward_modules"):
        if isinstance(facts.get(name), list):
            facts[name] = sorted(facts[name])
    write_json(file, facts)


def calibrate(
    out: Path,
    encoder: Path,
    tasks: Mapping[str, Sequence[str]],
    valid: Sequence[Row],
    length: int,
    *,
    inherited: Mapping[str, TaskCalibration] | None = None,
) -> Trained:
    """Fit temperature and abstention threshold of each task on the validation part, write them, load the result.

    Args:
        out: of the training; weights and heads lie there.
        encoder: what it began with.
        tasks: label names per task.
        valid: the validation part; a task without rows in it keeps what is inherited.
        length: tokens after which a text is cut.
        inherited: the parent's calibration per task.

    Returns:
        what `load_trained` gives for the finished folder.
    """
    before = {task: TaskCalibration(1.0, 0.0) for task in tasks} | dict(inherited or {})
    plain = {
        task: {
            "labels": list(labels),
            "temperature": before[task].temperature,
            "abstain_below": before[task].abstain_below,
        }
        for task, labels in tasks.items()
    }
    facts: dict[str, Any] = {"cleaning": CLEANING, "max_length": length, "tasks": plain}
    write_json(out / CALIBRATION_FILE, facts)
    trained = load_trained(out, encoder)
    for task in tasks:
        facts["tasks"][task] |= _fitted(trained, trained.tasks[task], [row for row in valid if row.task == task])
    write_json(out / CALIBRATION_FILE, facts)
    loaded = {name: Task(name, tuple(task["labels"]), task["abstain_below"]) for name, task in facts["tasks"].items()}
    temperatures = {name: task["temperature"] for name, task in facts["tasks"].items()}
    return trained._replace(tasks=loaded, temperatures=temperatures)


def _fitted(trained: Trained, task: Task, rows: Sequence[Row]) -> dict[str, Any]:
    import numpy as np

    if not rows:
        return {}
    logits = task_logits(trained, [row.text for row in rows], task.name)
    truth = np.array([task.labels.index(row.label) for row in rows])
    temperature = calibration.fit_temperature(logits, truth)
    after = calibration.softmax(logits, temperature)
    return {
        "temperature": temperature,
        "abstain_below": calibration.abstain_threshold(after, truth),
        "valid_n": len(rows),
        "valid_ece_before": scores.expected_calibration_error(calibration.softmax(logits), truth),
        "valid_ece_after": scores.expected_calibration_error(after, truth),
    }


def headlines(given: Path | None, examples: Sequence[Example], seed: int) -> list[str]:
    """Texts of the language and kind that the model is for: int8 ranges and canaries of its versions come from them.

    Args:
        given: a file of them, one a line; without one, training texts are drawn, by seed and text alone.
        examples: what was trained on.
        seed: of the training.

    Returns:
        cleaned texts, at most `CALIBRATION_TEXTS` where drawn.

    Raises:
        InputError: the file cannot be read or holds no text.
    """
    if given is None:
        by_chance = sorted(examples, key=lambda e: hashlib.sha256(f"{seed}:headlines:{e.key}".encode()).digest())
        return [example.text for example in by_chance[:CALIBRATION_TEXTS]]
    try:
        found = [text for line in given.read_text(encoding="utf-8").splitlines() if (text := clean(line))]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--headlines {given} cannot be read: {error}; give a UTF-8 file with a text a line"
        ) from error
    if not found:
        raise InputError(f"--headlines {given} holds no text; write some of the kind that will be scored, one a line")
    return found


def write_headlines(out: Path, texts: Sequence[str]) -> None:
    """Write the texts that versions are built with, one a line."""
    (out / HEADLINES_FILE).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide a training's numbers."""
    return {package: version(package) for package in PACKAGES}


def write_training(out: Path, facts: Mapping[str, Any]) -> None:
    """Write the record of the training."""
    write_json(out / TRAINING_FILE, facts)


def write_json(file: Path, facts: Mapping[str, Any]) -> None:
    """JSON for people and diffs: indented, floats to 6 digits, not-a-number as null."""
    file.write_text(json.dumps(_tidy(facts), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tidy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value
