"""The training texts as batches: in an order, and with changes, that seed, epoch and text alone decide."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.augment import augmented, cashtags_of
from trainer.dataset import Example
from trainer.loss import UNLABELLED, label_weights
from trainer.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

SORT_WINDOW = 2048
"""Texts that are sorted by length before they are cut into batches: like lengths together, order still random."""


@dataclass(frozen=True)
class Batch:
    """Texts of one step, or of one part of it.

    Attributes:
        inputs: what the model takes, int64 [texts, tokens].
        targets: per task the label's index within the task or UNLABELLED, int64 [texts].
        weights: per task what each label counts, float32 [texts].
    """

    inputs: Any
    targets: Mapping[str, torch.Tensor]
    weights: Mapping[str, torch.Tensor]


class Feed:
    """The training texts as batches, the same for the same seed, and resumable at any step."""

    def __init__(
        self,
        recipe: Recipe,
        examples: Sequence[Example],
        tasks: Mapping[str, Sequence[str]],
        tokenizer: PreTrainedTokenizerBase,
        seed: int,
    ) -> None:
        self._recipe, self._examples, self._tasks = recipe, examples, tasks
        self._tokenizer, self._seed = tokenizer, seed
        self._cashtags = cashtags_of([example.text for example in examples])
        texts = [example.text for example in examples]
        ids = tokenizer(texts, truncation=True, max_length=recipe.max_length)["input_ids"] if texts else []
        self._lengths = [len(one) for one in ids]
        self._weights = label_weights(examples, tasks, recipe.class_balance)

    def order(self, epoch: int) -> list[list[int]]:
        """Batches of example indices of an epoch: sorted by length within random windows, then shuffled."""
        rng = random.Random(f"{self._seed}:{epoch}:order")
        indices = list(range(len(self._examples)))
        rng.shuffle(indices)
        batches: list[list[int]] = []
        for start in range(0, len(indices), SORT_WINDOW):
            batch: list[int] = []
            for index in sorted(indices[start : start + SORT_WINDOW], key=self._lengths.__getitem__):
                if batch and (len(batch) + 1) * self._lengths[index] > self._recipe.batch_tokens:
                    batches.append(batch)
                    batch = []
                batch.append(index)
            batches.append(batch)
        rng.shuffle(batches)
        return batches

    def steps(self, done: int, steps: int, process: int = 0, processes: int = 1) -> Iterator[list[Batch]]:
        """What one process does in the steps `done` + 1 to `steps`: of each, the recipe's `accumulate` parts.

        All parts of all processes together are the step's batch, however many there are of either.
        """
        parts = self._recipe.accumulate
        position, epoch = 0, 0
        while position < steps:
            for indices in self.order(epoch):
                if done <= position < steps:
                    own = range(process * parts, (process + 1) * parts)
                    yield [self._part(indices, epoch, part, processes * parts) for part in own]
                position += 1
            epoch += 1

    def _part(self, indices: Sequence[int], epoch: int, part: int, parts: int) -> Batch:
        """Every `parts`-th text of a step; one that counts nothing where it has fewer, as no process may be idle."""
        own = indices[part::parts]
        return self.batch(own, epoch) if own else self.batch(indices[:1], epoch, 0.0)

    def batch(self, indices: Sequence[int], epoch: int, factor: float = 1.0) -> Batch:
        """Some examples as tensors, augmented by a chance that depends on seed, epoch and text alone."""
        import torch

        chosen = [self._examples[i] for i in indices]
        texts = [
            augmented(e.text, self._recipe.augment, self._cashtags, random.Random(f"{self._seed}:{epoch}:{e.key}"))
            for e in chosen
        ]
        inputs = self._tokenizer(
            texts, truncation=True, max_length=self._recipe.max_length, padding=True, return_tensors="pt"
        )
        targets = {
            task: torch.tensor([labels.index(e.labels[task]) if task in e.labels else UNLABELLED for e in chosen])
            for task, labels in self._tasks.items()
        }
        weights = {
            task: torch.tensor([factor * self._weights[i].get(task, 0.0) for i in indices]) for task in self._tasks
        }
        return Batch(inputs, targets, weights)
