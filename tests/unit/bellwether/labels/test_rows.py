import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bellwether.labels import label_studio
from bellwether.labels.rows import Defaults, label_of
from runtime.errors import InputError

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
DEFAULTS = Defaults("desk", WHEN)
ROW = {"event_id": "e-1", "text": "Ostra soars", "label": "positive"}


def test_a_row_says_what_it_can_and_the_rest_is_taken_from_who_imports() -> None:
    label = label_of(ROW, DEFAULTS)
    assert (label.event_id, label.task, label.label, label.labeller) == ("e-1", "sentiment", "positive", "desk")
    assert (label.labelled_at, label.text, label.sampling_probability) == (WHEN, "Ostra soars", 1.0)
    own = {"labeller": "ana", "labelled_at": "2026-01-04T09:00:00+01:00", "sampling_probability": "0.25", "note": "x"}
    label = label_of(ROW | own, DEFAULTS)
    assert (label.labeller, label.sampling_probability) == ("ana", 0.25)
    assert label.labelled_at == datetime(2026, 1, 4, 8, tzinfo=UTC)


def test_a_cell_of_a_csv_can_hold_what_the_model_had_said() -> None:
    label = label_of(ROW | {"model_version": "v-1", "probabilities": '{"positive": 9000, "neutral": 1000}'}, DEFAULTS)
    assert label.probabilities == {"positive": 9_000, "neutral": 1_000}
    with pytest.raises(InputError, match="its `probabilities` are no JSON object"):
        label_of(ROW | {"probabilities": "positive 90%"}, DEFAULTS)


def test_the_same_text_is_one_event_however_it_is_spaced() -> None:
    one, other = (
        label_of({"text": text, "label": "positive"}, DEFAULTS) for text in ("Ostra soars", " Ostra  soars\n")
    )
    assert one.event_id == other.event_id != label_of({"text": "Ostra sinks", "label": "negative"}, DEFAULTS).event_id


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"event_id": "", "text": ""}, "it is no label: .*event_id"),
        ({"label": ""}, "it has no `label`"),
        ({"label": "bullish"}, "it names no task, and 'bullish' is no label of sentiment or topic; add a field `task`"),
        ({"task": "topic"}, "'positive' is no label of 'topic'; it has Analyst Update"),
        ({"labelled_at": "yesterday"}, "it is no label: .*labelled_at"),
        ({"labelled_at": "2026-01-05T12:00:00"}, "it is no label: .*labelled_at"),
        ({"sampling_probability": 0}, "it is no label: .*sampling_probability"),
        ({"text": ["a", "b"]}, "it is no label: .*text"),
    ],
)
def test_what_is_no_label_says_why(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        label_of(ROW | changes, DEFAULTS)


def test_without_defaults_a_row_has_to_say_who_and_when() -> None:
    with pytest.raises(InputError, match="labeller"):
        label_of(ROW, Defaults(at=WHEN))
    with pytest.raises(InputError, match="labelled_at"):
        label_of(ROW, Defaults("desk"))


@pytest.mark.parametrize(
    ("given", "task", "label"),
    [
        ({"label": "Positive"}, "sentiment", "positive"),
        ({"label": "NEGATIVE", "task": "sentiment"}, "sentiment", "negative"),
        ({"label": "analyst update"}, "topic", "Analyst Update"),
        ({"label": "MACRO", "task": "topic"}, "topic", "Macro"),
        ({"label": "Now", "task": "urgency"}, "urgency", "Now"),
    ],
)
def test_a_label_is_known_in_upper_and_lower_case(given: dict[str, str], task: str, label: str) -> None:
    found = label_of(ROW | given, DEFAULTS)
    assert (found.task, found.label) == (task, label)


def test_a_task_of_ones_own_has_labels_of_ones_own() -> None:
    assert label_of(ROW | {"task": "urgency", "label": "now"}, DEFAULTS).label == "now"


def choice(control: str, *choices: str) -> dict[str, Any]:
    return {"from_name": control, "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}


def exported(tmp_path: Path, *tasks: Any) -> list[Any]:
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    return list(label_studio.rows(tmp_path / "export.json"))


def test_each_choice_of_each_annotator_is_a_row(tmp_path: Path) -> None:
    at = "2026-01-05T12:00:00.000000Z"
    task = {
        "id": 7,
        "data": {"text": "Ostra soars", "event_id": "e-1", "sampling_probability": 0.125},
        "annotations": [
            {"completed_by": {"email": "ana@desk"}, "created_at": at, "result": [choice("sentiment", "positive")]},
            {"completed_by": 3, "created_at": at, "result": [choice("about", "Macro"), {"type": "rating"}]},
            {"completed_by": 4, "created_at": at, "was_cancelled": True, "result": [choice("sentiment", "negative")]},
        ],
    }
    labels = [label_of(row, Defaults()) for _, row in exported(tmp_path, task)]
    assert [(one.event_id, one.task, one.label, one.labeller, one.labelled_at) for one in labels] == [
        ("e-1", "sentiment", "positive", "ana@desk", WHEN), ("e-1", "topic", "Macro", "3", WHEN),
    ]  # fmt: skip
    assert {one.sampling_probability for one in labels} == {0.125}


def test_what_an_export_has_and_is_no_label_is_named_with_its_place(tmp_path: Path) -> None:
    two = {"data": {"text": "x"}, "annotations": [{"result": [choice("sentiment", "positive", "negative")]}]}
    odd = {"data": {"text": "x"}, "annotations": [{"result": [{"type": "choices"}]}, None]}
    found = [(place, str(row)) for place, row in exported(tmp_path, {"text": "x"}, two, odd)]
    assert found == [
        ("task 1", "it has no `data` and `annotations`"),
        ("task 2, annotation 1", "'sentiment' has 2 choices, a label is one"),
        ("task 3, annotation 1", "its `result` cannot be read"),
        ("task 3, annotation 2", "its `result` cannot be read"),
    ]


@pytest.mark.parametrize(("content", "says"), [("{", "is no JSON"), ('{"a": 1}', "is no list of tasks")])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(InputError, match=says):
        list(label_studio.rows(tmp_path / "export.json"))
