"""What a model must beat: TF-IDF with logistic regression, and the most frequent label."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from models.engine import Probabilities, Task
from models.text import UNSPACED

_UNSPACED = re.compile(f"[{UNSPACED}]")


def tfidf(task: Task, texts: Sequence[str], labels: Sequence[str]) -> Callable[[Sequence[str]], Probabilities]:
    """Fit TF-IDF (words and pairs, sublinear counts) + logistic regression; up to a minute for 20,000 texts.

    Where most texts are of a script without spaces, characters are the words.

    Args:
        task: whose labels name the columns of the result.
        texts: cleaned training texts.
        labels: theirs.

    Returns:
        what scores cleaned texts: float32 [texts, classes], 0 for labels that no training text has.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    is_unspaced = 2 * sum(_UNSPACED.search(text) is not None for text in texts) > len(texts)
    words = "char" if is_unspaced else "word"
    model = make_pipeline(
        TfidfVectorizer(analyzer=words, ngram_range=(1, 2), min_df=2, sublinear_tf=True, strip_accents="unicode"),
        LogisticRegression(C=10.0, max_iter=300, tol=1e-3),  # C = 10 was best of 1, 10, 100 on the validation part
    )
    model.fit(list(texts), list(labels))
    columns = [task.labels.index(label) for label in model.classes_]

    def score(unseen: Sequence[str]) -> Probabilities:
        found = np.zeros((len(unseen), len(task.labels)), dtype=np.float32)
        found[:, columns] = model.predict_proba(list(unseen))
        return found

    return score


def majority(task: Task, labels: Sequence[str], unseen: int) -> Probabilities:
    """The training part's label shares as everybody's probabilities, float32 [unseen, classes]."""
    shares = np.array([sum(label == own for own in labels) for label in task.labels], dtype=np.float32)
    return np.tile(shares / np.float32(max(1, len(labels))), (unseen, 1)).astype(np.float32)
