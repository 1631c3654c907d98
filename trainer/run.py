"""How and where a recipe is run, what is told of it meanwhile, and what it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    """Mean weighted cross-entropy per label since the last report."""
    seconds_left: float


@dataclass
class Run:
    """How and where a recipe is run; nothing here should change the result except `precision`.

    Attributes:
        checkpoint: file that a killed run goes on from; removed by `job.train` when all is written.
        checkpoint_every_s: seconds between two of them; each costs about 0.1 s.
        precision: `fp32`, `bf16`, or `auto`: whichever a probe finds faster; a resumed run keeps what it began with.
        memory: file that remembers what the probe found, see `trainer.precision`.
        report: called about every `report_every_s` seconds.
        trackers: who is told losses and rates, by accelerate's names for them: `tensorboard`, `wandb`.
        curves: folder that trackers write to.
    """

    checkpoint: Path
    seed: int = 0
    precision: str = "auto"
    memory: Path | None = None
    checkpoint_every_s: float = 120.0
    report_every_s: float = 1.0
    report: Callable[[Progress], None] = lambda _: None
    trackers: Sequence[str] = ()
    curves: Path | None = None


@dataclass(frozen=True)
class Parent:
    """The version that a training goes on from: its name and its wide model, whose heads are inherited."""

    version: str
    model: PreTrainedModel


@dataclass(frozen=True)
class Finished:
    """A trained model and what it took.

    Attributes:
        model: adapters not merged, float32, in eval mode.
        precision: `fp32` or `bf16`.
        steps: that were done; fewer than planned where training was ended early.
        best_step: whose weights these are.
        seconds: wall clock of all steps, over all calls of a resumed run.
        processes: that shared each step.
        is_main: whether this process is the one of them that writes the result.
    """

    model: PreTrainedModel
    precision: str
    steps: int
    best_step: int
    seconds: float
    processes: int
    is_main: bool


class Meter:
    """Counts loss and time, reports, and says when a checkpoint is due."""

    def __init__(self, done: int, steps: int, seconds: float, run: Run, report: Callable[[Progress], None]) -> None:
        self._first, self._steps, self._before, self._run = done, steps, seconds, run
        self._report = report
        self._start = self._reported = self._saved = time.monotonic()
        self._loss, self._labels = 0.0, 0

    def add(self, step: int, loss: float, labels: int) -> None:
        """Count one step; report where it is time."""
        self._loss += loss
        self._labels += labels
        now = time.monotonic()
        if now - self._reported >= self._run.report_every_s or step == self._steps:
            left = (now - self._start) / (step - self._first) * (self._steps - step)
            self._report(Progress(step, self._steps, self._loss / max(1, self._labels), left))
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
