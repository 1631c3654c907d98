"""The default parts, each on its own; that they fit each other is tried by `bellwether trainer run`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from models import build, manifest, tiny
from models.classifier import TRAINING_FILE
from models.held_out import ENGINES
from models.store import open_store
from trainer.dataset import merge, part_of, read_file
from trainer.labels.effective import Subject, effective
from trainer.labels.policy import Policy
from trainer.service import wiring
from trainer.service.drifting import Drift
from trainer.service.folder import Order, RunFolder, folder_of
from trainer.service.parts import Glance
from trainer.service.place import Place
from trainer.service.tail import Answer, Said
from trainer.triggers import Rules

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
def place(tmp_path: Path, tiny_encoder: Path) -> Place:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(encoder=tiny_encoder))
    return Place(
        registry=tmp_path / "registry", keys=tmp_path / "keys", cache=tmp_path / "cache", store=str(tmp_path / "store"),
        recipe=str(recipe), threads=1,
    )  # fmt: skip


def order(folder: RunFolder, count: int, data: str) -> Order:
    return Order(
        number=1, why="a test", may_be_same=False, began=WHEN.isoformat(), position=count, labels=count, data=data,
        recipe="r", parent=None, generation=0, seed=3, seconds={},
    )  # fmt: skip


def test_a_run_learns_from_its_labels_and_the_base_files(place: Place, tmp_path: Path) -> None:
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
    assert {"text": "oil 1 falls", "sentiment": "neutral", "weight": 1.0} in rows
    assert {"text": "oil 1 falls", "topic": "Macro", "weight": 1.0} in rows
    assert len(rows) == 31
    said: list[str] = []
    taken = [row for row in read_file(base).rows if part_of(row.key) == "train"][:2]
    golden = tmp_path / "golden.jsonl"
    golden.write_text("".join(json.dumps({"text": row.text, "label": "positive"}) + "\n" for row in taken))
    wiring.train(replace(place, base=(base,), golden=golden), order(folder, count, data), folder, said.append)
    facts = json.loads((folder.trained / "training.json").read_text())
    assert [file["name"] for file in facts["data"]] == ["run/labels.jsonl", f"{tmp_path.name}/base.jsonl"]
    assert facts["seed"] == 3
    new, old = (read_file(path).rows for path in (folder.kept, base))
    kept = {row.key for row in new if part_of(row.key) != "valid"} | {
        row.key for row in old if part_of(row.key) == "train" and row not in taken
    }
    assert any(part_of(row.key) == "test" for row in new), "or this tells nothing"
    assert facts["trained_texts"] == len(kept)
    assert [score["data"] for score in facts["scores"]] == [f"{tmp_path.name}/base.jsonl"]
    assert not set((folder.trained / "headlines.txt").read_text().splitlines()) & {row["text"] for row in rows}
    assert any(sentence.startswith("training tiny on") for sentence in said)
    assert said[0].startswith("2 rows of the base files are like texts that decide")


def test_a_recipe_that_goes_on_does_so_from_the_champion_and_another_begins_anew(
    place: Place, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(build, "Order", partial(build.Order, min_agreement=0.0))  # random heads: int8 differs
    made = tiny.write(tmp_path / "tiny")
    recipe, base = tmp_path / "r.toml", tmp_path / "base.jsonl"
    recipe.write_text(RECIPE.format(encoder=made.encoder).replace("epochs", "goes_on = true\nepochs"))
    base.write_text("".join(json.dumps({"text": f"zenith {n} jumps", "label": "positive"}) + "\n" for n in range(60)))
    first = RunFolder(tmp_path / "first")
    first.path.mkdir()
    shutil.copytree(made.trained, first.trained)
    here = replace(place, recipe=str(recipe), base=(base,))
    champion = wiring.build(here, order(first, 1, "d"), first, lambda _: None)
    given = effective([label(n, ("negative", "neutral")[n % 2], text=f"oil {n} falls") for n in range(30)], {})
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    data, count = folder.collect(given.items(), [], [base])
    wanted = msgspec.structs.replace(order(folder, count, data), parent=champion)
    wiring.train(here, wanted, folder, lambda _: None)
    facts = json.loads((folder.trained / "training.json").read_text())
    assert facts["parent"] == champion
    assert facts["replayed_texts"] > 0
    version = wiring.build(here, wanted, folder, lambda _: None)
    assert manifest.read(place.registry / version).lineage.parent == champion
    shutil.rmtree(folder.trained)
    recipe.write_text(RECIPE.format(encoder=made.encoder))
    wiring.train(here, wanted, folder, lambda _: None)
    facts = json.loads((folder.trained / "training.json").read_text())
    assert (facts["parent"], facts["replayed_texts"]) == (None, 0)


def test_the_engines_of_a_version_are_measured(place: Place, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(build, "Order", partial(build.Order, min_agreement=0.0))  # random heads: int8 differs
    made = tiny.write(tmp_path / "tiny")
    recipe, base = tmp_path / "r.toml", tmp_path / "base.jsonl"
    recipe.write_text(RECIPE.format(encoder=made.encoder))
    rows = [json.dumps({"text": f"zenith {n} shares jump", "label": "positive"}) for n in range(60)]
    base.write_text("\n".join(rows))
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    shutil.copytree(made.trained, folder.trained)
    version = wiring.build(
        replace(place, recipe=str(recipe), base=(base,)), order(folder, 1, "d"), folder, lambda _: None
    )
    known = manifest.read(place.registry / version)
    measured = known.metrics[ENGINES]
    assert set(measured) == set(known.engines)
    assert all(score["data"] == f"{tmp_path.name}/base.jsonl" for own in measured.values() for score in own)
    assert all(entry.tasks["sentiment"].confusion for entry in known.engines.values())


def test_engines_are_measured_on_some_texts_of_each_file_that_has_any(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text("{}")
    sizes = {"large": 3_000, "none": 1}
    for name, count in sizes.items():
        rows = [json.dumps({"text": f"zenith {n} jumps", "label": "positive"}) for n in range(1, count + 1)]
        (tmp_path / name).write_text("\n".join(rows))
    assert part_of("zenith 1 jumps") != "test"
    said: list[str] = []
    (found,) = wiring.measured_on([tmp_path / name for name in sizes], tmp_path, said.append)
    assert (len(found.texts), len(found.truth)) == (wiring.MEASURED_TEXTS,) * 2
    assert {part_of(text) for text in found.texts} == {"test"}
    assert len(said) == 1


def test_a_label_counts_what_its_own_labeller_is_trusted(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    given = effective([label(1), label(1, "Macro", task="topic")], {})
    folder.collect(given.items(), [], [], {Subject("e-1", "topic"): 0.25})
    (example,) = merge(read_file(folder.kept).rows)[0]
    assert example.weights == {"sentiment": 1.0, "topic": 0.25}


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


def glance(labels: int, **changed) -> Glance:
    return Glance(labels, None, WHEN, WHEN, **changed)


def test_a_number_of_labels_begins_a_run_that_waits_until_its_gate_can_speak() -> None:
    rules, drift = Rules(labels=300, least_labels=100, drift_labels=200), Drift({})
    assert wiring.decided(rules, drift, glance(299), later_texts=70) is None
    trigger = wiring.decided(rules, drift, glance(300), later_texts=70)
    assert trigger is not None
    assert "count (300 new labels are 300 or more)" in trigger.why
    assert (trigger.may_be_same, trigger.least_aside) == (False, 70)


def test_a_run_waits_for_as_many_texts_as_the_limits_want(place: Place, tmp_path: Path) -> None:
    chosen = tmp_path / "limits.toml"
    chosen.write_text("later_texts = 70")
    store = open_store(str(tmp_path / "store"), make=True)
    made = wiring.parts(
        replace(place, limits=chosen), store, policy=Policy(), rules=Rules(), drift=Drift({}), announce=lambda _: None
    )
    trigger = made.decide(glance(1_000))
    assert trigger is not None
    assert trigger.least_aside == 70


def test_an_old_champion_begins_one_that_may_be_the_same() -> None:
    old = Glance(150, None, WHEN - timedelta(days=40), WHEN)
    trigger = wiring.decided(Rules(), Drift({}), old, later_texts=70)
    assert trigger is not None
    assert (trigger.may_be_same, trigger.least_aside) == (True, 0)


def test_drift_of_the_champion_begins_a_run_with_fewer_labels() -> None:
    drift = Drift({})
    drift.follow("v-1")
    for number in range(3_000):
        share = 9_900 if number < 2_000 else 5_000
        said = Said("negative", {"negative": share, "positive": 10_000 - share})
        drift.answered(Answer(f"e-{number}", "v-1", {"sentiment": said}, at_ms=int(WHEN.timestamp() * 1000) - 1))
    trigger = wiring.decided(Rules(), drift, glance(250), later_texts=70)
    assert trigger is not None
    assert "drift (sentiment confidence changed" in trigger.why
    drift.follow("v-2")
    assert drift.alarms == ()
    assert wiring.decided(Rules(), drift, glance(250), later_texts=70) is None, "another champion begins anew"


def test_a_version_is_looked_for_here_and_in_the_store(place: Place, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), make=True)
    made = wiring.parts(place, store, policy=Policy(), rules=Rules(), drift=Drift({}), announce=lambda _: None)
    assert not made.has("v-0123456789")
    assert not made.is_published("v-0123456789")
    (place.registry / "v-0123456789").mkdir(parents=True)
    (place.registry / "v-0123456789" / "manifest.json").touch()
    store.create("versions/v-0123456789/manifest.json", b"{}")
    assert made.has("v-0123456789")
    assert made.is_published("v-0123456789")


def test_what_the_gate_judges_need_not_be_full_precisions_label_on_each_near_tie(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[build.Order] = []
    monkeypatch.setattr(build, "build", lambda order: orders.append(order) or "v-0123456789")
    monkeypatch.setattr("models.encoders.resolve", lambda *_: tmp_path)
    folder = folder_of(tmp_path, 1)
    folder.trained.mkdir()
    (folder.trained / TRAINING_FILE).write_text("{}")
    assert wiring.build(replace(place, base=()), None, folder, lambda _: None) == "v-0123456789"  # type: ignore[arg-type]
    assert orders[0].min_agreement == wiring.MIN_AGREEMENT < build.MIN_AGREEMENT
