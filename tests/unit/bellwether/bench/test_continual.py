"""The stream drifts as it says and repeats nothing, each arm really learns on it, and what is said follows."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bellwether.bench import continual, continual_picture, drifting
from models.labels import SENTIMENT_LABELS
from runtime.errors import InputError
from trainer.dataset import Example, part_of
from trainer.recipe import Recipe


def examples(name: str, moods: dict[str, str]) -> list[Example]:
    texts = [(form.format(n), mood) for mood, form in moods.items() for n in range(300)]
    return [Example(text, {"sentiment": mood}, f"{name} {text}") for text, mood in texts]


@pytest.fixture(scope="module")
def given() -> drifting.Domains:
    old = examples("old", {"positive": "shares rise {}", "negative": "shares fall {}"})
    return drifting.Domains(old, examples("new", {"positive": "oil gains {}", "negative": "oil drops {}"}), "invented")


def test_the_new_domains_share_rises_from_none_to_all(given) -> None:
    drawn = drifting.chunks(given, count=5, first=60, labels=40, tests=20, seed=0)
    for part, size in (("labels", 40), ("tests", 20)):
        shares = [Counter(e.domain for e in getattr(chunk, part))["new"] / size for chunk in drawn]
        assert shares == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_no_text_comes_twice_and_no_test_is_of_the_part_that_is_learnt(given) -> None:
    drawn = drifting.chunks(given, count=5, first=60, labels=40, tests=20, seed=0)
    keys = [e.key for chunk in drawn for e in (*chunk.labels, *chunk.tests)]
    assert len(keys) == len(set(keys)) == 320
    assert all(part_of(e.key) == "train" for chunk in drawn for e in chunk.labels)
    assert not any(part_of(e.key) == "train" for chunk in drawn for e in chunk.tests)


def test_the_seed_decides_and_too_large_a_wish_is_refused(given) -> None:
    def drawn(seed: int) -> list[drifting.Chunk]:
        return drifting.chunks(given, count=3, first=9, labels=9, tests=9, seed=seed)

    assert drawn(1) == drawn(1) != drawn(2)
    with pytest.raises(InputError, match="the old domain has no 600 texts left for chunk 1; ask for smaller ones"):
        drifting.chunks(given, count=2, first=600, labels=600, tests=1, seed=0)


def test_without_data_the_built_in_stream_has_two_domains_with_all_labels() -> None:
    found = drifting.domains(None, days=8)
    for domain in (found.old, found.new):
        assert len(domain) > 200
        assert {e.labels["sentiment"] for e in domain} == set(SENTIMENT_LABELS)
    assert not {e.key for e in found.old} & {e.key for e in found.new[:50]}


@pytest.fixture(scope="module")
def found(given, tiny_encoder: Path) -> dict:
    recipe = Recipe(name="t", encoder="tiny", epochs=8, learning_rate=1e-2, hidden_dropout=0.0, batch_tokens=128)
    order = continual.Order(
        given, recipe, tiny_encoder, chunks=3, first=60, labels=40, tests=20, seeds=2, precision="fp32"
    )
    return continual.measure(order)


def test_each_arm_learns_what_it_is_given(found) -> None:
    names = [arm["name"] for arm in found["arms"]]
    assert names == ["warm start", "warm start + replay x1", "from scratch on all", "frozen + online"]
    for arm in found["arms"]:
        matrix = np.array(arm["matrix"])
        assert matrix.shape == (3, 3)
        assert matrix[-1, -1] == pytest.approx(arm["newest"], abs=1e-3)
        assert matrix[-1, 0] == pytest.approx(arm["first"], abs=1e-3)
        assert arm["seconds_per_1000_labels"] > 0
        # Two of three classes occur; macro-F1 over three then ends at 2/3, and guessing one label gives 2/9.
        assert arm["newest"] > 0.4
    assert f"{found['arms'][0]['newest']:.3f}" in continual.as_text(found)


def test_forgetting_is_what_was_known_once_and_the_default_forgets_at_most_a_point() -> None:
    first = [[0.9, 0.2], [0.7, 0.8]]
    one = continual.row("a", [np.array(first), np.array(first)], 1.0)
    assert one["forgot"] == pytest.approx(0.2)
    assert continual.row("b", [np.array([[0.5, 0.1], [0.6, 0.7]])], 1.0)["forgot"] == pytest.approx(-0.1)
    arms = [{"name": n, "forgot": f, "seconds_per_1000_labels": s} for n, f, s in (("a", 0.02, 1), ("b", 0.01, 9))]
    online = {"name": "frozen + online", "forgot": 0.0, "seconds_per_1000_labels": 0.1}
    assert continual.default([*arms, online]) == "b"
    assert continual.default([arms[0], online]) is None


def test_the_picture_is_drawn_or_refused(found, tmp_path: Path) -> None:
    continual_picture.save(found, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 5_000
    with pytest.raises(InputError, match="choose another --plot"):
        continual_picture.save(found, tmp_path / "none" / "c.png")
