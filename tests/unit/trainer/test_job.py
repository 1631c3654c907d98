"""One whole training on invented rows: what it writes, what it says, and that it can be scored again."""

import json
from pathlib import Path

import pytest

from models.classifier import load_trained
from models.engine import Task
from runtime.errors import InputError
from trainer import baseline, card, job, material, record, result
from trainer.dataset import Example, Row, part_of, read_file
from trainer.evaluate import trained_probabilities
from trainer.labels.aside import is_aside
from trainer.recipe import Recipe, load
from trainer.run import Run

RECIPE = """name = "tiny"
encoder = "minilm-en"
epochs = 4
learning_rate = 1e-2
hidden_dropout = 0.0
batch_tokens = 128
[lora]
rank = 4
alpha = 8
"""
TOPICS = {"Dividend": "dividend of {} $", "Earnings": "q3 results of {}"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, moods: dict[str, list[str]]) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("set")
    said = [
        {"text": f"{text} {n}", "label": mood} for mood, texts in moods.items() for text in texts for n in range(12)
    ]
    said += [{"text": "on the one hand", "label": "mixed"}]
    named = [{"text": form.format(f"bank {n}"), "label": topic} for topic, form in TOPICS.items() for n in range(60)]
    (folder / "mood.jsonl").write_text("\n".join(map(json.dumps, said)))
    (folder / "topic.jsonl").write_text("\n".join(map(json.dumps, named)))
    (folder / "other.jsonl").write_text(json.dumps({"text": "zenith shares jump", "label": "positive"}))
    return folder / "mood.jsonl", folder / "topic.jsonl", folder / "other.jsonl"


@pytest.fixture(scope="module")
def done(files, tiny_encoder: Path, tmp_path_factory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("job")
    (folder / "r.toml").write_text(RECIPE)
    mood, topic, other = files
    run = Run(checkpoint=folder / "out" / job.CHECKPOINT_FILE, precision="fp32")
    order = job.Order(folder / "r.toml", [mood, topic], folder / "out", run, checks=[other], encoder=str(tiny_encoder))
    return job.train(order), folder / "out"


def test_all_that_ships_is_written(done) -> None:
    _, out = done
    names = {file.name for file in out.iterdir()} - {job.CHECKPOINT_FILE}
    assert names == {
        "README.md", "adapter_config.json", "adapter_model.safetensors",
        "calibration.json", "headlines.txt", "heads.safetensors", "recipe.toml", "training.json",
    }  # fmt: skip
    assert (out / "recipe.toml").read_text() == RECIPE


def test_the_record_tells_data_split_and_scores_of_unseen_texts(done, files) -> None:
    facts, out = done
    assert facts == json.loads((out / "training.json").read_text())
    mood = facts["data"][0]
    assert mood["skipped"] == {"label 'mixed'": 1}
    assert len(mood["sha256"]) == 64
    parts = {(score["data"], score["task"]): score for score in facts["scores"]}
    own = parts[mood["name"], "sentiment"]
    assert own["n"] == mood["rows"]["test"] > 0
    assert own["accuracy"] > own["majority"]["accuracy"]
    assert parts[facts["checks"][0]["name"], "sentiment"]["part"] == "all"
    assert facts["trained_texts"] == sum(file["rows"]["train"] for file in facts["data"])


def test_no_sentence_of_the_data_and_no_path_of_the_machine_is_written(done, files) -> None:
    _, out = done
    texts = [json.loads(line)["text"] for file in files for line in file.read_text().splitlines()]
    for name in ("README.md", "training.json", "calibration.json", "adapter_config.json"):
        content = (out / name).read_text()
        assert not [text for text in texts if text in content]
        assert str(out.parent.parent) not in content


def test_texts_to_build_versions_with_are_drawn_from_the_training_part_alone(done, files) -> None:
    facts, out = done
    rows = [row for path in files[:2] for row in read_file(path).rows]
    lines = (out / "headlines.txt").read_text(encoding="utf-8").splitlines()
    assert set(lines) <= {row.text for row in rows if part_of(row.key) == "train"}
    assert len(lines) == len(set(lines)) == facts["headlines"]["texts"] > 100
    assert "(training texts) to build versions with" in (out / "README.md").read_text()


def test_texts_to_build_versions_with_follow_the_seed_or_a_file(tmp_path: Path) -> None:
    examples = [Example(f"text {n}", {}, f"text {n}") for n in range(300)]
    drawn = result.headlines(None, examples, seed=0)
    assert drawn == result.headlines(None, examples[::-1], seed=0) != result.headlines(None, examples, seed=1)
    (tmp_path / "own.txt").write_text("股价大涨\n\n")
    assert result.headlines(tmp_path / "own.txt", examples, 0) == ["股价大涨"]
    (tmp_path / "own.txt").write_text("\n")
    with pytest.raises(InputError, match=r"--headlines .*own\.txt holds no text; write some"):
        result.headlines(tmp_path / "own.txt", examples, 0)
    with pytest.raises(InputError, match=r"--headlines .*none\.txt cannot be read"):
        result.headlines(tmp_path / "none.txt", examples, 0)


def test_a_text_is_cut_where_the_encoder_ends(done) -> None:
    """The recipe says 256; a text of that many tokens would end a model of 64 positions."""
    _, out = done
    assert json.loads((out / "calibration.json").read_text())["max_length"] == 64


def test_the_card_names_scores_baselines_intervals_and_how_to_repeat_it(done) -> None:
    content = (done[1] / "README.md").read_text()
    for wanted in (
        "TF-IDF + LR",
        "majority",
        "95 % bootstrap",
        "ECE before",
        "--seed 0",
        "Use and limits",
        "One seed was",
    ):
        assert wanted in content


def test_the_result_loads_and_answers_with_calibrated_probabilities(done, tiny_encoder: Path) -> None:
    trained = load_trained(done[1], tiny_encoder)
    assert {task: len(own.labels) for task, own in trained.tasks.items()} == {"sentiment": 3, "topic": 20}
    found = trained_probabilities(trained, ["acme shares rise", "acme shares fall"], "sentiment")
    assert found.sum(1) == pytest.approx([1.0, 1.0], abs=1e-5)
    labels = trained.tasks["sentiment"].labels
    assert [labels[i] for i in found.argmax(1)] == ["positive", "negative"]


def test_a_sibling_shows_the_spread(done) -> None:
    facts, out = done
    other = record.spread(out, facts["recipe_sha256"])
    assert other["same_recipe"] is True
    assert record.spread(out, "0")["same_recipe"] is False
    content = card.card({**facts, "spread": [other]}, json.loads((out / "calibration.json").read_text()))
    assert "mean (lowest to highest)" in content
    assert "| 2 |" in content


def test_a_fraction_thins_the_texts_by_hash_and_keeps_them_nested(tmp_path: Path) -> None:
    rows = [Row(f"text {n}", "sentiment", "neutral", f"text {n}") for n in range(2000)]
    (tmp_path / "a.toml").write_text(RECIPE.replace("epochs", "fraction = 0.2\nepochs"))
    (tmp_path / "b.toml").write_text(RECIPE.replace("epochs", "fraction = 0.5\nepochs"))
    few, more = (material.training_part(rows, load(tmp_path / name)[0])[0] for name in ("a.toml", "b.toml"))
    assert 260 < len(few) < 380
    assert {e.key for e in few} < {e.key for e in more}


def test_of_a_file_that_is_learnt_whole_nothing_is_kept_for_tests_but_what_another_tests_by(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(RECIPE)
    for name, numbers in {"new": range(200), "base": range(100, 300)}.items():
        rows = [json.dumps({"text": f"bank {n} rises", "label": "positive"}) for n in numbers]
        (tmp_path / name).write_text("\n".join(rows))
    recipe, data = load(tmp_path / "a.toml")[0], [tmp_path / "new", tmp_path / "base"]
    usual = {e.key for e in material.gather(data, [], [], recipe, 0).examples}
    found = material.gather(data, [], [], recipe, 0, whole=[tmp_path / "new"])
    more = {f"bank {n} rises" for n in range(100) if part_of(f"bank {n} rises") == "test"}
    assert more
    assert {e.key for e in found.examples} == usual | more
    assert [file.name for file in found.tested] == [f"{tmp_path.name}/base"]


def test_of_an_export_of_labels_what_is_set_aside_is_not_learnt(tmp_path: Path) -> None:
    texts = [f"shares of number {number} rise again" for number in range(200)]
    plain = [{"text": text, "label": "positive"} for text in texts]
    for name, rows in (("plain", plain), ("labels", [{**row, "labeller": "ana"} for row in plain])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe(name="t", encoder="tiny", epochs=1, learning_rate=1e-3)
    learnt = {
        name: {e.text for e in material.gather([tmp_path / f"{name}.jsonl"], [], [], recipe, 0).new}
        for name in ("plain", "labels")
    }
    assert learnt["labels"] == {text for text in learnt["plain"] if not is_aside(text)} < learnt["plain"]


def test_nothing_left_to_train_on_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(RECIPE)
    rows = [Row("a", "sentiment", label, "a") for label in ("positive", "negative")]
    with pytest.raises(InputError, match="no text is left to train on"):
        material.training_part(rows, load(tmp_path / "a.toml")[0])


def test_the_baseline_learns_words_and_the_majority_only_counts() -> None:
    task = Task("sentiment", ("negative", "neutral", "positive"))
    texts, labels = ["shares rise"] * 6 + ["shares fall"] * 4, ["positive"] * 6 + ["negative"] * 4
    found = baseline.tfidf(task, texts, labels)(["they rise", "they fall"])
    assert [task.labels[i] for i in found.argmax(1)] == ["positive", "negative"]
    assert found[:, 1].tolist() == [0.0, 0.0]
    assert baseline.majority(task, labels, 1)[0] == pytest.approx([0.4, 0.0, 0.6])


def test_the_baseline_reads_characters_where_no_spaces_are() -> None:
    task = Task("sentiment", ("negative", "neutral", "positive"))
    texts, labels = (
        ["甲股大涨", "乙股大涨。", "丙股暴跌", "丁股暴跌。"] * 3,
        ["positive", "positive", "negative", "negative"] * 3,
    )
    found = baseline.tfidf(task, texts, labels)(["戊公司大涨", "己公司暴跌"])
    assert [task.labels[i] for i in found.argmax(1)] == ["positive", "negative"]


def test_the_card_names_the_language_of_the_encoder(done) -> None:
    facts, out = done
    calibration = json.loads((out / "calibration.json").read_text())
    assert "For short text like that which it was trained on:" in card.card(facts, calibration)
    for name, language in (("bge-small-zh", "Chinese"), ("minilm-en", "English")):
        said = card.card({**facts, "encoder": {**facts["encoder"], "name": name}}, calibration)
        assert f"For short {language} financial text:" in said


def test_the_card_tells_what_was_corrected_and_on_which_set_that_was_decided(done) -> None:
    facts, out = done
    calibration = json.loads((out / "calibration.json").read_text())
    assert "log frequency" not in card.card(facts, calibration)
    content = card.card({**facts, "prior_correction": {"sentiment": 0.6}}, calibration)
    assert "(0.6 for sentiment; Menon et al. 2021)" in content
    assert f"seen on {facts['checks'][0]['name']}" in content
