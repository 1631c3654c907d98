"""What a transformer engine does around its forward pass, with a runtime that answers from what it was given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from models.calibration import softmax
from models.engine import Task
from models.engines.openvino_int8 import few_shapes
from models.engines.padded import Facts, Ids, Logits, PaddedEngine
from runtime.errors import EngineError

WORDS = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "rise", "fall", "flat"])}


class Counting(PaddedEngine):
    """Its logits are the number of tokens, of those that rise, and of those that fall."""

    def __init__(self, max_tokens: int = 20, **arguments: object) -> None:
        tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.enable_truncation(max_tokens)
        tasks = {"size": Task("size", ("tokens", "none"), 0.0), "way": Task("way", ("up", "down"), 0.0)}
        facts = Facts("counting", "v-0000000000", "1", max_tokens, tasks, {"size": 1.0, "way": 2.0})
        super().__init__(facts, tokenizer, max_padded_tokens=1024, **arguments)  # type: ignore[arg-type]
        self.shapes: list[tuple[int, ...]] = []

    def _forward(self, groups: Sequence[tuple[Ids, Ids]]) -> list[Logits]:
        self.shapes += [ids.shape for ids, _ in groups]
        for ids, mask in groups:
            assert mask.any(axis=1).all(), "attention has no average of no tokens"
            assert not ids[mask == 0].any()
        counts = [[mask.sum(1), 0 * mask.sum(1), (ids == 2).sum(1), (ids == 3).sum(1)] for ids, mask in groups]
        return [np.stack(one, axis=1).astype(np.float32) for one in counts]

    def close(self) -> None:
        pass


TEXTS = ["rise", "fall fall flat", "rise rise fall flat flat", "flat " * 50, "fall " * 9]
EXPECTED = {
    "size": [[1, 0], [3, 0], [5, 0], [20, 0], [9, 0]],
    "way": [[1, 0], [0, 2], [2, 1], [0, 0], [0, 9]],
}


@pytest.mark.parametrize("arguments", [{}, {"padded_to": few_shapes}, {"padded_to": few_shapes, "min_groups": 2}])
def test_each_text_gets_its_own_logits_per_task_however_it_is_padded(arguments) -> None:
    engine = Counting(**arguments)
    found = engine.logits(TEXTS)
    assert {name: rows.tolist() for name, rows in found.items()} == EXPECTED
    assert engine.score(TEXTS)["way"].tolist() == softmax(np.array(EXPECTED["way"]), 2.0).tolist()


def test_a_group_is_padded_to_one_of_few_shapes_but_to_no_more_tokens_than_the_model_takes() -> None:
    engine = Counting(padded_to=few_shapes)
    engine.score(["rise"] * 9)
    engine.score(["flat " * 50])
    assert engine.shapes == [(10, 8), (1, 20)]
    assert (engine.last_call.tokens, engine.last_call.padded_tokens) == (20, 20)


def test_shapes_are_the_next_larger_ones_and_few() -> None:
    shapes = {few_shapes((texts, tokens)) for texts in range(1, 129) for tokens in range(1, 129)}
    assert len(shapes) < 16_384 / 20
    for texts in range(1, 129):
        for tokens in (1, 7, 8, 9, 63, 64, 65):
            more, longer = few_shapes((texts, tokens))
            assert texts <= more < texts + 4
            assert tokens <= longer < tokens + 8


def test_logits_that_are_no_numbers_are_an_error() -> None:
    engine = Counting()
    engine._forward = lambda groups: [np.full((len(ids), 4), np.nan, dtype=np.float32) for ids, _ in groups]
    with pytest.raises(EngineError, match="logits that are not finite"):
        engine.score(["rise"])
