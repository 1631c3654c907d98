"""The default parts, each on its own; that they fit each other is tried by `bellwether trainer run`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from models.store import open_store
from trainer.labels.effective import Subject, effective
from trainer.service import wiring
from trainer.service.folder import Order, RunFolder
from trainer.service.parts import Glance

from .conftest import WHEN, label

RECIPE = """name = "tiny"
encoder = "{encoder}"
epochs = 1
learning_rate = 1e-2
hidden_dropout = 0.0
max_length = 48
[lora]
rank = 2
"""


@pytest.fixture
def place(tmp_path: Path, tiny_encoder: Path) -> wiring.Place:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(encoder=tiny_encoder))
    return wiring.Place(tmp_path / "registry", tmp_path / "keys", tmp_path / "cache", str(recipe), threads=1)


def order(folder: RunFolder, count: int, data: str) -> Order:
    return Order(
        number=1, why="a test", may_be_same=False, began=WHEN.isoformat(), position=count, labels=count, data=data,
        recipe="r", parent=None, generation=0, seed=3, seconds={},
    )  # fmt: skip


def test_a_run_learns_from_its_labels_and_the_base_files(place: wiring.Place, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    base = tmp_path / "base.jsonl"
    base.write_text(
        "".join(json.dumps({"text": f"zenith {n} shares jump", "label": "positive"}) + "\n" for n in range(30))
    )
    given = [label(n, ("negative", "neutral")[n % 2], text=f"oil {n} falls") for n in range(30)]
    given.append(label(1, "Macro", task="topic", text="oil 1 falls"))
    data, count = folder.collect(effective(given, {}).items(), [], [base])
    assert count == 31
    rows = [json.loads(line) for line in folder.kept.read_text().splitlines()]
    assert {"text": "oil 1 falls", "sentiment": "neutral", "topic": "Macro"} in rows
    assert len(rows) == 30
    said: list[str] = []
    wiring.train(
        wiring.Place(place.registry, place.keys, place.cache, place.recipe, (base,), 1), order(folder, count, data),
        folder, said.append,
    )  # fmt: skip
    facts = json.loads((folder.trained / "training.json").read_text())
    assert [file["name"] for file in facts["data"]] == ["run/labels.jsonl", f"{tmp_path.name}/base.jsonl"]
    assert facts["seed"] == 3
    assert not set((folder.trained / "headlines.txt").read_text().splitlines()) & {row["text"] for row in rows}
    assert any(sentence.startswith("training tiny on") for sentence in said)


def test_the_data_have_a_digest_that_only_what_is_learnt_changes(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    one, other = label(1), label(2)
    base = tmp_path / "base.jsonl"
    base.write_text("a")
    first, _ = folder.collect(effective([one, other], {}).items(), [], [base])
    again, _ = folder.collect(
        effective([other, one, label(1, labelled_at=WHEN + timedelta(1))], {}).items(), [], [base]
    )
    assert first == again
    base.write_text("b")
    assert folder.collect(effective([one, other], {}).items(), [], [base])[0] != first
    assert folder.collect(effective([one], {}).items(), [], [base])[0] != first


def test_labels_without_a_text_are_left_out_and_a_number_of_them_begins_a_run(place: wiring.Place) -> None:
    found = wiring.sorted_([label(1), label(2, text=None)])
    assert list(found.kept) == [Subject("e-1", "sentiment")]
    assert wiring.decided(3, Glance(2, None, None, WHEN)) is None
    trigger = wiring.decided(3, Glance(3, None, None, WHEN))
    assert trigger is not None
    assert (trigger.why, trigger.may_be_same) == ("3 new labels, and 3 begin a run", False)


def test_a_version_is_looked_for_here_and_in_the_store(place: wiring.Place, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), make=True)
    made = wiring.parts(place, store, 3, lambda _: None)
    assert not made.has("v-0123456789")
    assert not made.is_published("v-0123456789")
    (place.registry / "v-0123456789").mkdir(parents=True)
    (place.registry / "v-0123456789" / "manifest.json").touch()
    store.create("versions/v-0123456789/manifest.json", b"{}")
    assert made.has("v-0123456789")
    assert made.is_published("v-0123456789")
