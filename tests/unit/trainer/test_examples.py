"""The Chinese sentences that come with the project: balanced, distinct, and nothing of one part in the other."""

import json
import re
from collections import Counter
from pathlib import Path

from models.labels import SENTIMENT_LABELS, TOPIC_LABELS
from models.text import fingerprint
from trainer.dataset import read_file

FOLDER = Path(__file__).parents[3] / "trainer" / "examples" / "finance_zh"
ALIKE = 0.25
"""Share of common pairs of characters; two sentences of the files that say different things share under 0.17."""

MOST = 0.5
"""Share of a label's sentences that may have one pair of characters in common."""


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def pairs(text: str) -> set[str]:
    bare = re.sub(r"[\W\d_]+", "", text)
    return {bare[at : at + 2] for at in range(len(bare) - 1)}


def test_each_topic_has_as_many_sentences_of_each_sentiment() -> None:
    for name, each in (("train.jsonl", 6), ("held_out.jsonl", 2)):
        counts = Counter((row["topic"], row["label"]) for row in rows(name))
        assert counts == {(topic, mood): each for topic in TOPIC_LABELS for mood in SENTIMENT_LABELS}


def test_every_row_is_read_with_both_labels() -> None:
    for name in ("train.jsonl", "held_out.jsonl"):
        data = read_file(FOLDER / name)
        assert len(data.rows) == 2 * len(rows(name))
        assert not data.skipped


def test_no_sentence_occurs_twice_and_none_is_nearly_in_both_parts() -> None:
    train, held_out = rows("train.jsonl"), rows("held_out.jsonl")
    assert len({fingerprint(row["text"]) for row in [*train, *held_out]}) == len(train) + len(held_out) >= 420
    learnt = [pairs(row["text"]) for row in train]
    for row in held_out:
        own = pairs(row["text"])
        assert max(len(own & other) / len(own | other) for other in learnt) < ALIKE, row["text"]


def test_no_single_word_tells_the_label() -> None:
    train = rows("train.jsonl")
    for field, labels in (("label", SENTIMENT_LABELS), ("topic", TOPIC_LABELS)):
        for label in labels:
            own = [pairs(row["text"]) for row in train if row[field] == label]
            most, seen = Counter(pair for said in own for pair in said).most_common(1)[0]
            assert seen <= MOST * len(own), f"{most} stands in {seen} of {len(own)} sentences of {label}"
