"""What a request's body holds: one object, an array of them, or JSON Lines; and what it answers for each."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from runtime.errors import InputError
from streams.ingest import json_lines, message, opening
from streams.ingest.article import ArticleBuilder
from streams.ingest.message import Message
from streams.ingest.refusal import NOT_AN_OBJECT, RowRefusedError, quoted

MAX_ITEMS = 10_000
"""Events of one request: its answer holds one entry each."""
NDJSON_TYPES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")

Item = Message | RowRefusedError


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a request in their order."""

    items: list[Item]
    is_single: bool
    """Whether one object was sent: its answer is one object too, with its own status."""


def parse(body: bytes, content_type: str, builder: ArticleBuilder) -> Items:
    """Events and refusals of one body.

    Raises:
        InputError: it is no JSON at all, empty, or holds more than `MAX_ITEMS`.
    """
    rows, is_single = _rows(body, content_type)
    if not rows:
        raise InputError("the body holds no event; send a JSON object, an array of them, or JSON Lines")
    if len(rows) > MAX_ITEMS:
        raise InputError(f"the body holds {len(rows):,} events, {MAX_ITEMS:,} are allowed; send several requests")
    return Items([_item(row, number, builder) for number, row in enumerate(rows, 1)], is_single)


def _rows(body: bytes, content_type: str) -> tuple[list[object], bool]:
    if content_type in NDJSON_TYPES:
        return [json_lines.decode(line) for line in body.splitlines() if line.strip()], False
    try:
        parsed: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"the body is no JSON ({error}); send an object, an array, or JSON Lines as {NDJSON_TYPES[0]}"
        ) from error
    return (list(parsed), False) if isinstance(parsed, list) else ([parsed], True)


def _item(row: object, number: int, builder: ArticleBuilder) -> Item:
    if isinstance(row, RowRefusedError):
        return row
    if not isinstance(row, dict):
        return RowRefusedError(NOT_AN_OBJECT, f'item {number} is {quoted(row)}, no object; send {{"text": …}}')
    try:
        # A request repeated after a time-out gets the same ids, also without id and time: they come from the content.
        return message.encode(builder.build(row, number, opening.content_digest))
    except RowRefusedError as error:
        return error
