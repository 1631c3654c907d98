"""Nothing that decides is learnt from the base files."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from trainer.dataset import part_of, read_file
from trainer.gate.evidence import GOLDEN, OLD
from trainer.labels.aside import ASIDE
from trainer.service.place import Place
from trainer.service.relearning import deciding, without

from .conftest import label
from .test_selecting import place, rows, text

__all__ = ["place"]

ORDINARY = [text(number) for number in range(100, 160)]
TESTED = next(one for one in (f"zenith {n} base line" for n in range(100)) if part_of(one) == "test")


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    file = tmp_path / "aside.jsonl"
    given = [label(1, text="Ostra cuts its forecast for the year again today"), label(2, text=TESTED)]
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in given))
    return file


def test_what_is_like_a_text_that_decides_is_left_out_of_the_base_files(
    place: Place, aside: Path, tmp_path: Path
) -> None:
    alike = ["The GOLDEN kettle sings!", "Ostra cuts its forecast for the year again"]
    assert {part_of(read_file(rows(tmp_path / "one", [one])).rows[0].key) for one in alike} <= {"train", "valid"}
    base = tmp_path / "set" / "base.jsonl.gz"
    base.parent.mkdir()
    lines = [{"text": one, "label": "neutral", "source": "wire"} for one in [*ORDINARY, *alike, TESTED]]
    base.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    whole, gone = rows(tmp_path / "whole.jsonl", ORDINARY), rows(tmp_path / "gone.jsonl", alike[:1])
    files, refused = without(deciding(place, aside), [base, whole, gone], tmp_path / "run")
    assert refused == {f"like a text of {GOLDEN}": 2, f"like a text of {ASIDE}": 1}
    first, second = map(read_file, files)
    assert [row.text for row in first.rows] == [*ORDINARY, TESTED]
    assert (first.name, first.rows[0].domain) == ("set/base.jsonl.gz", "wire")
    assert files[1] == whole
    assert second.sha256 == read_file(whole).sha256
    again, _ = without(deciding(place, aside), [base], tmp_path / "other")
    assert read_file(again[0]).sha256 == first.sha256, "a killed run goes on with the same data"


def test_near_copies_of_the_old_domain_are_not_learnt(place: Place, aside: Path, tmp_path: Path) -> None:
    long = [f"{text(number)} and so on until the end of the week" for number in range(300)]
    tested = next(one for one in long if part_of(read_file(rows(tmp_path / "a", [one])).rows[0].key) == "test")
    copies = [f"{tested} {word}" for word in ("again", "today", "indeed")]
    learnt = [one for one in copies if part_of(read_file(rows(tmp_path / "a", [one])).rows[0].key) != "test"]
    base = rows(tmp_path / "base2.jsonl", [tested, *learnt, *ORDINARY])
    files, refused = without(deciding(replace(place, base=(base,)), aside), [base], tmp_path / "run")
    assert learnt
    assert refused == {f"like a text of {OLD}": len(learnt)}
    assert [row.text for row in read_file(files[0]).rows] == [tested, *ORDINARY]


def test_rare_texts_decide_too(place: Place, aside: Path, tmp_path: Path) -> None:
    rare = rows(tmp_path / "rare.jsonl", ORDINARY[:1])
    _, refused = without(deciding(replace(place, rare=rare), aside), [rows(tmp_path / "b", ORDINARY)], tmp_path)
    assert sum(refused.values()) == (part_of(read_file(rare).rows[0].key) != "test")
