"""The training texts as batches: in an order, and with changes, that seed, epoch and text alone decide."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.augment import augmented, cashtags_of
from trainer.dataset import Example
from trainer.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

UNLABELLED = -100
"""Target of a text that nobody labelled for a task; torch's cross-entropy ignores it."""

SORT_WINDOW = 2048
"""Texts that are sorted by length before they are cut into batches: like lengths together, order still random."""


@dataclass(frozen=True)
class Batch:
    """One step's texts.

    Attributes:
        inputs: what the model takes, int64 [texts, tokens].
        targets: per task the label's index within the task or UNLABELLED, int64 [texts].
    """

    inputs: Any
    targets: Mapping[str, torch.Tensor]


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
        ids = tokenizer([e.text for e in examples], truncation=True, max_length=recipe.max_length)["input_ids"]
        self._lengths = [len(one) for one in ids]

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

    def batches(self, done: int, steps: int) -> Iterator[Batch]:
        """The batches of steps `done` + 1 to `steps`."""
        position, epoch = 0, 0
        while position < steps:
            for indices in self.order(epoch):
                if done <= position < steps:
                    yield self.batch(indices, epoch)
                position += 1
            epoch += 1

    def batch(self, indices: Sequence[int], epoch: int) -> Batch:
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
        return Batch(inputs, targets)
