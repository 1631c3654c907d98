"""What a run may learn from, and what only its gate sees, of the labels of a store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from models.text import fingerprint
from trainer.dataset import part_of
from trainer.gate.evidence import GOLDEN, LATER, OLD
from trainer.labels.aside import is_aside
from trainer.labels.policy import Policy
from trainer.labels.recognised import NO_LABEL, NO_TASK
from trainer.service.judging import MOST, slices
from trainer.service.place import Place
from trainer.service.selecting import Selection

from .conftest import WHEN, label

WORDS = "amber birch cedar delta ember fjord grove heath inlet joule knoll larch marsh nadir ochre pearl quartz ridge"


def text(number: int) -> str:
    words = WORDS.split()
    return " ".join(words[(number * step + step) % len(words)] for step in range(1, 7)) + f" {number} shares"


def rows(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": one, "label": "positive"}) + "\n" for one in texts))
    return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    base = rows(tmp_path / "base.jsonl", [f"zenith {number} base line" for number in range(100)])
    golden = rows(tmp_path / "golden.jsonl", ["the golden kettle sings"])
    return Place(
        registry=tmp_path, keys=tmp_path, cache=tmp_path, store=str(tmp_path), recipe="update", base=(base,),
        golden=golden,
    )  # fmt: skip


def test_a_fifth_is_set_aside_and_nothing_like_what_decides_is_learnt(place: Place) -> None:
    tested = next(f"zenith {n} base line" for n in range(100) if part_of(f"zenith {n} base line") == "test")
    given = [label(n, text=text(n)) for n in range(400)]
    given += [label(900, text="The golden kettle sings!"), label(901, text=tested), label(902, text=None)]
    found = Selection(place, Policy(trusted=("ana",)), lambda: WHEN).sort(given)
    learnt = {subject.event_id for subject in found.kept}
    aside = {subject.event_id for subject in found.aside}
    assert not {"e-900", "e-901", "e-902"} & (learnt | aside)
    assert not learnt & aside
    assert all(is_aside(one.text or "") for one in found.aside.values())
    assert 50 < len(aside) < 110
    assert set(found.weights) == set(found.kept)


def test_what_every_run_learns_from_a_file_does_not_decide(place: Place, tmp_path: Path) -> None:
    """Its champion knows such a text, whoever labels it later."""
    later = [one for one in map(text, range(400)) if is_aside(one)]
    base = rows(tmp_path / "known.jsonl", later[:10])
    given = [label(n, text=one) for n, one in enumerate(later)]
    found = Selection(replace(place, base=(base,)), Policy(trusted=("ana",)), lambda: WHEN).sort(given)
    assert {one.text for one in found.aside.values()} == set(later[10:])
    assert not found.kept


def test_a_label_that_its_task_has_not_is_refused_and_another_spelling_is_not(place: Place, capfd) -> None:
    given = [label(1, "mixed", text=text(1)), label(2, "Positive", text=text(2)), label(3, "any", task="mood")]
    found = Selection(place, Policy(trusted=("ana",)), lambda: WHEN).sort(given)
    both = {**found.kept, **found.aside}
    assert {subject.event_id: one.label for subject, one in both.items()} == {"e-2": "positive"}
    said = "".join(capfd.readouterr()).replace('"', "'")
    assert f"'{NO_LABEL}': 1" in said
    assert f"'{NO_TASK}': 1" in said


def test_a_quarantined_labeller_is_neither_learnt_nor_measured(place: Place) -> None:
    selection = Selection(place, Policy(quarantined=("mallory",)), lambda: WHEN + timedelta(days=1))
    given = [label(1, text=text(1)), msgspec.structs.replace(label(2, text=text(2)), labeller="mallory")]
    found = selection.sort(given)
    assert {subject.event_id for subject in (*found.kept, *found.aside)} == {"e-1"}
    assert [one.event_id for one in selection.believed(given)] == ["e-1"]


def test_the_field_is_measured_by_what_is_learnt_and_what_the_same_labeller_said_before(place: Place) -> None:
    selection = Selection(place, Policy(trusted=("ana",)), lambda: WHEN + timedelta(days=1))
    ahead = label(1, labelled_at=WHEN + timedelta(days=2), labeller="bo", text=text(1))
    assert selection.believed([label(1, text=text(1)), ahead]) == [label(1, text=text(1))]
    mine = [label(2, "positive", text=text(2), labelled_at=WHEN + timedelta(hours=hours)) for hours in (0, 1)]
    assert selection.believed(mine) == mine


def test_who_floods_is_measured_by_no_more_than_is_learnt(place: Place) -> None:
    honest = [label(n, labeller=f"p{n % 4}", text=text(n)) for n in range(240)]
    flood = [
        label(1_000 + n, labeller="flood", text=text(n), labelled_at=WHEN + timedelta(minutes=n)) for n in range(1_000)
    ]
    found = Selection(place, Policy(), lambda: WHEN + timedelta(days=9)).believed([*honest, *flood])
    assert sum(one.labeller == "flood" for one in found) == 60


def test_the_slices_are_what_training_never_takes(place: Place, tmp_path: Path) -> None:
    aside = tmp_path / "aside.jsonl"
    given = [
        label(1, text="Ostra  soars", sampling_probability=0.25),
        label(2, "Macro", task="topic", text="oil falls"),
    ]
    aside.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in given))
    found = slices(aside, place.base, place.golden, None, "sentiment")
    assert [(one.text, one.weight) for one in found[LATER]] == [("Ostra soars", 4.0)]
    assert 0 < len(found[OLD]) < 30
    assert {part_of(one.text) for one in found[OLD]} == {"test"}
    assert [one.text for one in found[GOLDEN]] == ["the golden kettle sings"]


def test_of_what_was_set_aside_the_newest_texts_are_judged_each_once(place: Place, tmp_path: Path) -> None:
    aside = tmp_path / "aside.jsonl"
    given = [label(n, text=text(n), published_at=WHEN - timedelta(hours=n)) for n in range(MOST + 5)]
    copy = label(9_000, "positive", text=f"RT @jane: {text(3)}!", published_at=None, labelled_at=WHEN + timedelta(1))
    aside.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in [*given, copy]))
    later = slices(aside, place.base, None, None, "sentiment")[LATER]
    assert (len(later), later[0].label) == (MOST, "positive")
    assert later[1].text == text(0)
    assert text(3) not in {one.text for one in later}
    assert text(MOST + 1) not in {one.text for one in later}


def test_each_of_several_base_files_has_its_share_of_the_old_domain(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.service.judging.MOST", 20)
    (tmp_path / "aside.jsonl").touch()
    files = [rows(tmp_path / f"{name}.jsonl", [f"{name} {text(n)}" for n in range(400)]) for name in ("one", "two")]
    old = slices(tmp_path / "aside.jsonl", tuple(files), None, None, "sentiment")[OLD]
    assert len(old) == 20
    assert {one.text.split()[0] for one in old} == {"one", "two"}


def test_labels_of_an_export_that_is_a_base_file_are_set_aside_still(place: Place, tmp_path: Path) -> None:
    said = [text(n) for n in range(200)]
    base = tmp_path / "export.jsonl"
    base.write_text("".join(json.dumps({"text": one, "label": "positive", "labeller": "ana"}) + "\n" for one in said))
    given = [label(n, text=one) for n, one in enumerate(said)]
    found = Selection(replace(place, base=(base,)), Policy(trusted=("ana",)), lambda: WHEN).sort(given)
    deciding = {one for one in said if is_aside(one) and part_of(fingerprint(one)) != "test"}
    assert {one.text for one in found.aside.values()} == deciding


def test_a_label_without_a_text_takes_no_complete_one_away(place: Place) -> None:
    given = [label(n, text=text(n)) for n in range(40)]
    later = [label(n, text=None, labelled_at=WHEN + timedelta(hours=1), labeller="bo") for n in range(50)]
    both = Policy(trusted=("ana", "bo"))
    found = Selection(place, both, lambda: WHEN + timedelta(days=1)).sort([*given, *later])
    assert len(found.kept) + len(found.aside) == 40
    assert {one.text for one in (*found.kept.values(), *found.aside.values())} == {text(n) for n in range(40)}
    assert {one.labeller for one in found.kept.values()} == {"bo"}, "the last word, with the text that is known"


def test_golden_texts_that_came_since_the_start_are_not_learnt(place: Place) -> None:
    selection = Selection(place, Policy(trusted=("ana",)), lambda: WHEN)
    given = [label(n, text=text(n)) for n in range(40)]
    before = selection.sort(given)
    assert place.golden is not None
    rows(place.golden, [one.text or "" for one in before.kept.values()])
    after = selection.sort(given)
    assert not after.kept
    assert set(after.aside) == set(before.aside)


def test_who_corrects_a_label_does_not_change_how_likely_its_event_was_chosen(place: Place) -> None:
    given = [label(n, text=text(n), sampling_probability=0.01) for n in range(40)]
    given += [label(n, "positive", text=text(n), labelled_at=WHEN + timedelta(hours=1)) for n in range(40)]
    found = Selection(place, Policy(trusted=("ana",)), lambda: WHEN + timedelta(days=1)).sort(given)
    assert {(one.label, one.weight) for one in found.aside.values()} == {("positive", 100.0)}
