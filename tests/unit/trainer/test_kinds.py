"""Each kind of recipe, really trained: what it opens, that it loads again, and that a kill changes nothing."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from models.classifier import head_names, load_trained, logits, result_files
from runtime.errors import InputError
from trainer import finetune, kinds, result
from trainer.dataset import Example
from trainer.recipe import Augment, Lora, Recipe
from trainer.run import Progress, Run

TASKS = {"sentiment": ("negative", "neutral", "positive"), "topic": ("Dividend", "Earnings")}
RECIPE = Recipe(
    name="t", encoder="tiny", epochs=8, learning_rate=1e-2, batch_tokens=40, max_length=32, hidden_dropout=0.2,
    layers=1, lora=Lora(rank=4, alpha=8), augment=Augment(drop_words=0.2),
)  # fmt: skip
KINDS = ("lora", "adalora", "ia3", "partial", "full")


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def examples(moods: dict[str, list[str]]) -> list[Example]:
    said = [Example(text, {"sentiment": mood}, text) for mood, texts in moods.items() for text in texts]
    return [*said, Example("dividend of 5 $", {"topic": "Dividend"}, "d")]


def train(recipe: Recipe, examples, encoder: Path, folder: Path, valid=(), **more) -> finetune.Finished:
    folder.mkdir(exist_ok=True)
    run = Run(folder / "c.pt", seed=3, precision="fp32", checkpoint_every_s=0.0, report_every_s=0.0, **more)
    return finetune.finetune(recipe, examples, TASKS, encoder, run, valid=valid)


def weights(done: finetune.Finished) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in done.model.named_parameters() if p.requires_grad}


def largest_difference(one: finetune.Finished, other: finetune.Finished) -> float:
    theirs = weights(other)
    return max(float((own - theirs[name]).abs().max()) for name, own in weights(one).items())


@pytest.fixture(scope="module", params=KINDS)
def kind(request, examples, tiny_encoder: Path, tmp_path_factory):
    recipe = msgspec.structs.replace(RECIPE, kind=request.param)
    folder = tmp_path_factory.mktemp(request.param)
    return recipe, train(recipe, examples, tiny_encoder, folder), folder


def test_it_opens_what_it_says(kind, tiny_encoder: Path) -> None:
    recipe, _, _ = kind
    wide = kinds.inner(kinds.prepared(recipe, TASKS, tiny_encoder, steps=20))
    opened = {name for name, p in wide.named_parameters() if p.requires_grad} - set(head_names(wide))
    marks = {"lora": ("lora_A", "lora_B"), "adalora": ("lora_A", "lora_B", "lora_E"), "ia3": ("ia3_l",)}
    if recipe.kind == "partial":
        assert opened == {name for name, _ in wide.named_parameters() if ".encoder.layer.1." in name}
    elif recipe.kind == "full":
        assert opened == {name for name, _ in wide.named_parameters()} - set(head_names(wide))
    else:
        assert opened
        assert all(any(mark in name for mark in marks[recipe.kind]) for name in opened)


def test_what_is_saved_scores_as_what_was_trained(kind, examples, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe, done, _ = kind
    texts = [example.text for example in examples]
    result.save_weights(done.model, tmp_path, "tiny")
    loaded = result.calibrate(tmp_path, tiny_encoder, TASKS, [], recipe.max_length)
    found = logits(loaded.model, loaded.tokenizer, texts, 32)
    rounding = 2e-2 if recipe.kind in ("lora", "adalora", "ia3") else 1e-5  # adapters ship in fp16
    np.testing.assert_allclose(found, logits(done.model, loaded.tokenizer, texts, 32), atol=rounding)
    untrained = kinds.prepared(recipe, TASKS, tiny_encoder, steps=20).eval()
    assert np.abs(found - logits(untrained, loaded.tokenizer, texts, 32)).max() > 0.1
    assert not any("lora_" in name or "ia3_" in name for name, _ in loaded.model.named_parameters())


def test_a_result_of_another_kind_in_the_same_folder_leaves_nothing_behind(
    kind, examples, tiny_encoder: Path, tmp_path: Path
) -> None:
    recipe, done, _ = kind
    for name in ("encoder.safetensors", "adapter_model.safetensors", "adapter_config.json"):
        (tmp_path / name).write_text("of before")
    result.save_weights(done.model, tmp_path, "tiny")
    result.calibrate(tmp_path, tiny_encoder, TASKS, [], recipe.max_length)
    assert {file.name for file in tmp_path.iterdir()} == set(result_files(tmp_path))
    assert set(load_trained(tmp_path, tiny_encoder).tasks) == set(TASKS)


def test_a_run_that_is_killed_in_the_middle_ends_as_the_unbroken_one(
    kind, examples, tiny_encoder: Path, tmp_path: Path
) -> None:
    recipe, unbroken, _ = kind

    def die(at: Progress) -> None:
        if at.step == unbroken.steps * 2 // 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(recipe, examples, tiny_encoder, tmp_path, report=die)
    torch.manual_seed(99)
    resumed = train(recipe, examples, tiny_encoder, tmp_path)
    assert largest_difference(unbroken, resumed) == 0.0
    assert resumed.steps == unbroken.steps > 12
    for done, name in ((unbroken, "a"), (resumed, "b")):
        result.save_weights(done.model, tmp_path / name, "tiny")
    files = [file.name for file in (tmp_path / "a").iterdir()]
    assert "heads.safetensors" in files
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_a_step_in_parts_is_the_same_step(examples, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(RECIPE, hidden_dropout=0.0, batch_tokens=64, learning_rate=1e-3)
    whole = train(recipe, examples, tiny_encoder, tmp_path / "whole")
    parts = train(msgspec.structs.replace(recipe, accumulate=3), examples, tiny_encoder, tmp_path / "parts")
    assert whole.steps == parts.steps
    assert 0 < largest_difference(whole, parts) < 1e-4


def test_training_ends_when_the_validation_part_gains_no_more_and_the_best_weights_stay(
    examples, tiny_encoder: Path, tmp_path: Path
) -> None:
    """The unseen texts are the seen ones with other labels: what is learnt of these is a loss there."""
    other = {"positive": "negative", "negative": "positive"}
    wrong = [Example(e.text, {"sentiment": other[e.labels["sentiment"]]}, e.key) for e in examples[:-1]]
    recipe = msgspec.structs.replace(RECIPE, patience=2, epochs=30, learning_rate=3e-2)
    done = train(recipe, examples, tiny_encoder, tmp_path / "early", wrong)
    per_epoch = train(msgspec.structs.replace(recipe, epochs=1), examples, tiny_encoder, tmp_path / "one").steps
    assert done.steps == done.best_step + 2 * per_epoch < 30 * per_epoch

    def die(at: Progress) -> None:
        if at.step == done.best_step + 1:
            raise KilledError

    with pytest.raises(KilledError):
        train(recipe, examples, tiny_encoder, tmp_path / "killed", wrong, report=die)
    resumed = train(recipe, examples, tiny_encoder, tmp_path / "killed", wrong)
    assert (resumed.steps, resumed.best_step) == (done.steps, done.best_step)
    assert largest_difference(done, resumed) == 0.0


def test_more_layers_than_there_are_is_refused(tiny_encoder: Path) -> None:
    recipe = msgspec.structs.replace(RECIPE, kind="partial", layers=3)
    with pytest.raises(InputError, match="layers = 3, but the encoder has 2; choose fewer, or kind `full`"):
        kinds.prepared(recipe, TASKS, tiny_encoder, steps=1)
