"""What `label export` chooses among labels is what the trainer would, by the same file of labellers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from bellwether.labels import topic
from runtime.errors import InputError
from wire import labels
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def label(says: str, labeller: str) -> LabelSubmitted:
    return LabelSubmitted(event_id="e-1", task="sentiment", label=says, labeller=labeller, labelled_at=WHEN)


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    said = (label("negative", "ana"), label("positive", "bo"))
    held = topic.Present({labels.key(one): one for one in said}, unreadable=0)
    monkeypatch.setattr(topic, "present", lambda _: held)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "labellers.toml").write_text("[ranks]\nana = 2\nbo = 1\n")
    return tmp_path / "labellers.toml"


def exported(path: Path, *options: str) -> list[str]:
    result = CliRunner().invoke(app, ["label", "export", str(path), *options])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return [json.loads(line)["label"] for line in path.read_text().splitlines()]


def test_of_two_labels_of_an_instant_the_higher_rank_counts(tmp_path: Path, policy: Path) -> None:
    assert exported(tmp_path / "ranked.jsonl", "--labellers", str(policy)) == ["negative"]
    assert exported(tmp_path / "by_name.jsonl") == ["positive"]
    assert exported(tmp_path / "all.jsonl", "--labellers", str(policy), "--all") == ["negative", "positive"]


def test_the_ranks_are_the_settings_where_no_file_is_given(
    tmp_path: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_LABELLERS", str(policy))
    assert exported(tmp_path / "out.jsonl") == ["negative"]


def test_a_file_of_labellers_that_is_not_there_stops_the_export(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(app, ["label", "export", str(out), "--labellers", str(tmp_path / "none.toml")])
    assert isinstance(result.exception, InputError)
    assert "no label policy" in str(result.exception)
    assert not out.exists()
