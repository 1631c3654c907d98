"""How unlike the training texts a text is, without asking a model: hashed words, and the nearest of some centres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FEATURES = 4096
"""Buckets of the hash: words and pairs of words of a headline collide rarely, and 32 centres take 512 KiB."""

CENTRES = 32
"""Of the reference; more follow the training texts closer and cost more."""

Distances = npt.NDArray[np.float32]
"""float32 [texts], in [0, 1]: 1 - cosine to the nearest centre."""


class Reference:
    """The centres of the texts that a version was trained on.

    Built in a second or two; a text costs about 50 µs, so that the trainer can follow the scored
    topic without an encoder. Where pooled vectors of an encoder are at hand, `nearest` takes them as well.

    Attributes:
        centres: float32 [centres, features], each of length 1.
    """

    def __init__(self, centres: npt.NDArray[np.float32]) -> None:
        self.centres = centres

    @classmethod
    def of(cls, texts: Sequence[str], seed: int = 0) -> Reference:
        """Of cleaned training texts, at least one; the same texts and seed give the same centres."""
        return cls(centres_of(hashed(texts), seed))

    def distances(self, texts: Sequence[str]) -> Distances:
        """Of cleaned texts."""
        return nearest(hashed(texts), self.centres)


def hashed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Words and pairs of words, hashed (Weinberger et al. 2009), float32 [texts, FEATURES], each row of length 1 or 0.

    Counts are not scaled by how rare a word is: a reference of few texts would not know that of the new ones.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    build: Any = HashingVectorizer
    vectoriser = build(n_features=FEATURES, ngram_range=(1, 2), norm="l2", dtype=np.float32)
    return np.asarray(vectoriser.transform(texts).toarray(), dtype=np.float32)


def centres_of(vectors: npt.NDArray[np.float32], seed: int = 0) -> npt.NDArray[np.float32]:
    """Centres by mini-batch k-means (Sculley 2010), each scaled to length 1.

    Args:
        vectors: float32 [texts, features], of length 1.
        seed: of the first centres.
    """
    from sklearn.cluster import MiniBatchKMeans

    kmeans: Any = MiniBatchKMeans
    found = kmeans(min(CENTRES, len(vectors)), random_state=seed, n_init=3, batch_size=1024).fit(vectors)
    centres = np.asarray(found.cluster_centers_, dtype=np.float32)
    lengths = np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    return np.asarray(centres / lengths, dtype=np.float32)


def nearest(vectors: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]) -> Distances:
    """1 - cosine to the nearest centre, cut to [0, 1].

    Args:
        vectors: float32 [texts, features], of length 1.
        centres: float32 [centres, features], of length 1.
    """
    return np.asarray(np.clip(1.0 - (vectors @ centres.T).max(axis=1), 0.0, 1.0), dtype=np.float32)
