import json
import random
from pathlib import Path

import pytest

from bellwether.bench import choose
from runtime.errors import InputError

GOOD, BAD, FLAT = ("rises", "soars", "gains"), ("falls", "sinks", "drops"), ("holds", "waits", "rests")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    chance = random.Random(1)
    words = {"positive": GOOD, "negative": BAD, "neutral": FLAT}
    with (tmp_path / "labelled.jsonl").open("w") as file:
        for number in range(240):
            label = chance.choice([*words])
            said = f"firm {chance.randrange(60)} {chance.choice(words[label])} on day {number}"
            file.write(json.dumps({"text": said, "label": label}) + "\n")
    return tmp_path / "labelled.jsonl"


def order(data: Path, labels: int, before: Path | None = None) -> choose.Order:
    return choose.Order(data=data, before=before, start=30, labels=labels, audit=0.2, seeds=2, tell=lambda _: None)


def test_arms_are_compared_on_the_same_texts_and_labels_help(data: Path) -> None:
    found = choose.measure(order(data, 60))
    scores = {one["name"]: one["macro_f1"] for one in found["arms"]}
    assert list(scores) == ["none", "random", "next", "random, twice as many"]
    assert scores["none"] < min(scores["random"], scores["next"]) <= 1.0
    assert found["gain_over_random"]["macro_f1"] == pytest.approx(scores["next"] - scores["random"], abs=1e-3)
    table = choose.as_markdown(found)
    assert f"| next | {scores['next']:.3f} |" in table
    assert "30 labels to start with, 60 added" in table


def test_the_first_model_may_have_learnt_from_other_texts(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    rows = [{"text": f"{word} x{n}", "label": label} for n in range(30) for word, label in (("up", "positive"),
            ("down", "negative"))]  # fmt: skip
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = choose.measure(order(data, 80, other))
    scores = {one["name"]: one["macro_f1"] for one in found["arms"]}
    assert scores["none"] < 0.5 < scores["next"]
    assert "of " + found["before"] in choose.as_markdown(found)


def test_too_few_texts_are_refused(data: Path) -> None:
    with pytest.raises(InputError, match="too few to start with 30 and add 400"):
        choose.measure(order(data, 200))
