from pathlib import Path

import numpy as np
import pytest
import torch

from models import classifier
from runtime.errors import ModelError

TASKS = {"sentiment": ("negative", "neutral", "positive"), "topic": ("Dividend", "Energy | Oil")}
TEXTS = ["acme shares rise after profit", "oil falls", "shares of the bank hold steady on dividend results", "a"]


@pytest.fixture(scope="module")
def wide(tiny_encoder: Path) -> torch.nn.Module:
    torch.manual_seed(1)
    return classifier.build_wide(tiny_encoder, TASKS).eval()


def test_columns_are_found_by_name(wide) -> None:
    found = classifier.columns(wide.config)
    assert {task: set(labels) for task, labels in found.items()} == {
        task: set(labels) for task, labels in TASKS.items()
    }
    assert len({column for labels in found.values() for column in labels.values()}) == 5


def test_logits_come_in_the_order_of_the_texts_whatever_the_batches(wide, tiny_encoder: Path) -> None:
    tokenizer = classifier.load_tokenizer(tiny_encoder)
    alone = np.concatenate([classifier.logits(wide, tokenizer, [text], 64) for text in TEXTS])
    together = classifier.logits(wide, tokenizer, TEXTS, 64)
    tight = classifier.logits(wide, tokenizer, TEXTS, 64, batch_tokens=16)
    assert together.shape == (4, 5)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(tight, alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


def test_no_text_has_no_logits(wide, tiny_encoder: Path) -> None:
    assert classifier.logits(wide, classifier.load_tokenizer(tiny_encoder), [], 64).shape == (0, 5)


def test_a_long_text_is_cut_at_the_given_length(wide, tiny_encoder: Path) -> None:
    tokenizer = classifier.load_tokenizer(tiny_encoder)
    cut = classifier.logits(wide, tokenizer, ["acme rise " * 50], 8)
    np.testing.assert_allclose(cut, classifier.logits(wide, tokenizer, ["acme rise acme rise acme rise"], 8), atol=1e-5)


def test_a_sliced_task_is_a_stock_model_with_the_same_logits(wide, tiny_encoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    classifier.slice_task(wide, "topic").save_pretrained(tmp_path)
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert stock.config.id2label == {0: "Dividend", 1: "Energy | Oil"}
    own = list(classifier.columns(wide.config)["topic"].values())
    tokenizer = classifier.load_tokenizer(tiny_encoder)
    expected = classifier.logits(wide, tokenizer, TEXTS, 64)[:, own]
    np.testing.assert_allclose(classifier.logits(stock, tokenizer, TEXTS, 64), expected, atol=1e-5)


def test_slicing_leaves_the_wide_model_whole(wide) -> None:
    classifier.slice_task(wide, "topic")
    assert len(wide.config.id2label) == 5
    assert classifier.last_linear(wide)[1].out_features == 5


def test_an_unknown_task_is_refused_with_the_known_ones(wide) -> None:
    with pytest.raises(ModelError, match=r"no task 'mood'; it has sentiment, topic"):
        classifier.slice_task(wide, "mood")


def test_heads_are_what_lies_outside_the_encoder_and_its_pooler(wide) -> None:
    names = classifier.head_names(wide)
    assert set(names) == {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no encoder that can be classified with"):
        classifier.build_wide(tmp_path, TASKS)


def test_a_result_without_calibration_says_what_made_it(tmp_path: Path, tiny_encoder: Path) -> None:
    with pytest.raises(ModelError, match=r"calibration.json cannot be read.*a folder that `bellwether train` wrote"):
        classifier.load_trained(tmp_path, tiny_encoder)


def test_a_record_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("[]")
    with pytest.raises(ModelError, match="holds no JSON object"):
        classifier.read_json(tmp_path / "calibration.json")


def test_a_model_with_plain_labels_is_no_wide_one(wide) -> None:
    with pytest.raises(ModelError, match=r"'Dividend' of the model is no 'task/label'"):
        classifier.columns(classifier.slice_task(wide, "topic").config)
