from __future__ import annotations

import numpy as np
import pytest

from trainer.novelty import CENTRES, Reference, hashed, nearest

KNOWN = [
    f"{who} {what} its {of}" for who in ("bank", "mill") for what in ("lifts", "cuts") for of in ("dividend", "outlook")
]


def test_what_was_trained_on_is_near_and_what_shares_no_word_is_as_far_as_can_be() -> None:
    reference = Reference.of(KNOWN)
    near = reference.distances(KNOWN)
    (between,) = reference.distances(["bank lifts fees"])
    (far,) = reference.distances(["rain delays cricket again"])
    assert near.max() < 0.2 < between < far
    assert far == pytest.approx(1.0)
    assert reference.distances([""])[0] == 1.0, "a text without a word is like none"


def test_the_same_texts_and_seed_give_the_same_centres_of_length_1() -> None:
    many = [f"{text} {number}th" for text in KNOWN for number in range(20)]
    first, second = Reference.of(many), Reference.of(many)
    assert first.centres.shape[0] == CENTRES
    np.testing.assert_array_equal(first.centres, second.centres)
    np.testing.assert_allclose(np.linalg.norm(first.centres, axis=1), 1.0, rtol=1e-5)


def test_pooled_vectors_of_an_encoder_serve_as_well() -> None:
    vectors = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(nearest(vectors, vectors[:1]), [0.0, 1.0, 1.0])
    np.testing.assert_allclose(nearest(-vectors[:1], vectors[:1]), [1.0]), "cut at 1"


def test_words_and_pairs_of_words_count() -> None:
    one, swapped, other = hashed(["bank lifts mill", "mill lifts bank", "rain delays cricket"])
    assert 0.5 < one @ swapped < 1.0
    assert one @ other == pytest.approx(0.0, abs=0.2)
