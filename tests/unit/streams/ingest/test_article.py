"""A row becomes an event; the text stays as it is, the identity follows the rules."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ingest import message
from streams.ingest.article import ArticleBuilder, Built
from streams.ingest.mapping import RowMapping
from streams.ingest.refusal import RowRefusedError
from wire import codec, ids

NOW = datetime(2026, 3, 2, tzinfo=UTC)
TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
BASE: dict[str, object] = {"text": "Norvale lifts its outlook", "published_at": "2026-03-01T09:30:00Z"}


def digest(_: Mapping[str, object]) -> str:
    return "d" * 64


def build(row: Mapping[str, object], *maps: str, source: str = "file", forced: bool = False) -> Built:
    builder = ArticleBuilder(RowMapping.parse(maps), source=source, is_source_forced=forced, now=lambda: NOW)
    return builder.build(row, 7, digest)


def test_all_fields_arrive() -> None:
    built = build(BASE | {"source": "wire", "url": "u", "lang": "en", "entities": ["NRVL", "OSTR"], "event_id": "e"})

    article = built.article
    assert (article.text, article.published_at, article.ingested_at) == ("Norvale lifts its outlook", TIME, NOW)
    assert (article.source, article.url, article.lang, article.event_id) == ("wire", "u", "en", "e")
    assert article.entities == ("NRVL", "OSTR")
    assert built.timed


@settings(deadline=None)
@given(st.text(min_size=1))
def test_the_text_is_never_changed(text: str) -> None:
    built = build(BASE | {"text": text})

    assert built.article.text == text
    assert codec.decode_published(message.encode(built).value).article.text == text


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"key": "K", "entities": ["E"]}, "K"),
        ({"ticker": 700, "entities": ["E"]}, "700"),
        ({"entities": ["E", "F"]}, "E"),
        ({"event_id": "id-1"}, "id-1"),
    ],
)
def test_the_key_is_the_named_one_else_the_first_entity_else_the_id(row: dict[str, object], key: str) -> None:
    assert build(BASE | row).key == key


@pytest.mark.parametrize(
    ("row", "event_id"),
    [
        ({"event_id": "given", "id": "n", "url": "u"}, "given"),
        ({"id": "n", "url": "u"}, ids.from_native("file", "n")),
        ({"id": 42}, ids.from_native("file", "42")),
        ({"url": "u"}, ids.from_native("file", "u")),
        ({"id": "n", "source": "wire"}, ids.from_native("wire", "n")),
        ({"key": "K"}, ids.from_content("file", TIME, "K", "Norvale lifts its outlook")),
        ({"entities": ["E"]}, ids.from_content("file", TIME, "E", "Norvale lifts its outlook")),
        ({"published_at": None}, ids.from_row("d" * 64, 7)),
    ],
)
def test_the_id_is_given_or_native_or_from_content_or_from_the_row(row: dict[str, object], event_id: str) -> None:
    assert build(BASE | row).article.event_id == event_id


def test_an_id_can_be_taken_as_it_is() -> None:
    assert build(BASE | {"id": "n"}, "event_id=$.id").article.event_id == "n"


def test_a_row_without_time_carries_the_moment_of_ingest_and_says_so() -> None:
    built = build({"text": "x"})

    assert built.article.published_at == NOW
    assert not built.timed


def test_the_source_is_the_rows_own_unless_forced() -> None:
    assert build(BASE | {"source": "wire"}).article.source == "wire"
    assert build(BASE).article.source == "file"
    assert build(BASE | {"source": "wire"}, source="mine", forced=True).article.source == "mine"


@pytest.mark.parametrize(
    ("value", "entities"),
    [
        (["A", "B", "A", " ", "C "], ("A", "B", "C")),
        ("A", ("A",)),
        ("A;B", ("A", "B")),
        ("A|B", ("A", "B")),
        ("A, B", ("A", "B")),
        ('["A", "B;C"]', ("A", "B;C")),
        ("[A", ("[A",)),
        ("", ()),
        (7, ()),
        ([1, 2], ()),
        ({"a": 1}, ()),
    ],
)
def test_entities_are_a_list_or_a_string_of_several(value: object, entities: tuple[str, ...]) -> None:
    assert build(BASE | {"entities": value}).article.entities == entities


def test_a_guessed_field_of_another_type_counts_as_absent() -> None:
    article = build(BASE | {"source": {"name": "wire"}, "lang": 1.5, "url": ["u"], "id": True}).article

    assert (article.source, article.lang, article.url) == ("file", None, None)


@pytest.mark.parametrize(
    ("row", "maps", "reason", "sentence"),
    [
        ({"text": None}, (), "no_text", r"the row has no text; name its field with --map text=\$.field"),
        ({"text": ""}, (), "no_text", "the row has no text"),
        ({"text": 5}, (), "wrong_type", "text is 5, no string; map another field"),
        ({"text": ["a"]}, (), "wrong_type", r"text is \['a'\], no string"),
        ({"text": "half \ud83d"}, (), "invalid_utf8", "character 6 of text is no Unicode text; save the file as UTF-8"),
        ({"key": "\udcff"}, (), "invalid_utf8", "character 1 of key is no Unicode text"),
        ({"entities": ["\udcff"]}, (), "invalid_utf8", "character 1 of entities is no Unicode text"),
        ({"published_at": "soon"}, (), "bad_time", "'soon' is no time"),
        ({"published_at": "2026-03-01T09:30"}, (), "bad_time", "has no offset from UTC"),
        ({"k": {"a": 1}}, ("key=$.k",), "wrong_type", r"key is \{'a': 1\}, no string; correct --map key="),
        ({"e": 5}, ("entities=$.e",), "wrong_type", "entities is 5, no list of names; correct --map entities="),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_an_event_is_refused_with_reason_and_cure(
    row: dict[str, object], maps: tuple[str, ...], reason: str, sentence: str
) -> None:
    with pytest.raises(RowRefusedError, match=sentence) as caught:
        build(BASE | row, *maps)

    assert caught.value.reason == reason


def test_a_long_value_is_quoted_shortly() -> None:
    with pytest.raises(RowRefusedError) as caught:
        build(BASE | {"published_at": "x" * 10_000})

    assert len(str(caught.value)) < 200


def test_the_message_carries_cloudevents_headers() -> None:
    encoded = message.encode(build(BASE | {"event_id": "e", "key": "K"}))

    assert encoded.key == b"K"
    assert dict(encoded.headers)["ce_id"] == b"e"
    assert dict(encoded.headers)["ce_type"] == b"bellwether.news.article.published.v1"


def test_a_message_up_to_the_brokers_limit_is_made_and_one_above_refused() -> None:
    size = message.encode(build(BASE | {"text": "x"})).size_bytes
    largest = message.MAX_BYTES - size + 1

    assert message.encode(build(BASE | {"text": "x" * largest})).size_bytes == message.MAX_BYTES == 1_048_576
    with pytest.raises(
        RowRefusedError, match="the event has 1,048,577 bytes, the broker takes 1,048,576; split the text"
    ) as caught:
        message.encode(build(BASE | {"text": "x" * (largest + 1)}))
    assert caught.value.reason == "too_large"
