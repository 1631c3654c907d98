"""The real loop on a tiny encoder: that it learns, that it masks, and that a killed run ends as an unbroken one."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from models.classifier import Trained, columns, head_names, logits
from trainer import finetune, kinds, loss, optimising, priors, result
from trainer.dataset import Example, Row
from trainer.feed import Feed
from trainer.loss import UNLABELLED
from trainer.recipe import Augment, Lora, Recipe
from trainer.run import Finished, Progress, Run

TASKS = {"sentiment": ("negative", "neutral", "positive"), "topic": ("Dividend", "Earnings")}
RECIPE = Recipe(
    name="t",
    encoder="tiny",
    epochs=20,
    learning_rate=1e-2,
    batch_tokens=64,
    max_length=32,
    hidden_dropout=0.0,
    lora=Lora(rank=4, alpha=8),
)


@pytest.fixture(scope="module")
def examples(moods: dict[str, list[str]]) -> list[Example]:
    said = [Example(text, {"sentiment": mood}, text) for mood, texts in moods.items() for text in texts]
    return [
        *said,
        Example("dividend of 5 $", {"topic": "Dividend"}, "d"),
        Example("q3 results", {"topic": "Earnings"}, "e"),
    ]


def run_of(folder: Path, **more) -> Run:
    return Run(checkpoint=folder / "c.pt", precision="fp32", **more)


@pytest.fixture(scope="module")
def trained(examples, tiny_encoder: Path, tmp_path_factory) -> tuple[Finished, Trained, Path]:
    out = tmp_path_factory.mktemp("trained")
    done = finetune.finetune(RECIPE, examples, TASKS, tiny_encoder, run_of(out))
    result.save_weights(done.model, out, "tiny")
    rows = [Row(e.text, task, label, e.key) for e in examples for task, label in e.labels.items()]
    return done, result.calibrate(out, tiny_encoder, TASKS, rows, RECIPE.max_length), out


def test_it_learns_both_tasks_at_once(trained, examples) -> None:
    _, loaded, _ = trained
    found = columns(loaded.model.config)
    wide = logits(loaded.model, loaded.tokenizer, [e.text for e in examples], 32)
    for example, row in zip(examples, wide, strict=True):
        for task, label in example.labels.items():
            assert max(found[task], key=lambda name: row[found[task][name]]) == label


def test_what_is_written_scores_as_what_was_trained(trained, examples) -> None:
    done, loaded, _ = trained
    texts = [e.text for e in examples]
    before = logits(done.model, loaded.tokenizer, texts, 32)
    after = logits(loaded.model, loaded.tokenizer, texts, 32)
    np.testing.assert_allclose(after, before, atol=0.02)  # adapters are rounded to fp16
    assert not any("lora" in name for name, _ in loaded.model.named_parameters())


def test_the_adapter_holds_only_adapters_in_half_precision_and_no_path(trained) -> None:
    from safetensors.torch import load_file

    _, _, out = trained
    adapter, heads = load_file(out / "adapter_model.safetensors"), load_file(out / "heads.safetensors")
    assert {tensor.dtype for tensor in adapter.values()} == {torch.float16}
    assert all("lora_" in name for name in adapter)
    assert {name.rpartition(".")[0] for name in heads} == {"bert.pooler.dense", "classifier"}
    config = (out / "adapter_config.json").read_text()
    assert '"base_model_name_or_path": "tiny"' in config
    assert not re.search(r"/(tmp|home|work|root)", config)


def test_only_adapters_pooler_and_heads_are_trained(tiny_encoder: Path) -> None:
    model = kinds.prepared(RECIPE, TASKS, tiny_encoder, steps=9)
    whole = set(head_names(model.base_model.model))
    for name, parameter in model.base_model.model.named_parameters():
        assert parameter.requires_grad == (name in whole or "lora_" in name), name
    linears = sum(isinstance(m, torch.nn.Linear) and "lora" not in n for n, m in model.named_modules())
    assert sum("lora_A" in name for name, _ in model.named_parameters()) == linears - 2  # not the pooler, not the head


def test_a_killed_run_ends_exactly_as_an_unbroken_one(examples, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        name="t",
        encoder="tiny",
        epochs=2.5,
        learning_rate=5e-3,
        batch_tokens=40,
        hidden_dropout=0.2,
        augment=Augment(drop_words=0.2),
    )

    class KilledError(Exception):
        pass

    def die(at: Progress) -> None:
        if at.step == 4:
            raise KilledError

    def weights(folder: Path, **more) -> dict[str, torch.Tensor]:
        run = run_of(folder, seed=3, checkpoint_every_s=0.0, report_every_s=0.0, **more)
        model = finetune.finetune(recipe, examples, TASKS, tiny_encoder, run).model
        return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    (tmp_path / "a").mkdir()
    unbroken = weights(tmp_path / "a")
    with pytest.raises(KilledError):
        weights(tmp_path / "b", report=die)
    assert (tmp_path / "b" / "c.pt").exists()
    torch.manual_seed(99)
    resumed = weights(tmp_path / "b")
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)


def test_another_seed_gives_another_model(examples, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = Recipe(name="t", encoder="tiny", epochs=0.2, learning_rate=1e-3)
    one, two = (
        finetune.finetune(recipe, examples, TASKS, tiny_encoder, run_of(tmp_path / str(seed), seed=seed)).model
        for seed in (0, 1)
    )
    assert not torch.equal(one.base_model.model.classifier.weight, two.base_model.model.classifier.weight)


def test_a_task_without_label_adds_nothing_to_the_loss() -> None:
    wide = torch.randn(2, 5)
    task_columns = {"sentiment": torch.tensor([0, 1, 2]), "topic": torch.tensor([3, 4])}
    targets = {"sentiment": torch.tensor([2, UNLABELLED]), "topic": torch.tensor([UNLABELLED, 0])}
    weights = {"sentiment": torch.tensor([1.0, 0.0]), "topic": torch.tensor([0.0, 3.0])}
    found, labels = loss.masked_loss(wide, targets, weights, task_columns, 0.0)
    expected = -wide[0, :3].log_softmax(0)[2] - 3 * wide[1, 3:].log_softmax(0)[0]
    assert labels == 2
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_a_batch_without_any_label_has_no_loss() -> None:
    found, labels = loss.masked_loss(
        torch.randn(1, 2),
        {"a": torch.tensor([UNLABELLED])},
        {"a": torch.tensor([0.0])},
        {"a": torch.tensor([0, 1])},
        0.1,
    )
    assert (float(found), labels) == (0.0, 0)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    factor = optimising.linear(100, 0.1)
    assert factor(0) == pytest.approx(0.1)
    assert factor(9) == 1.0
    assert factor(55) == pytest.approx(0.5)
    assert 0 < factor(99) < 0.02


def test_every_text_is_seen_once_an_epoch_and_batches_keep_their_budget(examples, tiny_encoder: Path) -> None:
    from models.classifier import load_tokenizer

    feed = Feed(RECIPE, examples * 20, TASKS, load_tokenizer(tiny_encoder), seed=0)
    first, second = feed.order(0), feed.order(1)
    assert sorted(index for batch in first for index in batch) == list(range(len(examples) * 20))
    assert first != second
    assert first == feed.order(0)
    assert all(feed.batch(batch, 0).inputs["input_ids"].numel() <= RECIPE.batch_tokens for batch in first)


def test_frequent_labels_lose_and_rare_ones_win_by_their_log_share(tiny_encoder: Path) -> None:
    model = kinds.prepared(RECIPE, TASKS, tiny_encoder, steps=9)
    bias = model.base_model.model.classifier.bias
    before = bias.detach().clone()
    seen = [Example("x", {"sentiment": "neutral"}, "x")] * 8 + [Example("y", {"sentiment": "positive"}, "y")] * 2
    priors.correct(model, [*seen, Example("z", {"topic": "Dividend"}, "z")], {"sentiment": 0.5})
    moved = (bias - before).detach()
    found = columns(model.base_model.model.config)
    gap = moved[found["sentiment"]["positive"]] - moved[found["sentiment"]["neutral"]]
    assert float(gap) == pytest.approx(0.5 * np.log(8 / 2), rel=1e-4)
    assert moved[found["sentiment"]["negative"]] == 0  # never seen: nothing is known of it
    assert all(moved[column] == 0 for column in found["topic"].values())
