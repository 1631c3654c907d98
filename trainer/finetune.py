"""The training loop, one file, top to bottom: LoRA on a shared encoder, heads of all tasks, one masked loss."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.classifier import build_wide, columns, head_names, load_tokenizer
from trainer import checkpoint
from trainer.dataset import Example
from trainer.feed import UNLABELLED, Feed
from trainer.identity import identity
from trainer.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

FROM_BEHIND_PADDING = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})
"""Architectures whose first token has the position behind the padding's, which that many positions fewer leaves."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    """Mean cross-entropy per label since the last report."""
    seconds_left: float


@dataclass
class Run:
    """How and where a recipe is run; nothing here should change the result except `precision`.

    Attributes:
        checkpoint: file that a killed run goes on from; removed by `job.train` when all is written.
        checkpoint_every_s: seconds between two of them; each costs about 0.1 s.
        precision: `fp32`, `bf16`, or `auto`: whichever a probe finds faster; a resumed run keeps what it began with.
        report: called about every `report_every_s` seconds.
    """

    checkpoint: Path
    seed: int = 0
    precision: str = "auto"
    checkpoint_every_s: float = 120.0
    report_every_s: float = 1.0
    report: Callable[[Progress], None] = lambda _: None


@dataclass(frozen=True)
class Finished:
    """A trained model and what it took.

    Attributes:
        model: the peft model, adapters not merged, float32, in eval mode.
        precision: `fp32` or `bf16`.
        seconds: wall clock of all steps, over all calls of a resumed run.
    """

    model: PreTrainedModel
    precision: str
    steps: int
    seconds: float


def finetune(
    recipe: Recipe,
    examples: Sequence[Example],
    tasks: Mapping[str, Sequence[str]],
    encoder: Path,
    run: Run,
) -> Finished:
    """Train a wide classifier on the examples.

    Args:
        recipe: what is learnt and how.
        examples: the training part, near-copies merged.
        tasks: label names per task.
        encoder: a plain Hugging Face folder.
        run: seed, precision, checkpoint and reports.

    Raises:
        InputError: the checkpoint is of another run, or damaged.
    """
    import accelerate
    import torch

    begun = identity(recipe, examples, tasks, encoder, run.seed)
    saved = checkpoint.read(run.checkpoint, begun if run.precision == "auto" else {**begun, "precision": run.precision})
    accelerate.utils.set_seed(run.seed)
    tokenizer = load_tokenizer(encoder)
    model = prepared(recipe, tasks, encoder)
    task_columns = {
        task: torch.tensor([found[label] for label in tasks[task]]) for task, found in columns(model.config).items()
    }
    feed = Feed(recipe, examples, tasks, tokenizer, run.seed)
    precision = saved.identity["precision"] if saved else run.precision
    if precision == "auto":
        precision = faster_precision(model, feed)
    begun["precision"] = precision

    accelerator = accelerate.Accelerator(mixed_precision="bf16" if precision == "bf16" else "no")
    optimizer = torch.optim.AdamW(grouped(model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.98))
    per_epoch = len(feed.order(0))
    steps = max(1, math.ceil(recipe.epochs * per_epoch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, linear(steps, recipe.warmup))
    model, optimizer = accelerator.prepare(model, optimizer)
    texts_per_step = len(examples) / per_epoch

    accelerate.utils.set_seed(run.seed)
    done, seconds = checkpoint.restore(saved, model, optimizer, schedule)
    model.train()
    meter = Meter(done, steps, seconds, run)
    for step, batch in enumerate(feed.batches(done, steps), start=done + 1):
        with accelerator.autocast():
            wide = model(**{name: ids.to(accelerator.device) for name, ids in batch.inputs.items()}).logits
        summed, labels = masked_loss(wide.float(), batch.targets, task_columns, recipe.label_smoothing)
        # Divided by the mean number of texts, not by this batch's: each text weighs the same, however long.
        accelerator.backward(summed / texts_per_step)
        accelerator.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        meter.add(step, float(summed.detach()), labels)
        if meter.is_checkpoint_due() or step == steps:
            seconds = meter.seconds()
            checkpoint.save(run.checkpoint, step, model, optimizer, schedule, identity=begun, seconds=seconds)
    return Finished(accelerator.unwrap_model(model).float().eval(), precision, steps, meter.seconds())


def prepared(recipe: Recipe, tasks: Mapping[str, Sequence[str]], encoder: Path) -> PreTrainedModel:
    """The wide classifier with frozen encoder, fresh adapters on its every Linear, and trainable pooler and heads."""
    import peft
    import torch

    model = build_wide(encoder, tasks, **dropouts(encoder, recipe)).float()
    if not torch.cuda.is_available():
        # torch's fused attention has a slow backward pass on CPUs: a third of a step of 40 headlines.
        model.set_attn_implementation("eager")
    whole = set(head_names(model))
    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and f"{name}.weight" not in whole
    ]
    how = peft.LoraConfig(
        r=recipe.lora.rank, lora_alpha=int(recipe.lora.alpha), lora_dropout=recipe.lora.dropout, target_modules=targets
    )
    adapted: Any = peft.get_peft_model(model, how)
    for name, parameter in adapted.base_model.model.named_parameters():
        if name in whole:
            parameter.requires_grad_(True)
    return adapted  # type: ignore[no-any-return]


def longest(encoder: Path) -> int:
    """Tokens that an encoder can read, special tokens included, by its table of positions."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(encoder, local_files_only=True, trust_remote_code=False)
    positions = getattr(config, "max_position_embeddings", None) or sys.maxsize
    # RoBERTa's kin count positions from behind the padding's own.
    return int(positions) - (config.pad_token_id + 1 if config.model_type in FROM_BEHIND_PADDING else 0)


def dropouts(encoder: Path, recipe: Recipe) -> dict[str, float]:
    """The recipe's dropouts under the names that this architecture's config has for them."""
    from transformers import AutoConfig

    known = AutoConfig.from_pretrained(encoder, local_files_only=True, trust_remote_code=False).to_dict()
    wanted = {
        "hidden_dropout_prob": recipe.hidden_dropout,  # BERT and its kin
        "attention_probs_dropout_prob": recipe.attention_dropout,
        "dropout": recipe.hidden_dropout,  # DistilBERT
        "attention_dropout": recipe.attention_dropout,
        "seq_classif_dropout": recipe.hidden_dropout,
    }
    return {name: share for name, share in wanted.items() if name in known}


def masked_loss(
    wide: torch.Tensor,
    targets: Mapping[str, torch.Tensor],
    task_columns: Mapping[str, torch.Tensor],
    label_smoothing: float,
) -> tuple[torch.Tensor, int]:
    """Cross-entropy of each task over its own columns, where labelled.

    Args:
        wide: logits of all tasks, float32 [texts, columns].
        targets: index within the task's labels or UNLABELLED, int64 [texts], per task.
        task_columns: the task's columns in the order of its labels.
        label_smoothing: share of the target spread over the task's labels (Szegedy et al. 2016, §7).

    Returns:
        the sum over all labels, and how many labels there were.
    """
    import torch.nn.functional

    total, labels = wide.sum() * 0.0, 0
    for task, target in targets.items():
        own = wide[:, task_columns[task].to(wide.device)]
        total = total + torch.nn.functional.cross_entropy(
            own, target.to(wide.device), ignore_index=UNLABELLED, reduction="sum", label_smoothing=label_smoothing
        )
        labels += int((target != UNLABELLED).sum())
    return total, labels


class Meter:
    """Counts loss and time, reports, and says when a checkpoint is due."""

    def __init__(self, done: int, steps: int, seconds: float, run: Run) -> None:
        self._first, self._steps, self._before, self._run = done, steps, seconds, run
        self._start = self._reported = self._saved = time.monotonic()
        self._loss, self._labels = 0.0, 0

    def add(self, step: int, loss: float, labels: int) -> None:
        """Count one step; report where it is time."""
        self._loss += loss
        self._labels += labels
        now = time.monotonic()
        if now - self._reported >= self._run.report_every_s or step == self._steps:
            left = (now - self._start) / (step - self._first) * (self._steps - step)
            self._run.report(Progress(step, self._steps, self._loss / max(1, self._labels), left))
            self._reported, self._loss, self._labels = now, 0.0, 0

    def seconds(self) -> float:
        """Wall clock of the run so far, that before a kill included."""
        return self._before + time.monotonic() - self._start

    def is_checkpoint_due(self) -> bool:
        """Whether the last checkpoint is older than wanted; then counts from now."""
        due = time.monotonic() - self._saved >= self._run.checkpoint_every_s
        if due:
            self._saved = time.monotonic()
        return due


def grouped(model: PreTrainedModel, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters for AdamW: matrices decay, vectors (biases) do not."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


def linear(steps: int, warmup: float) -> Callable[[int], float]:
    """Factor of the learning rate per step: from 0 to 1 over the warm-up, then down to 0 at the last step."""
    rise = max(1, round(steps * warmup))
    return lambda step: min((step + 1) / rise, max(0.0, (steps - step) / max(1, steps - rise)))


def faster_precision(model: PreTrainedModel, feed: Feed, repeats: int = 4) -> str:
    """`bf16` where autocast makes a step at least 5 % faster on this machine, else `fp32`; takes about 2 s."""
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    batch = feed.batch(feed.order(0)[0], 0)

    def seconds(enabled: bool) -> float:
        best = math.inf
        for _ in range(repeats):
            start = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                loss = model(**batch.inputs).logits.float().square().mean()
            loss.backward()
            best = min(best, time.process_time() - start)
        model.zero_grad(set_to_none=True)
        return best

    return "bf16" if seconds(True) < 0.95 * seconds(False) else "fp32"
