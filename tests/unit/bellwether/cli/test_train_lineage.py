"""A child of a version names it, answers all that it answered, and is the same when it is trained twice."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from models import build, keys, lineage, manifest, parents, tiny
from models.classifier import load_trained, logits, result_files
from models.engines.torch_engine import load_wide
from runtime.errors import InputError, VersionNotFoundError
from trainer import job
from trainer.run import Run

MOODS = {"positive": "shares rise {}", "negative": "shares fall {}", "neutral": "shares steady {}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    tiny.write(folder / "tiny")
    for name, kind in (("full", "full"), ("lora", "lora")):
        (folder / f"{name}.toml").write_text(
            f'name = "{name}"\nkind = "{kind}"\nencoder = "minilm-en"\nepochs = 3\nlearning_rate = 1e-3\n'
            "max_length = 32\nreplay = 0.5\n[lora]\nrank = 2\n[prior_correction]\nsentiment = 0.6\n"
        )
    rows = [{"text": form.format(f"oil {n} {mood}"), "label": mood} for mood, form in MOODS.items() for n in range(30)]
    topics = [{"text": f"dividend of bank {n}", "label": "Dividend"} for n in range(40)]
    late = [{"text": f"profit {form.format(n)}", "label": mood} for mood, form in MOODS.items() for n in range(20)]
    for name, said in (("old.jsonl", rows + topics), ("new.jsonl", late)):
        (folder / name).write_text("\n".join(map(json.dumps, said)))
    return folder


def train(world: Path, out: str, recipe: str, data: str, **more) -> dict:
    run = Run(world / out / job.CHECKPOINT_FILE, seed=1, precision="fp32")
    order = job.Order(world / f"{recipe}.toml", [world / data], world / out, run, has_baselines=False, **more)
    return job.train(order)


def built(world: Path, out: str, encoder: Path | None = None) -> Path:
    order = build.Order(world / out, world / "registry", world / "keys", encoder=encoder, min_agreement=0.0)
    return world / "registry" / build.build(order)


@pytest.fixture(scope="module")
def first(world: Path) -> Path:
    encoder = world / "tiny" / "encoder"
    train(world, "first", "lora", "old.jsonl", encoder=str(encoder))
    return built(world, "first", encoder)


def open_first(world: Path, first: Path) -> Path:
    return parents.open_parent(first.name, world / "registry", world / "keys" / keys.TRUST_FILE)


@pytest.fixture(scope="module")
def child(world: Path, first: Path) -> tuple[dict, Path]:
    """Trained and built by the command itself."""
    options = [
        *("--recipe", world / "full.toml", "--data", world / "new.jsonl", "--replay", world / "old.jsonl"),
        *("--parent", first.name, "--out", world / "child", "--seed", 1, "--precision", "fp32", "--no-baselines"),
        *("--build", "--json"),
    ]
    facts = json.loads(ran(world, "train", *options))
    return facts, world / "registry" / facts["version"]


def ran(world: Path, *arguments: object) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BELLWETHER_HOME", str(world))
        done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_a_child_names_its_parent_and_keeps_its_encoders_name(child, first: Path) -> None:
    facts, folder = child
    found = manifest.read(folder)
    assert facts["parent"] == found.lineage.parent == first.name
    assert facts["encoder"]["name"] == found.encoder == "encoder"
    assert facts["kind"] == "full"
    assert found.lineage.base == facts["encoder"]["weights_sha256"] != manifest.read(first).lineage.base
    assert f"--parent {first.name}" in (folder / "README.md").read_text()


def test_show_prints_the_parent(world: Path, child, first: Path) -> None:
    shown = ran(world, "models", "show", child[1].name)
    assert f"trained on from {first.name}" in shown
    assert "trained on from" not in ran(world, "models", "show", first.name)
    assert json.loads(ran(world, "models", "show", child[1].name, "--json"))["parent"] == first.name


def test_a_script_learns_version_seconds_and_metrics(child) -> None:
    facts, folder = child
    assert folder.is_dir()
    assert facts["seconds"] > 0
    assert facts["seconds_per_1000_labels"] > 0
    assert {tuple(row) for row in facts["metrics"]} == {("data", "part", "task", "n", "accuracy", "macro_f1", "ece")}
    assert [row["macro_f1"] for row in facts["metrics"]] == [score["macro_f1"] for score in facts["scores"]]


def test_curves_are_drawn_for_tensorboard(child, world: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = {file.parent for file in (world / "child" / "curves").rglob("events.*")}
    events = EventAccumulator(str(folder))
    events.Reload()
    assert {"loss", "learning_rate"} <= set(events.Tags()["scalars"])


def test_a_child_answers_every_task_of_its_parent_also_without_a_new_label(child, first: Path) -> None:
    found, before = manifest.read(child[1]), manifest.read(first)
    assert {name: task.labels for name, task in found.tasks.items()} == {
        name: task.labels for name, task in before.tasks.items()
    }


def test_old_texts_are_learnt_again_in_the_recipes_share_and_scored(child) -> None:
    facts, _ = child
    assert facts["replayed_texts"] == round(0.5 * (facts["trained_texts"] - facts["replayed_texts"])) > 0
    assert facts["trained_labels"] == facts["data"][0]["rows"]["train"]
    assert facts["seconds_per_1000_labels"] == pytest.approx(1000 * facts["seconds"] / facts["trained_labels"], rel=0.1)
    assert {score["data"].split("/")[1] for score in facts["scores"]} == {"new.jsonl", "old.jsonl"}


def test_training_begins_as_the_parent_and_its_calibration_stays_where_nothing_new_is_known(
    world: Path, first: Path
) -> None:
    """At a rate of nearly nothing the child is the parent, in both tasks, corrected shares included."""
    still = (world / "full.toml").read_text().replace("1e-3", "1e-12")
    (world / "still.toml").write_text(still)
    parent = open_first(world, first)
    train(world, "still", "still", "new.jsonl", parent=parent)
    found = load_trained(world / "still", parent)
    texts = ["shares rise 1", "dividend of bank 2", "oil falls"]
    before = load_wide(manifest.read(first), first)
    np.testing.assert_allclose(
        logits(found.model, found.tokenizer, texts, 32), logits(before, found.tokenizer, texts, 32), atol=1e-5
    )
    theirs = manifest.read(first).calibrations_of("torch-fp32")["topic"]
    assert found.temperatures["topic"] == pytest.approx(theirs.temperature, abs=1e-6)


def test_the_same_recipe_data_and_seed_are_the_same_version_bit_for_bit(world: Path, child, first: Path) -> None:
    parent = open_first(world, first)
    facts = train(world, "again", "full", "new.jsonl", parent=parent, replay=[world / "old.jsonl"])
    made = lineage.lineage_of(world / "again", facts)
    assert lineage.version_name(made) == child[1].name
    for name in result_files(world / "again"):
        assert (world / "again" / name).read_bytes() == (world / "child" / name).read_bytes()


def test_a_lora_of_the_same_recipe_data_and_seed_is_too_and_another_seed_is_not(world: Path, first: Path) -> None:
    encoder = str(world / "tiny" / "encoder")
    facts = train(world, "twice", "lora", "old.jsonl", encoder=encoder)
    assert lineage.version_name(lineage.lineage_of(world / "twice", facts)) == first.name
    run = Run(world / "other" / job.CHECKPOINT_FILE, seed=2, precision="fp32")
    order = job.Order(
        world / "lora.toml", [world / "old.jsonl"], world / "other", run, encoder=encoder, has_baselines=False
    )
    assert lineage.version_name(lineage.lineage_of(world / "other", job.train(order))) != first.name


def test_a_parent_that_is_not_here_or_was_changed_or_lies_elsewhere_is_refused(
    world: Path, first: Path, tmp_path: Path
) -> None:
    trust = world / "keys" / keys.TRUST_FILE
    with pytest.raises(VersionNotFoundError, match="v-0000000000"):
        parents.open_parent("v-0000000000", world / "registry", trust)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "manifest.json").write_bytes((first / "manifest.json").read_bytes())
    with pytest.raises(InputError, match="is no version of"):
        parents.open_parent(str(tmp_path / "copy"), world / "registry", trust)
