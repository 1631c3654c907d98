"""The committed schema files are what the code says, and the released ones still hold."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from wire import codec, compatibility, deadletter, schema

BASELINE = Path(__file__).parents[2] / "golden" / "wire" / "baseline-0.1"
GOLDEN = BASELINE.parent
Document = dict[str, Any]


def test_committed_files_are_what_the_code_says() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in schema.FOLDER.glob("*.json")}

    generated = {name: schema.render(document) for name, document in schema.documents().items()}
    assert committed == generated, "run `python -m wire.schema`"


def test_a_bound_is_written_alike_whichever_equal_one_typing_met_first() -> None:
    assert schema.render({"maximum": 1.0, "enum": [0.5, {"minimum": 0}]}) == schema.render(
        {"maximum": 1, "enum": [0.5, {"minimum": 0.0}]}
    )


def test_writing_makes_the_same_files(tmp_path: Path) -> None:
    schema.write(tmp_path / "new")

    assert {path.name for path in (tmp_path / "new").iterdir()} == set(schema.documents())


@pytest.mark.parametrize("name", sorted(schema.documents()))
def test_every_schema_is_a_valid_2020_12_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema.documents()[name])


def test_released_baseline_covers_every_message() -> None:
    assert {path.name for path in BASELINE.glob("*.json")} == set(schema.documents())


@pytest.mark.parametrize("path", sorted(BASELINE.glob("*.json")), ids=lambda path: path.stem)
def test_todays_messages_are_compatible_with_the_released_ones(path: Path) -> None:
    released = json.loads(path.read_text(encoding="utf-8"))

    assert compatibility.breaks(released, schema.documents()[path.name]) == []


def test_golden_messages_match_their_schema() -> None:
    scored = jsonschema.Draft202012Validator(schema.documents()["article.scored.v1.json"])
    for path in (GOLDEN / "scored").glob("*.json"):
        scored.validate(json.loads(path.read_text(encoding="utf-8")))

    with pytest.raises(jsonschema.ValidationError, match="'positive' is not of type 'object'"):
        scored.validate(json.loads((GOLDEN / "scored" / "minimal.json").read_text()) | {"tasks": {"t": "positive"}})


def test_headers_of_a_letter_match_their_schema() -> None:
    headers = deadletter.build(
        reason="wrong_type",
        stage="decode",
        exception="E: x",
        topic="t",
        partition=0,
        offset=1,
        value=b"v",
        event_id="e",
    )[1]
    validator = jsonschema.Draft202012Validator(schema.documents()["article.dead.v1.headers.json"])
    document = {name: value.decode() for name, value in headers}

    validator.validate(document)
    with pytest.raises(jsonschema.ValidationError, match="'one' does not match"):
        validator.validate(document | {"bw_offset": "one"})


def published() -> Document:
    return copy.deepcopy(schema.documents()["article.published.v1.json"])


def scored() -> Document:
    return copy.deepcopy(schema.documents()["article.scored.v1.json"])


def fields(document: Document, of: str) -> Document:
    found: Document = document["$defs"][of]
    return found


def remove_text(document: Document) -> None:
    del fields(document, "Article")["properties"]["text"]
    fields(document, "Article")["required"].remove("text")


def retype_text(document: Document) -> None:
    fields(document, "Article")["properties"]["text"] = {"type": "integer"}


def reformat_time(document: Document) -> None:
    fields(document, "Article")["properties"]["published_at"] = {"type": "string"}


def forbid_null(document: Document) -> None:
    fields(document, "Article")["properties"]["url"] = {"type": "string"}


def require_source(document: Document) -> None:
    fields(document, "Article")["required"].append("source")


def excuse_text(document: Document) -> None:
    fields(document, "Article")["required"].remove("text")


def require_new_field(document: Document) -> None:
    fields(document, "Article")["properties"]["mood"] = {"type": "string"}
    fields(document, "Article")["required"].append("mood")


def retype_entities(document: Document) -> None:
    fields(document, "Article")["properties"]["entities"]["items"] = {"type": "integer"}


def close_article(document: Document) -> None:
    fields(document, "Article")["additionalProperties"] = False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (remove_text, "$.text was removed: readers look for it"),
        (retype_text, "$.text was string and is integer: a field keeps its type"),
        (reformat_time, "$.published_at had format date-time and has None: a field keeps its type"),
        (forbid_null, "$.url was null or string and is string: a field keeps its type"),
        (require_source, "$.source became required: messages without it lie in the topic"),
        (require_new_field, "$.mood became required: messages without it lie in the topic"),
        (excuse_text, "$.text is no longer required: readers rely on it"),
        (retype_entities, "$.entities[] was string and is integer: a field keeps its type"),
        (close_article, "$ no longer takes unknown fields: newer writers send some"),
    ],
)
def test_rule_catches_each_kind_of_break(change: Callable[[Document], None], sentence: str) -> None:
    changed = published()
    change(changed)

    assert compatibility.breaks(published(), changed) == [sentence]


def test_rule_looks_into_nested_messages_and_maps() -> None:
    changed = scored()
    fields(changed, "TaskScore")["properties"]["probabilities"]["additionalProperties"]["maximum"] = 100

    assert "$.tasks.*.probabilities.* has maximum 100, it was 10000: bounds only widen" in compatibility.breaks(
        scored(), changed
    )


def test_rule_lets_bounds_widen() -> None:
    changed = scored()
    fields(changed, "TaskScore")["properties"]["probabilities"]["additionalProperties"]["maximum"] = 1_000_000

    assert compatibility.breaks(scored(), changed) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ["$ no longer takes ['b']: an enum only grows"]),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, []),
        (
            {"type": "string"},
            {"type": "string", "enum": ["a"]},
            ["$ took any value and now takes only ['a']"],
        ),
        (
            {"type": "integer"},
            {"type": "integer", "minimum": 0},
            ["$ has minimum 0, it was without: bounds only widen"],
        ),
    ],
)
def test_rule_lets_enums_grow_and_never_shrink(old: Document, new: Document, found: list[str]) -> None:
    assert compatibility.breaks(old, new) == found


def test_a_new_optional_field_is_compatible() -> None:
    changed = published()
    fields(changed, "Article")["properties"]["mood"] = {"type": "string", "default": ""}

    assert compatibility.breaks(published(), changed) == []


def test_yesterdays_reader_takes_a_message_with_todays_new_field() -> None:
    value = b'{"text":"Ostra","published_at":"2026-03-01T09:30:00Z","event_id":"a","mood":"calm"}'

    assert msgspec.json.decode(codec.encode(codec.decode_published(value).article))["text"] == "Ostra"
