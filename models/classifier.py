"""One encoder with the heads of all tasks side by side, as a stock `…ForSequenceClassification`.

The last Linear is wide: its rows are the labels of all tasks, named `task/label` in the config's `id2label`
(`sentiment/negative`, `topic/Dividend`). One forward pass answers every task, any Hugging Face architecture works, and
a task's own stock model is a slice of rows. Nothing here relies on a label's position.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.batching import batches
from models.engine import Task
from runtime.errors import ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

HEADS_FILE = "heads.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
ADAPTER_CONFIG_FILE = "adapter_config.json"
ENCODER_FILE = "encoder.safetensors"
"""The encoder's changed weights, where a training changed these and added no adapter."""

CALIBRATION_FILE = "calibration.json"
TRAINING_FILE = "training.json"
HEADLINES_FILE = "headlines.txt"

BATCH_TOKENS = 4096
"""Padded tokens of one forward pass in `logits`: 16 texts of 256 tokens; more gains nothing on a CPU."""


class Trained(NamedTuple):
    """A training result, ready to score."""

    model: PreTrainedModel
    """Merged (no adapter left), float32, in eval mode, one column per `task/label`."""

    tokenizer: PreTrainedTokenizerBase
    tasks: dict[str, Task]
    temperatures: dict[str, float]
    """A task's logits are divided by it before the softmax (Guo et al. 2017, §4.2)."""

    max_length: int
    """Tokens after which a text is cut, special tokens included."""


def build_wide(encoder: Path, tasks: Mapping[str, Sequence[str]], **config: float) -> PreTrainedModel:
    """A fresh wide classifier on an encoder's weights; new heads are random, so seed torch first.

    Args:
        encoder: a plain Hugging Face folder.
        tasks: label names per task.
        **config: fields of the model's config that differ from the folder's, for example dropouts.

    Raises:
        ModelError: the folder is no encoder that transformers knows.
    """
    from transformers import AutoModelForSequenceClassification

    names = [f"{task}/{label}" for task in tasks for label in tasks[task]]
    try:
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            encoder,
            id2label=dict(enumerate(names)),
            label2id={name: column for column, name in enumerate(names)},
            problem_type="single_label_classification",
            ignore_mismatched_sizes=True,  # a version's folder has a head already, of other labels
            local_files_only=True,
            trust_remote_code=False,
            **config,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{encoder} is no encoder that can be classified with: {error}; see `bellwether encoders list`"
        ) from error
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of an encoder's or version's folder."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_fast=True
    )
    return tokenizer


def columns(config: PreTrainedConfig) -> dict[str, dict[str, int]]:
    """Per task, each label's column of the wide logits."""
    found: dict[str, dict[str, int]] = {}
    for column, name in (config.id2label or {}).items():
        task, slash, label = str(name).partition("/")
        if not slash:
            raise ModelError(f"label {name!r} of the model is no 'task/label'; it is not a wide classifier")
        found.setdefault(task, {})[label] = int(column)
    return found


def logits(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    max_length: int,
    batch_tokens: int = BATCH_TOKENS,
) -> npt.NDArray[np.float32]:
    """Wide logits of cleaned texts, in their order.

    Texts are sorted by length and batched under `batch_tokens` padded tokens, so that little of the work is padding.

    Returns:
        float32 [texts, columns].
    """
    import torch

    result = np.zeros((len(texts), int(model.config.num_labels or 0)), dtype=np.float32)
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"] if texts else []
    with torch.inference_mode():
        for batch in batches([len(ids) for ids in encoded], batch_tokens):
            padded = tokenizer.pad({"input_ids": [encoded[i] for i in batch]}, return_tensors="pt").to(model.device)
            result[batch] = model(**padded).logits.float().cpu().numpy()
    return result


def last_linear(model: PreTrainedModel) -> tuple[str, torch.nn.Linear]:
    """Name and module of the Linear whose rows are the labels.

    Raises:
        ModelError: the architecture ends in something else.
    """
    import torch

    for name, module in reversed(list(model.named_modules())):
        if isinstance(module, torch.nn.Linear) and module.out_features == model.config.num_labels:
            return name, module
    raise ModelError(
        f"{type(model).__name__} does not end in a Linear of {model.config.num_labels} labels; use a BERT-like encoder"
    )


def head_names(model: PreTrainedModel) -> list[str]:
    """Names of the parameters that are trained whole: all outside the encoder, and the encoder's pooler."""
    prefix = model.base_model_prefix + "."
    return [
        name
        for name, _ in model.named_parameters()
        if not name.startswith(prefix) or name.startswith(prefix + "pooler.")
    ]


def slice_task(model: PreTrainedModel, task: str) -> PreTrainedModel:
    """A stock model of one task: the same encoder and only its rows of the last Linear, labels by their plain names.

    Raises:
        ModelError: the model does not answer this task.
    """
    import torch

    known = columns(model.config)
    if task not in known:
        raise ModelError(f"the model has no task {task!r}; it has {', '.join(sorted(known))}")
    rows = torch.tensor(list(known[task].values()))
    sliced = copy.deepcopy(model)
    _, linear = last_linear(sliced)
    with torch.no_grad():
        linear.weight = torch.nn.Parameter(linear.weight[rows].clone())
        if linear.bias is not None:
            linear.bias = torch.nn.Parameter(linear.bias[rows].clone())
    linear.out_features = len(rows)
    labels = list(known[task])
    sliced.config.id2label = dict(enumerate(labels))
    sliced.config.label2id = {label: column for column, label in enumerate(labels)}
    if hasattr(sliced, "num_labels"):
        vars(sliced)["num_labels"] = len(labels)
    return sliced


def result_files(folder: Path) -> list[str]:
    """Names of the files of a training result that decide its versions: what was trained, calibration, own texts."""
    encoder = [ENCODER_FILE] if (folder / ENCODER_FILE).is_file() else [ADAPTER_CONFIG_FILE, ADAPTER_FILE]
    own = [HEADLINES_FILE] if (folder / HEADLINES_FILE).is_file() else []
    return [*encoder, HEADS_FILE, CALIBRATION_FILE, *own]


def load_trained(folder: Path, encoder: Path) -> Trained:
    """Merge a training result (adapter or changed weights, heads, calibration) into its encoder.

    Args:
        folder: what `bellwether train` wrote, or a folder of `models/shipped`.
        encoder: the encoder named in its training.json, as a plain Hugging Face folder; the parent's where it has one.

    Raises:
        ModelError: a file is absent or does not fit the encoder.
    """
    facts = read_json(folder / CALIBRATION_FILE)
    tasks = {name: Task(name, tuple(task["labels"]), task["abstain_below"]) for name, task in facts["tasks"].items()}
    model = build_wide(encoder, {name: task.labels for name, task in tasks.items()}).float()
    try:
        if lost := sorted(set(head_names(model)) - set(_put(model, folder / HEADS_FILE))):
            raise ModelError(f"{folder / HEADS_FILE} does not fit {encoder}: absent {lost}; wrong encoder?")
        merged = _changed(model, folder)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{folder} cannot be merged into {encoder}: {error}; train it again or fetch it whole"
        ) from error
    temperatures = {name: float(task["temperature"]) for name, task in facts["tasks"].items()}
    return Trained(merged.float().eval(), load_tokenizer(encoder), tasks, temperatures, int(facts["max_length"]))


def _changed(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    import peft

    if (folder / ENCODER_FILE).is_file():
        _put(model, folder / ENCODER_FILE)
        return model
    with warnings.catch_warnings():
        # peft takes AdaLoRA's own ranks for patterns of LoRA's, says that it ignores them, and heeds them later.
        warnings.filterwarnings("ignore", "The following rank_pattern keys", RuntimeWarning)
        adapted: Any = peft.PeftModel.from_pretrained(model, str(folder))  # pyright: ignore[reportCallIssue]
    return adapted.merge_and_unload()  # type: ignore[no-any-return]


def _put(model: PreTrainedModel, file: Path) -> list[str]:
    """Give a model the weights of a file; their names."""
    import safetensors.torch

    found = safetensors.torch.load_file(file)
    unknown = model.load_state_dict({name: value.float() for name, value in found.items()}, strict=False)
    if unknown.unexpected_keys:
        raise ModelError(f"{file} does not fit the encoder: unknown {unknown.unexpected_keys}; wrong encoder?")
    return list(found)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a training result.

    Raises:
        ModelError: the file is absent or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}; is {path.parent} a folder that `bellwether train` wrote?"
        ) from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no JSON object; is {path.parent} a folder that `bellwether train` wrote?")
    return content
