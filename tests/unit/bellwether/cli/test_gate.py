"""`bellwether gate` around engines that answer by rule: what it prints, and what it writes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from models import registry
from models.engine import Engine
from models.fakes import NoopEngine, ScriptedEngine
from runtime.errors import InputError

WORDS = {"positive": "jumps", "negative": "falls", "neutral": "meets"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "labelled.jsonl"
    rows = [{"text": f"acme {word} story {n}", "label": label} for n in range(110) for label, word in WORDS.items()]
    file.write_text("\n".join(map(json.dumps, rows)).replace("jumps", "rises"))
    return file


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """`quick` reads words, everything else answers all texts alike."""

    def open_engine(version: str, **more: object) -> Engine:
        return ScriptedEngine(version="v-0000000001") if version == "quick" else NoopEngine()

    monkeypatch.setattr(registry, "open_engine", open_engine)


def ran(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["gate", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    """Fakes do not pretend to be calibrated, to be equally fast or to know a negation."""
    path = tmp_path / "limits.toml"
    path.write_text("ece = 1.0\nspeed_ratio = 0.0001\nbehaviour_points = 100\nrecall_points = 100\n")
    return path


def test_json_is_all_that_is_printed_and_the_verdict_lies_in_a_file(data: Path, tmp_path: Path, limits: Path) -> None:
    out = tmp_path / "verdict.json"
    common = ("--later", data, "--golden", data, "--old", data, "--limits", limits, "--out", out, "--json")
    facts = json.loads(ran("quick", "--champion", "plain", *common))
    assert facts == json.loads(out.read_text())
    assert (facts["verdict"], facts["challenger"], facts["champion"]) == ("better", "v-0000000001", "v-0000000000")
    assert facts["numbers"]["slices"]["later in time"]["texts"] == 330
    assert json.loads(ran("plain", "--champion", "quick", *common))["verdict"] == "regression"


def test_a_person_sees_the_table_the_verdict_and_its_reasons(data: Path, tmp_path: Path, limits: Path) -> None:
    shown = ran("quick", "--champion", "plain", "--later", data, "--limits", limits, "--out", tmp_path / "v.json")
    for wanted in (
        "later in time",
        "macro-F1",
        "recall of neutral",
        "v-0000000001 beside v-0000000000: same",
        "too few",
    ):
        assert wanted in shown


def test_a_place_that_cannot_be_written_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write the verdict to .*none.v\.json: No such file or directory"):
        ran("quick", "--later", data, "--out", tmp_path / "none" / "v.json", "--json")
