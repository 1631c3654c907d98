"""What a request's body holds."""

import json
from datetime import UTC, datetime

import pytest

from runtime.errors import InputError
from streams.ingest import http_items
from streams.ingest.article import ArticleBuilder
from streams.ingest.http_items import Items
from streams.ingest.mapping import RowMapping
from streams.ingest.message import Message
from streams.ingest.refusal import RowRefusedError

JSON, NDJSON = "application/json", "application/x-ndjson"


def parse(body: bytes, content_type: str = JSON) -> Items:
    builder = ArticleBuilder(RowMapping.parse([]), source="http", now=lambda: datetime.now(tz=UTC))
    return http_items.parse(body, content_type, builder)


def outcomes(items: Items) -> list[str]:
    return [item.reason if isinstance(item, RowRefusedError) else "event" for item in items.items]


def test_one_object_is_one_event() -> None:
    items = parse(b'{"text":"a"}')

    assert items.is_single
    assert outcomes(items) == ["event"]


def test_an_array_holds_events_and_refusals_in_its_order() -> None:
    items = parse(b'[{"text":"a"},7,{"no":1},{"text":"b","time":"soon"}]')

    assert not items.is_single
    assert outcomes(items) == ["event", "not_an_object", "no_text", "bad_time"]
    assert str(items.items[1]) == 'item 2 is 7, no object; send {"text": …}'


def test_a_bad_json_line_costs_only_itself() -> None:
    assert outcomes(parse(b'{"text":"a"}\n\nnonsense\r\n{"text":"b"}', NDJSON)) == ["event", "not_json", "event"]


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (
            b"nonsense",
            JSON,
            r"the body is no JSON \(.*\); send an object, an array, or JSON Lines as application/x-ndjson",
        ),
        (b'"\xff"', JSON, "the body is no JSON"),
        (b"[" * 100_000, JSON, "the body is no JSON"),
        (b"[]", JSON, "the body holds no event; send a JSON object, an array of them, or JSON Lines"),
        (b"\n\n", NDJSON, "the body holds no event"),
        (
            b"[" + b"1," * 10_000 + b"1]",
            JSON,
            "the body holds 10,001 events, 10,000 are allowed; send several requests",
        ),
    ],
)
def test_a_body_without_usable_items_is_refused_as_a_whole(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(body, content_type)


def test_a_repeated_request_keeps_its_ids_also_without_id_and_time() -> None:
    body = json.dumps([{"text": "a"}, {"text": "a"}, {"text": "b"}]).encode()

    first, second = ([item.event_id for item in parse(body).items if isinstance(item, Message)] for _ in range(2))

    assert first == second
    assert len(set(first)) == 3
