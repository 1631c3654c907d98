"""The training loop, top to bottom: one shared encoder, heads of all tasks, one masked loss, however many processes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from models.classifier import columns, load_tokenizer
from trainer import checkpoint, kinds, priors
from trainer import precision as precisions
from trainer.dataset import Example
from trainer.feed import Batch, Feed
from trainer.identity import identity
from trainer.loss import masked_loss
from trainer.optimising import agreed, begin_by_chance, grouped, linear
from trainer.recipe import Augment, Recipe
from trainer.run import Finished, Meter, Parent, Progress, Run
from trainer.stopping import Stopping

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def finetune(
    recipe: Recipe,
    examples: Sequence[Example],
    tasks: Mapping[str, Sequence[str]],
    encoder: Path,
    run: Run,
    *,
    valid: Sequence[Example] = (),
    parent: Parent | None = None,
) -> Finished:
    """Train a wide classifier on the examples.

    Started by `torchrun` or `accelerate launch`, each process takes its share of every step's texts; so the result is
    that of one process but for rounding and dropout's chance.

    Args:
        recipe: what is learnt and how.
        examples: the training part, near-copies merged.
        tasks: label names per task.
        encoder: a plain Hugging Face folder; the parent's own where there is one.
        run: seed, precision, checkpoint and reports.
        valid: what tells when to stop, where the recipe has patience.
        parent: what to go on from; the encoder with random heads where None.

    Raises:
        InputError: the checkpoint is of another run, or damaged.
    """
    import accelerate
    import torch

    begun = identity(recipe, examples, tasks, encoder, run.seed, parent=parent.version if parent else "none")
    saved = checkpoint.read(run.checkpoint, begun if run.precision == "auto" else {**begun, "precision": run.precision})
    accelerator = accelerate.Accelerator(log_with=list(run.trackers) or None, project_dir=run.curves)
    begin_by_chance(run.seed)
    tokenizer = load_tokenizer(encoder)
    feed = Feed(recipe, examples, tasks, tokenizer, run.seed)
    per_epoch = len(feed.order(0))
    steps = max(1, math.ceil(recipe.epochs * per_epoch))
    bare = opened(recipe, examples, tasks, encoder, steps=steps, parent=parent)
    precision = saved.identity["precision"] if saved else run.precision
    if precision == "auto":
        precision = agreed(precisions.faster(bare, feed, run.memory))
    begun["precision"] = precision

    optimizer = torch.optim.AdamW(grouped(bare, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, linear(steps, recipe.warmup))
    model, optimizer = accelerator.prepare(bare, optimizer)
    done, seconds, more = checkpoint.restore(saved, bare, optimizer, schedule)
    kinds.allocate_again(bare, more.get("ranks", {}))
    looks = Stopping(recipe.patience if valid else 0, more.get("looks", {}))
    plain = msgspec.structs.replace(recipe, augment=Augment(), class_balance=0.0)
    unseen = Feed(plain, valid if looks.patience else (), tasks, tokenizer, run.seed)
    accelerator.init_trackers(f"{recipe.name}-{begun['data'][:6]}-{run.seed}")

    def report(at: Progress) -> None:
        accelerator.log({"loss": at.loss, "learning_rate": schedule.get_last_lr()[0]}, step=at.step)
        if accelerator.is_main_process:
            run.report(at)

    learner = _Learner(recipe, accelerator, model, precision, len(examples) / per_epoch)
    model.train()
    meter = Meter(done, steps, seconds, run, report)
    shares = feed.steps(done, steps, accelerator.process_index, accelerator.num_processes)
    for step, parts in enumerate(shares, start=done + 1):
        if looks.is_enough():
            break
        # Each step's chance is its own, so that a run that goes on needs to know nothing of what was drawn before.
        torch.manual_seed((run.seed * 1_000_003 + step) * 1_009 + accelerator.process_index)
        loss, labels = learner.gradients(parts)
        learner.move(optimizer, step)
        schedule.step()
        done = step
        if looks.patience and (step % per_epoch == 0 or step == steps):
            looks.look(step, agreed(learner.mean_loss(unseen)), bare)
        meter.add(step, loss, labels)
        is_due = meter.is_checkpoint_due() or step == steps or looks.is_enough()
        if is_due and accelerator.is_main_process:
            more = {"looks": looks.state(), "ranks": kinds.allocation(bare)}
            checkpoint.save(
                run.checkpoint, step, bare, optimizer, schedule, identity=begun, seconds=meter.seconds(), more=more
            )
    looks.restore_best(bare)
    is_main, processes = accelerator.is_main_process, accelerator.num_processes
    accelerator.end_training()
    return Finished(
        bare.float().eval(), precision, done, looks.best_step or done, meter.seconds(), processes, is_main=is_main
    )


def opened(
    recipe: Recipe,
    examples: Sequence[Example],
    tasks: Mapping[str, Sequence[str]],
    encoder: Path,
    *,
    steps: int,
    parent: Parent | None = None,
) -> PreTrainedModel:
    """The model before its first step, what the recipe trains open, and a parent's heads as they were uncorrected."""
    model = kinds.prepared(recipe, tasks, encoder, steps)
    if parent is not None:
        kinds.inherit(kinds.inner(model), parent.model)
        undone = {task: -strength for task, strength in recipe.prior_correction.items()}
        priors.correct(model, examples, undone, recipe.class_balance)
    return model


class _Learner:
    """Losses of one model, and their gradients.

    Args:
        accelerator: accelerate's.
        model: as the accelerator prepared it.
        texts: mean number of them in a step.
    """

    def __init__(self, recipe: Recipe, accelerator: Any, model: Any, precision: str, texts: float) -> None:
        import torch

        self._recipe, self._accelerator, self._model, self._texts = recipe, accelerator, model, texts
        self._bare = accelerator.unwrap_model(model)
        found = columns(kinds.inner(self._bare).config)
        self._columns = {task: torch.tensor(list(labels.values())) for task, labels in found.items()}
        self._half = precision == "bf16"

    def gradients(self, parts: Sequence[Batch]) -> tuple[float, int]:
        """Sum up the gradients of a step's parts; the weighted loss and the number of this process's labels."""
        summed, labels = 0.0, 0
        for number, part in enumerate(parts, start=1):
            is_last = number == len(parts)
            with contextlib.nullcontext() if is_last else self._accelerator.no_sync(self._model):
                loss, count = self._loss(part, self._recipe.label_smoothing)
                # Divided by the mean number of texts, not by this batch's: each text weighs the same, however long.
                # Processes' gradients are averaged, and here they are to be summed.
                scaled = loss * self._accelerator.num_processes / self._texts
                self._accelerator.backward(scaled + kinds.penalty(self._bare) / len(parts))
            summed, labels = summed + float(loss.detach()), labels + count
        return summed, labels

    def move(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Take a step (from 1) along the gradients, and forget them."""
        self._accelerator.clip_grad_norm_(self._model.parameters(), self._recipe.clip_norm)
        optimizer.step()
        kinds.allocate(self._bare, step)
        optimizer.zero_grad(set_to_none=True)

    def mean_loss(self, unseen: Feed) -> float:
        """Mean cross-entropy of the labels of some texts, without dropout and smoothing."""
        import torch

        self._model.eval()
        summed, labels = 0.0, 0
        with torch.no_grad():
            for indices in unseen.order(0):
                loss, count = self._loss(unseen.batch(indices, 0), 0.0)
                summed, labels = summed + float(loss), labels + count
        self._model.train()
        return summed / max(1, labels)

    def _loss(self, batch: Batch, smoothing: float) -> tuple[torch.Tensor, int]:
        import torch

        device = self._accelerator.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self._half):
            wide = self._model(**{name: ids.to(device) for name, ids in batch.inputs.items()}).logits
        return masked_loss(wide.float(), batch.targets, batch.weights, self._columns, smoothing)
