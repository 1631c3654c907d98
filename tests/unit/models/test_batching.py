from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import batching


def test_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(batching)
    assert (result.failed, result.attempted) == (0, 3)


@given(st.lists(st.integers(1, 512)), st.integers(1, 4096))
def test_batches_places_each_text_once_and_stays_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = batching.batches(lengths, budget)
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[position] for position in group)
        assert len(group) == 1 or len(group) * longest <= budget


def test_batches_puts_like_lengths_together() -> None:
    assert batching.batches([8, 64, 8, 64], max_padded_tokens=128) == [[1, 3], [0, 2]]


@pytest.mark.parametrize(("text", "tokens"), [("", 2), ("abc", 3), ("央行维持", 6), ("\ud800abc", 3)])
def test_estimate_counts_three_bytes_a_token_and_takes_any_text(text: str, tokens: int) -> None:
    assert batching.estimate_tokens(text) == tokens
