"""Bad bytes end in one typed error with a constant reason, everything else in an article."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.errors import WireError
from wire import cloudevents, codec, ids
from wire.events import Article

GOOD = b'{"text":"Ostra","published_at":"2026-03-01T09:30:00Z","event_id":"a"}'


def deep(levels: int) -> bytes:
    return GOOD[:-1] + b',"x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    ("value", "error", "reason", "message"),
    [
        (None, codec.NullValueError, "null_value", "the message has no value; produce the JSON of an article"),
        (b'{"text":"\xff"}', codec.InvalidUtf8Error, "invalid_utf8", "byte 9 of 12 is not UTF-8; encode the JSON"),
        (b"nonsense", codec.InvalidJsonError, "invalid_json", "JSON is malformed.*; send one JSON object per message"),
        (b"", codec.InvalidJsonError, "invalid_json", "send one JSON object per message"),
        (GOOD + b"{}", codec.InvalidJsonError, "invalid_json", "send one JSON object per message"),
        (GOOD[:-1] + b',"x":NaN}', codec.NotANumberError, "not_a_number", "NaN is no JSON; leave the field out"),
        (GOOD[:-1] + b',"x":-Infinity}', codec.NotANumberError, "not_a_number", "-Infinity is no JSON"),
        (
            rb'{"text":"\ud83d","published_at":"2026-03-01T09:30:00Z"}',
            codec.LoneSurrogateError,
            "lone_surrogate",
            "a string holds half of a surrogate pair; send whole characters",
        ),
        (deep(65), codec.TooDeepError, "too_deep", "the JSON nests 65 levels, 64 are allowed; flatten it"),
        (b"[" * 500_000, codec.TooDeepError, "too_deep", "the JSON nests 500000 levels, 64 are allowed; flatten it"),
        (b"[1]", codec.WrongTypeError, "wrong_type", "Expected `object`, got `array`; see wire/schemas for the types"),
        (b'{"published_at":"2026-03-01T09:30:00Z"}', codec.WrongTypeError, "wrong_type", "required field `text`"),
        (
            b'{"text":7,"published_at":"2026-03-01T09:30:00Z"}',
            codec.WrongTypeError,
            "wrong_type",
            r"Expected `str`, got `int` - at `\$.text`; see wire/schemas",
        ),
        (b'{"text":"x","published_at":"2026-03-01T09:30:00"}', codec.WrongTypeError, "wrong_type", r"\.published_at`"),
        (
            b'{"text":"x","event_id":"a","published_at":"0001-01-01T00:00:00+12:00"}',
            codec.WrongTypeError,
            "wrong_type",
            r"published_at 0001-01-01T00:00:00\+12:00 lies outside the years 1 to 9999 of UTC; correct the time",
        ),
        (
            GOOD[:-1] + b',"schema_version":2}',
            codec.UnknownSchemaError,
            "unknown_schema",
            "schema_version 2 is not known here; this build reads 1",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_bad_value_has_its_error_reason_and_cure(
    value: bytes | None, error: type[WireError], reason: str, message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        codec.decode_published(value)

    assert caught.value.reason == reason


def test_every_reason_is_distinct_and_was_tried_above() -> None:
    reasons = [kind.reason for kind in WireError.__subclasses__() if kind.__module__ == "wire.codec"]

    assert sorted(reasons) == [
        "broker_time", "invalid_json", "invalid_utf8", "lone_surrogate", "not_a_number", "null_value", "too_deep",
        "unknown_schema", "wrong_type",
    ]  # fmt: skip


def test_another_schema_in_the_type_header_is_refused() -> None:
    headers = [("ce_type", b"bellwether.news.article.published.v9")]

    with pytest.raises(codec.UnknownSchemaError, match=r"ce_type 'bellwether.news.article.published.v9' is not known"):
        codec.decode_published(GOOD, headers=headers)


@pytest.mark.parametrize("value", [GOOD, deep(64), b" \n" + GOOD + b"\n", b"\xef\xbb\xbf" + GOOD])
def test_what_is_unusual_but_clear_is_read(value: bytes) -> None:
    assert codec.decode_published(value).article.text == "Ostra"


def test_brackets_inside_the_text_are_no_nesting() -> None:
    value = b'{"text":"' + b"[" * 5000 + b'","published_at":"2026-03-01T09:30:00Z"}'

    assert len(codec.decode_published(value).article.text) == 5000


def test_headers_that_are_no_utf8_are_flagged_and_the_event_is_read() -> None:
    decoded = codec.decode_published(GOOD, headers=[("ce_id", b"\xff")])

    assert decoded.flags == (codec.FLAG_HEADERS,)
    assert decoded.article.event_id == "a"


def test_foreign_type_headers_do_not_bother_us() -> None:
    assert codec.decode_published(GOOD, headers=[("ce_type", b"com.example.story")]).article.event_id == "a"


def test_the_id_is_the_values_own_then_the_headers_then_derived() -> None:
    anonymous = b'{"text":"Ostra","published_at":"2026-03-01T09:30:00Z"}'

    assert codec.decode_published(GOOD, headers=[("ce_id", b"h")]).article.event_id == "a"
    assert codec.decode_published(anonymous, headers=[("ce_id", b"h")]).article.event_id == "h"
    derived = codec.decode_published(anonymous, b"K")
    assert derived.article.event_id == ids.from_content("", datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "K", "Ostra")
    assert derived.flags == (codec.FLAG_NO_ID,)


def test_a_key_that_is_no_utf8_still_gives_an_id() -> None:
    anonymous = b'{"text":"Ostra","published_at":"2026-03-01T09:30:00Z"}'

    one, other = (codec.decode_published(anonymous, key).article.event_id for key in (b"\xff", b"\xfe"))

    assert one != other


def test_ingested_at_is_the_producers_or_the_brokers() -> None:
    broker = codec.broker_time(1_772_357_400_250)
    own = GOOD[:-1] + b',"ingested_at":"2026-03-01T09:31:00Z"}'

    assert broker == datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC)
    assert codec.decode_published(GOOD, broker_time=broker).article.ingested_at == broker
    assert codec.decode_published(own, broker_time=broker).article.ingested_at == datetime(
        2026, 3, 1, 9, 31, tzinfo=UTC
    )


@pytest.mark.parametrize("timestamp_ms", [-1, -(2**63), 253_402_300_800_000, 1_772_357_400_250_000_000, 2**63 - 1])
def test_a_timestamp_that_is_none_or_beyond_the_calendar_is_a_wire_error(timestamp_ms: int) -> None:
    with pytest.raises(
        codec.BrokerTimeError, match=f"timestamp {timestamp_ms} .* correct the producer's clock or unit"
    ):
        codec.broker_time(timestamp_ms)


@settings(deadline=None)  # the machine may be busy
@given(
    st.binary(max_size=200), st.none() | st.binary(max_size=8), st.lists(st.tuples(st.text(max_size=9), st.binary()))
)
@example(b"{" * 100, None, [])
@example(b'{"text":"\\ud800"}', b"", [("ce_id", b"\xff")])
@example(b'{"text":"x","published_at":"9999-12-31T23:59:59-12:00"}', None, [])
@example(b'{"text":"x","published_at":"0001-01-01T00:00:00+12:00"}', None, [])
def test_arbitrary_bytes_end_in_an_article_or_a_wire_error(
    value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    try:
        decoded = codec.decode_published(value, key, headers)
    except WireError as error:
        outcome = error.reason if str(error) else ""
    else:
        outcome = decoded.article.event_id
    assert outcome not in ("", WireError.reason)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["text", "published_at", "event_id", "entities", "ingested_at", "schema_version", "lang"]) | st.text(), inner),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)  # the machine may be busy
@given(JSON)
def test_arbitrary_json_ends_in_an_article_or_a_wire_error(document: object) -> None:
    try:
        outcome = codec.decode_published(json.dumps(document).encode()).article.event_id
    except WireError as error:
        outcome = error.reason
    assert outcome not in ("", WireError.reason)


@settings(deadline=None)  # the machine may be busy
@given(st.text(), st.datetimes(timezones=st.just(UTC)), st.lists(st.text(max_size=9)))
def test_what_was_encoded_is_decoded_unchanged(text: str, time: datetime, entities: list[str]) -> None:
    article = Article(text=text, published_at=time, event_id="a", entities=tuple(entities), ingested_at=time)

    assert codec.decode_published(codec.encode(article)).article == article


def test_ids_do_not_mix_up_where_one_part_ends() -> None:
    time = datetime(2026, 3, 1, tzinfo=UTC)

    assert ids.from_native("a", "bc") != ids.from_native("ab", "c")
    assert ids.from_content("s", time, "k", "text") != ids.from_content("s", time, "", "ktext")
    assert ids.from_row("d", 1) != ids.from_row("d", 11)
    assert len(ids.from_row("d", 1)) == 32


def test_the_same_instant_in_another_zone_is_the_same_event() -> None:
    utc = datetime(2026, 3, 1, 9, tzinfo=UTC)
    berlin = utc.astimezone(timezone(timedelta(hours=1)))

    assert ids.from_content("s", utc, "k", "t") == ids.from_content("s", berlin, "k", "t")


def test_ids_are_the_same_for_ever() -> None:
    assert ids.from_native("wire", "42") == "eae3e251db0d63be3ebb987483524231"
    assert (
        ids.from_content("wire", datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "OSTR", "Ostra")
        == "60a0a3f14d78ae702ef792e52338bdec"
    )
    assert ids.from_row("00" * 32, 7) == "e47eddf3dcd2e3ce2ddd382e9a907d63"


def test_cloudevents_headers_follow_the_binary_kafka_binding() -> None:
    time = datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1)))

    headers = cloudevents.headers(cloudevents.PUBLISHED_TYPE, "e-1", "", time)

    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"bellwether.news.article.published.v1"),
        ("ce_id", b"e-1"),
        ("ce_source", b"bellwether"),
        ("ce_time", b"2026-03-01T09:30:00+00:00"),
        ("content-type", b"application/json"),
    ]


def test_the_last_header_of_a_name_counts() -> None:
    assert cloudevents.attribute([("ce_id", b"a"), ("ce_id", b"b")], "id") == "b"
    assert cloudevents.attribute([("id", b"a")], "id") is None
