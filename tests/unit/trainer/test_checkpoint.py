"""A checkpoint is gone on from by the very run that wrote it, and is gone when that has ended."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from runtime.errors import InputError
from trainer import checkpoint, finetune, job
from trainer.dataset import Example
from trainer.recipe import Lora, Recipe
from trainer.run import Run

TASKS = {"sentiment": ("negative", "neutral", "positive")}
RECIPE = Recipe(name="t", encoder="tiny", epochs=0.2, learning_rate=1e-3)


@pytest.fixture(scope="module")
def examples(moods: dict[str, list[str]]) -> list[Example]:
    return [Example(text, {"sentiment": mood}, text) for mood, texts in moods.items() for text in texts]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(checkpoint=tmp_path / "c.pt", precision="fp32", seed=3)


@pytest.fixture
def begun(run: Run, examples, tiny_encoder: Path) -> Run:
    """A run whose checkpoint lies there, at its last step."""
    finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, run)
    return run


@pytest.mark.parametrize(
    "changed", [{"learning_rate": 1e-2}, {"epochs": 0.3}, {"lora": Lora(rank=2)}, {"prior_correction": {"x": 0.5}}]
)
def test_another_recipe_is_refused(begun: Run, examples, tiny_encoder: Path, changed: dict[str, object]) -> None:
    other = msgspec.structs.replace(RECIPE, **changed)
    expected = r"c\.pt is of a run with another recipe \(\w{16} then, \w{16} now\); choose another --out, or delete it"
    with pytest.raises(InputError, match=expected):
        finetune.finetune(other, examples, TASKS, tiny_encoder, begun)


def test_other_data_are_refused(begun: Run, examples, tiny_encoder: Path) -> None:
    relabelled = [replace(examples[0], labels={"sentiment": "neutral"}), *examples[1:]]
    for other in (examples[1:], relabelled, examples[::-1]):
        with pytest.raises(InputError, match=r"of a run with another data \(\w{16} then, \w{16} now\);"):
            finetune.finetune(RECIPE, other, TASKS, tiny_encoder, begun)


def test_another_seed_and_precision_are_refused_and_both_told(begun: Run, examples, tiny_encoder: Path) -> None:
    other = replace(begun, seed=4, precision="bf16")
    with pytest.raises(InputError, match=r"with another seed \(3 then, 4 now\), precision \(fp32 then, bf16 now\);"):
        finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, other)


def test_another_encoder_of_the_same_shape_is_refused(begun: Run, examples, tiny_encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    other = tmp_path / "encoder"
    other.mkdir()
    for file in tiny_encoder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    weights = load_file(other / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name] + 1}, other / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"of a run with another encoder \("):
        finetune.finetune(RECIPE, examples, TASKS, other, begun)


def test_auto_keeps_the_precision_that_the_run_began_with(
    run: Run, examples, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = replace(run, precision="auto")
    monkeypatch.setattr("trainer.precision.faster", lambda *_: "fp32")
    assert finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, auto).precision == "fp32"
    monkeypatch.setattr("trainer.precision.faster", lambda *_: "bf16")
    assert finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, auto).precision == "fp32"


def test_a_checkpoint_of_before_identities_is_refused(begun: Run, examples, tiny_encoder: Path) -> None:
    state = torch.load(begun.checkpoint, weights_only=True)
    del state["identity"]
    torch.save(state, begun.checkpoint)
    with pytest.raises(InputError, match="does not say what it was begun with, an older Bellwether wrote it; choose"):
        finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, begun)


def test_a_damaged_checkpoint_is_refused(run: Run, examples, tiny_encoder: Path) -> None:
    run.checkpoint.write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"cannot go on from .*c\.pt: .*; choose another --out, or delete it"):
        finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, run)


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    file, identity = tmp_path / "deep" / "c.pt", {"seed": "0", "precision": "fp32"}
    assert checkpoint.read(file, identity) is None
    assert checkpoint.restore(None, model, optimizer, schedule) == (0, 0.0, {})
    checkpoint.save(file, 7, model, optimizer, schedule, identity=identity, seconds=1.5, more={"a": 1})
    saved = checkpoint.read(file, {"seed": "0"})
    assert saved is not None
    assert saved.identity == identity
    assert checkpoint.restore(saved, model, optimizer, schedule) == (7, 1.5, {"a": 1})
    assert [found.name for found in file.parent.iterdir()] == ["c.pt"]
    with pytest.raises(InputError, match=r"c\.pt has other weights than the model"):
        checkpoint.restore(saved, torch.nn.Linear(3, 2), optimizer, schedule)


class KilledError(Exception):
    pass


def test_a_finished_order_leaves_no_checkpoint_and_begins_anew_with_other_data(
    tiny_encoder: Path, tmp_path: Path, moods: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [{"text": f"{text} {n}", "label": mood} for mood, texts in moods.items() for text in texts for n in range(8)]
    one, two, recipe, out = (tmp_path / name for name in ("one.jsonl", "two.jsonl", "r.toml", "out"))
    one.write_text("\n".join(map(json.dumps, said)))
    swapped = {"positive": "negative", "negative": "positive"}
    two.write_text("\n".join(json.dumps({**row, "label": swapped[row["label"]]}) for row in said))
    recipe.write_text('name = "r"\nencoder = "minilm-en"\nepochs = 1\nlearning_rate = 1e-3\n')

    def train(data: Path) -> tuple[dict[str, object], bytes]:
        run = Run(checkpoint=out / job.CHECKPOINT_FILE, precision="fp32")
        facts = job.train(job.Order(recipe, [data], out, run, encoder=str(tiny_encoder), has_baselines=False))
        return facts, (out / "heads.safetensors").read_bytes()

    first, weights = train(one)
    assert not (out / job.CHECKPOINT_FILE).exists()
    second, others = train(two)
    assert second["data"] != first["data"]
    assert others != weights
    assert train(one)[1] == weights

    def die(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as killed:
        killed.setattr(job.result, "calibrate", die)
        with pytest.raises(KilledError):
            train(two)
    assert not (out / "training.json").exists()  # the old record must not stand beside the new weights
    with pytest.raises(InputError, match=r"checkpoint\.pt is of a run with another data"):
        train(one)
    assert train(two)[1] == others
