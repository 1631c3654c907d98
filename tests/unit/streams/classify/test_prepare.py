import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import entities
from streams.classify.prepare import MAX_TEXT_BYTES, cut, prepare
from streams.classify.records import Ready, Refused
from wire import codec

GOOD = b'{"text": "ACME rises", "published_at": "2024-01-01T00:00:00Z", "event_id": "e"%s}'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"", "invalid_json"),
        (b"{nope", "invalid_json"),
        (b'{"text": "\xff"}', "invalid_utf8"),
        (GOOD % b', "x": NaN', "not_a_number"),
        (GOOD % b', "text": 5', "wrong_type"),
        (b"[1]", "wrong_type"),
        (GOOD % (b', "x": ' + b"[" * 5000 + b"]" * 5000), "too_deep"),
        (GOOD % b', "text": "a\\ud800"', "lone_surrogate"),
        (GOOD % b', "schema_version": 9', "unknown_schema"),
        (GOOD % b', "text": " \\u200b\\n "', "empty_text"),
    ],
)
def test_what_is_no_article_is_refused_with_its_reason(record, value, reason) -> None:
    refused = prepare(record(value=value))
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert refused.exception


def test_an_unknown_type_header_is_refused(record) -> None:
    refused = prepare(record(headers=[("ce_type", b"bellwether.news.article.published.v7")]))
    assert isinstance(refused, Refused)
    assert refused.reason == "unknown_schema"


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"key": None}, "no_key"),
        ({"value": b"\xef\xbb\xbf" + GOOD % b""}, "byte_order_mark"),
        ({"text": "ACME \u202erises"}, "control_characters"),
        ({"text": "ACME\u200b rises"}, "control_characters"),
        ({"headers": [("ce_id", b"\xff")]}, "bad_headers"),
        ({"text": "loss " * 20_000}, "text_cut"),
    ],
)
def test_what_is_unusual_is_flagged_and_scored_all_the_same(record, change, flag) -> None:
    ready = prepare(record(**change))
    assert isinstance(ready, Ready)
    assert flag in ready.flags


def test_unknown_fields_need_no_flag(record) -> None:
    ready = prepare(record(value=GOOD % b', "more": {"of": [1]}'))
    assert isinstance(ready, Ready)
    assert ready.flags == ()


def test_one_enormous_token_costs_no_more_than_the_longest_text(record) -> None:
    ready = prepare(record(text="x" * 900_000))
    assert isinstance(ready, Ready)
    assert ready.cost <= 512
    assert len(ready.cleaned) == MAX_TEXT_BYTES


def test_a_text_is_cut_between_characters() -> None:
    assert len(cut("é" * 40_000).encode()) == MAX_TEXT_BYTES
    assert cut("a" + "€" * 30_000).encode().decode() == "a" + "€" * 21_845


@pytest.mark.parametrize("time_s", [1.772e15, -0.001, 9.3e15])  # nanoseconds sent as milliseconds, none, the largest
def test_a_broker_time_that_is_no_time_costs_the_text_nothing(record, time_s) -> None:
    ready = prepare(record(time_s=time_s))
    assert isinstance(ready, Ready)
    assert ready.article.ingested_at is None


TABLE = entities.Aliases({"GS": ["goldman sachs", "Goldman"], "GIS": ["general mills"]})
PIECES = st.sampled_from(
    ["goldman ", "\u017fachs", "general ", "m\u0131lls", "\u0130", "$gs", "\u200b", "\U0001f600", "<a>", "&#0;"]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # `record` only makes records
@given(st.lists(PIECES | st.text(max_size=9)), st.integers(-(2**63), 2**63 - 1))
def test_no_text_and_no_time_gets_an_error_out_of_preparing_and_linking(record, pieces, time_ms) -> None:
    prepared = prepare(record(text="".join(pieces), time_s=time_ms / 1000))
    if isinstance(prepared, Refused):
        assert prepared.reason == "empty_text"
    else:
        entities.link(prepared.text, TABLE)
        assert codec.encode(prepared.article)
