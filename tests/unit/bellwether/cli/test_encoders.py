import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from models import encoders


def ran(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["encoders", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELLWETHER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_scripts_get_every_known_encoder_and_whether_it_is_here(cache: Path) -> None:
    encoders.folder_of("minilm-en", cache).mkdir(parents=True)
    rows = {row["name"]: row for row in json.loads(ran("list", "--json"))["encoders"]}
    assert set(rows) == {"minilm-en", "bge-small-en", "bge-small-zh"}
    assert all(set(row) == {"name", "language", "parameters", "source", "present"} for row in rows.values())
    assert [rows["minilm-en"]["present"], rows["bge-small-en"]["present"]] == [True, False]
    assert rows["bge-small-zh"]["language"] == "zh"


def test_people_get_a_table() -> None:
    assert "33.4 M" in ran("list")


def test_get_prints_the_folder_and_its_digest(tiny_encoder: Path) -> None:
    assert ran("get", tiny_encoder).strip() == str(tiny_encoder)
    facts = json.loads(ran("get", tiny_encoder, "--json"))
    assert facts["folder"] == str(tiny_encoder)
    assert facts["weights_sha256"] == encoders.weights_digest(tiny_encoder)
