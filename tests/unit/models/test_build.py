from __future__ import annotations

import json
from pathlib import Path

import pytest

from models import build, lineage, tiny
from models.classifier import HEADLINES_FILE, TRAINING_FILE
from models.text import clean
from runtime.errors import ModelError


def test_the_headlines_are_enough_varied_and_clean() -> None:
    headlines = build.builtin_headlines()
    lengths = [len(text) for text in headlines]
    assert len(headlines) == len(set(headlines)) >= 120
    assert min(lengths) < 25
    assert max(lengths) > 250
    assert headlines == [clean(text) for text in headlines]


def test_each_file_that_decides_a_version_is_there() -> None:
    here = build.HEADLINES.parent
    assert all(list(here.glob(pattern)) for pattern in lineage.CODE)


def test_a_results_own_texts_come_before_the_built_in_ones(tmp_path: Path) -> None:
    assert build.headlines_of(tmp_path) == build.builtin_headlines()
    (tmp_path / HEADLINES_FILE).write_text("股价大涨 \n\n业绩不佳\n", encoding="utf-8")
    assert build.headlines_of(tmp_path) == ["股价大涨", "业绩不佳"]
    (tmp_path / HEADLINES_FILE).write_text("\n")
    with pytest.raises(ModelError, match=r"headlines\.txt holds no text; write some of the kind"):
        build.headlines_of(tmp_path)


def test_a_results_own_texts_are_part_of_the_versions_name(tmp_path: Path) -> None:
    trained = tiny.write(tmp_path).trained
    facts = json.loads((trained / TRAINING_FILE).read_text())
    names = [lineage.version_name(lineage.lineage_of(trained, facts))]
    for said in ("a\n", "b\n"):
        (trained / HEADLINES_FILE).write_text(said)
        names.append(lineage.version_name(lineage.lineage_of(trained, facts)))
    assert len(set(names)) == 3


def test_the_manifests_format_is_part_of_the_versions_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = tiny.write(tmp_path).trained
    facts = json.loads((trained / TRAINING_FILE).read_text())
    before = lineage.version_name(lineage.lineage_of(trained, facts))
    monkeypatch.setattr(lineage, "FORMAT", lineage.FORMAT + 1)
    assert lineage.version_name(lineage.lineage_of(trained, facts)) != before


def test_a_version_that_does_not_verify_stays_until_another_replaces_it(tmp_path: Path) -> None:
    made = tiny.write(tmp_path)
    facts = json.loads((made.trained / TRAINING_FILE).read_text())
    name = lineage.version_name(lineage.lineage_of(made.trained, facts))
    old = tmp_path / "registry" / name
    old.mkdir(parents=True)
    (old / "model.safetensors").write_bytes(b"serves still")
    order = build.Order(trained=made.trained, encoder=tmp_path / "nowhere", registry=old.parent, keys=tmp_path / "keys")
    with pytest.raises((ModelError, OSError)):
        build.build(order)
    assert (old / "model.safetensors").read_bytes() == b"serves still"
