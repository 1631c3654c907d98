"""`bellwether evaluate` around an engine that answers by rule: what it prints, for people and for scripts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from models import registry
from models.engine import Engine
from models.fakes import NoopEngine
from runtime.errors import InputError
from trainer.dataset import part_of

ROWS = [{"text": f"acme story {n}", "label": label} for n in range(40) for label in ("negative", "neutral", "positive")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "labelled.jsonl"
    file.write_text("\n".join(json.dumps(row | {"text": f"{row['text']} {row['label']}"}) for row in ROWS))
    return file


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    calls: list[dict] = []

    def open_engine(version: str, **more: object) -> Engine:
        calls.append({"version": version, **more})
        return NoopEngine()

    monkeypatch.setattr(registry, "open_engine", open_engine)
    return calls


def ran(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_json_has_the_promised_keys_and_is_all_that_is_printed(data: Path) -> None:
    facts = json.loads(ran("--data", data, "--json"))
    assert {"task", "n", "accuracy", "macro_f1", "ece", "per_class", "model_version", "engine"} <= set(facts)
    assert (facts["task"], facts["n"]) == ("sentiment", 120)
    assert set(facts["per_class"]) == {"negative", "neutral", "positive"}
    assert facts["engine"] == NoopEngine().name


def test_the_chosen_model_and_engine_are_opened(data: Path, opened: list[dict]) -> None:
    ran("--data", data, "--model", "fast", "--engine", "torch-fp32", "--json")
    assert (opened[0]["version"], opened[0]["engine"]) == ("fast", "torch-fp32")


def test_a_split_keeps_only_its_own_rows(data: Path) -> None:
    rows = [json.loads(line)["text"] for line in data.read_text().splitlines()]
    facts = json.loads(ran("--data", data, "--split", "test", "--json"))
    assert facts["n"] == sum(part_of(text) == "test" for text in rows)
    assert 0 < facts["n"] < 120


def test_a_person_sees_scores_intervals_and_confusion(data: Path) -> None:
    shown = ran("--data", data)
    for wanted in ("sentiment", "120 texts", "macro-F1", "95 %", "ROC-AUC", "truth"):
        assert wanted in shown


def test_plots_are_written(data: Path, tmp_path: Path) -> None:
    ran("--data", data, "--plots", tmp_path / "pictures", "--json")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3


def test_rows_of_other_labels_are_counted(data: Path) -> None:
    data.write_text(data.read_text() + '\n{"text": "both", "label": "mixed"}')
    assert json.loads(ran("--data", data, "--json"))["skipped"] == {"label 'mixed'": 1}


def test_a_task_that_the_model_lacks_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match=r"--task 'mood' is none of model v-.*; it answers "):
        ran("--data", data, "--task", "mood")


def test_a_split_without_rows_is_refused(tmp_path: Path) -> None:
    text = next(f"story {n}" for n in range(100) if part_of(f"story {n}") == "train")
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text, "label": "neutral"}))
    with pytest.raises(InputError, match=r"has no row of task 'sentiment' in part 'test'; leave out --split"):
        ran("--data", tmp_path / "a.jsonl", "--split", "test")
