"""The messages as JSON Schema 2020-12, made from the structs; `python -m wire.schema` writes `wire/schemas/*.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from wire import deadletter
from wire.events import Article, LabelSubmitted, ModelPublished, ModelServed, Scored

FOLDER = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_MESSAGES: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {
        "article.published.v1": Article,
        "article.scored.v1": Scored,
        "label.submitted.v1": LabelSubmitted,
        "model.published.v1": ModelPublished,
        "model.served.v1": ModelServed,
    }
)
_NUMBER = "^[0-9]{1,19}$"
_LETTER_HEADERS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        deadletter.REASON: ("Why it could not be scored: a constant to filter and count by.", "^[a-z][a-z0-9_]*$"),
        deadletter.STAGE: ("The step that refused it.", None),
        deadletter.EXCEPTION: ("Class and sentence of the error, cut at 2,000 bytes.", None),
        deadletter.TOPIC: ("Topic of the input.", None),
        deadletter.PARTITION: ("Partition of the input; the letter lies in the same number.", _NUMBER),
        deadletter.OFFSET: ("Offset of the input.", _NUMBER),
        deadletter.ATTEMPT: ("1 for a first input, one more with each requeue.", _NUMBER),
        deadletter.LENGTH: ("Bytes of the original value.", _NUMBER),
        deadletter.SHA256: ("SHA-256 of the original value.", "^[0-9a-f]{64}$"),
        deadletter.EVENT_ID: ("The event's id, where the input was whole enough to have one.", None),
        deadletter.TRUNCATED: ("Present where the letter keeps only the first 64 KiB of the value.", "^true$"),
        deadletter.HEADERS_CUT: ("Present where some of the input's headers did not fit.", "^true$"),
        deadletter.KEY_CUT: ("Present where only the beginning of the input's key fitted.", "^true$"),
        deadletter.REQUEUED_FROM: ("Input that a requeue repeated, topic:partition:offset.", "^.+:[0-9]+:[0-9]+$"),
    }
)
_OPTIONAL_HEADERS = (
    deadletter.EVENT_ID,
    deadletter.TRUNCATED,
    deadletter.HEADERS_CUT,
    deadletter.KEY_CUT,
    deadletter.REQUEUED_FROM,
)


def documents() -> dict[str, dict[str, Any]]:
    """File name to schema, one file a message."""
    files = {name + ".json": _of_message(name, type_) for name, type_ in _MESSAGES.items()}
    files["article.dead.v1.headers.json"] = _of_letter_headers()
    return files


def render(document: Mapping[str, Any]) -> str:
    """A schema as its file holds it; whole numbers without a point.

    `Meta(gt=0)` and `Meta(gt=0.0)` are equal, so that `typing` hands out whichever it met first in this process.
    """
    return json.dumps(_plain(document), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def write(folder: Path = FOLDER) -> None:
    """Write all files."""
    folder.mkdir(exist_ok=True)
    for name, document in documents().items():
        (folder / name).write_text(render(document), encoding="utf-8")


def _of_message(name: str, type_: type[msgspec.Struct]) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"urn:bellwether:news.{name}", **msgspec.json.schema(type_)}


def _of_letter_headers() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, (description, pattern) in _LETTER_HEADERS.items():
        properties[name] = {"type": "string", "description": description}
        if pattern is not None:
            properties[name]["pattern"] = pattern
    return {
        "$schema": DIALECT,
        "$id": "urn:bellwether:news.article.dead.v1:headers",
        "title": "DeadLetterHeaders",
        "description": "Kafka headers of a dead letter, UTF-8 text; key, value and all other headers are the input's.",
        "type": "object",
        "properties": properties,
        "required": [name for name in _LETTER_HEADERS if name not in _OPTIONAL_HEADERS],
    }


if __name__ == "__main__":
    write()
