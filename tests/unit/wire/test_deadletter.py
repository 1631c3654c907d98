"""A letter keeps the input and says in headers why it ended there."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire import deadletter
from wire.deadletter import DeadLetter, NotALetterError


def build(
    value: bytes | None = b"{}", original: deadletter.Headers = ()
) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    return deadletter.build(
        reason="wrong_type",
        stage="decode",
        exception="WrongTypeError: no text",
        topic="news.article.published.v1",
        partition=3,
        offset=41,
        value=value,
        original=original,
        event_id="e-1",
    )


def test_what_is_built_is_parsed_again() -> None:
    value, headers = build(b"bytes")

    assert value == b"bytes"
    assert deadletter.parse(headers) == DeadLetter(
        reason="wrong_type",
        stage="decode",
        exception="WrongTypeError: no text",
        topic="news.article.published.v1",
        partition=3,
        offset=41,
        length=5,
        sha256=hashlib.sha256(b"bytes").hexdigest(),
        event_id="e-1",
        attempt=1,
        truncated=False,
    )


def test_header_names_are_a_contract() -> None:
    names = {
        "bw_reason", "bw_stage", "bw_exception", "bw_topic", "bw_partition", "bw_offset", "bw_attempt", "bw_length",
        "bw_sha256", "bw_event_id", "bw_truncated", "bw_headers_cut", "bw_key_cut",
    }  # fmt: skip

    assert names == deadletter.NAMES
    assert deadletter.REQUEUED_FROM == "bw_requeued_from"


def test_original_headers_stay_beside_ours() -> None:
    original = [("ce_id", b"e-1"), ("ce_id", b"again"), ("bw_requeued_from", b"t:0:1"), ("bw_attempt", b"2")]

    _, headers = build(original=original)

    assert headers[:3] == original[:3]
    assert [value for name, value in headers if name == "bw_attempt"] == [b"2"]
    assert deadletter.original_headers(headers) == original[:3]


def test_a_null_value_stays_null() -> None:
    value, headers = build(None)

    assert value is None
    assert deadletter.parse(headers).length == 0


def test_a_value_too_large_is_cut_and_says_so() -> None:
    whole = b"x" * (deadletter.MAX_VALUE_BYTES + 1)

    value, headers = build(whole)

    letter = deadletter.parse(headers)
    assert value == whole[: 64 * 1024]
    assert (letter.truncated, letter.length) == (True, len(whole))
    assert letter.sha256 == hashlib.sha256(whole).hexdigest()


def test_a_letter_tells_that_headers_or_key_were_cut() -> None:
    _, headers = build(original=[("a", b"1"), ("bw_headers_cut", b"true")])

    letter = deadletter.parse([*headers, ("bw_key_cut", b"true")])
    assert (letter.headers_cut, letter.key_cut, letter.truncated) == (True, True, False)
    assert [name for name, _ in headers].count("bw_headers_cut") == 1
    assert deadletter.parse(deadletter.headers(letter)) == letter
    assert deadletter.original_headers(headers) == [("a", b"1")]


def test_a_mark_that_an_input_brought_along_is_not_ours() -> None:
    _, headers = build(original=[("bw_headers_cut", b"true"), ("bw_key_cut", b"true"), ("a", b"1")])

    letter = deadletter.parse(headers)
    assert (letter.headers_cut, letter.key_cut) == (False, False)
    assert headers[0] == ("a", b"1")


def test_the_largest_whole_value_is_kept() -> None:
    whole = b"x" * deadletter.MAX_VALUE_BYTES

    value, headers = build(whole)

    assert value == whole
    assert not deadletter.parse(headers).truncated


def test_a_long_exception_is_cut_at_a_character() -> None:
    letter = DeadLetter("r", "s", "é" * 5000, "t", 0, 0, 0, "")

    assert deadletter.parse(deadletter.headers(letter)).exception == "é" * 1000


def test_without_an_event_id_there_is_no_header() -> None:
    letter = DeadLetter("r", "s", "e", "t", 0, 0, 0, "")

    assert "bw_event_id" not in dict(deadletter.headers(letter))
    assert deadletter.parse(deadletter.headers(letter)).event_id is None


def test_coordinates_name_the_input() -> None:
    assert DeadLetter("r", "s", "e", "t", 3, 41, 0, "").coordinates == "t:3:41"


@pytest.mark.parametrize(
    ("value", "attempt"),
    [(b"1", 1), (b"7", 7), (b"0", 1), (b"-3", 1), (b"x", 1), (b"", 1), (b"9" * 5000, 1), (b"\xb2", 1)],
)
def test_an_attempt_that_anybody_may_write_is_a_positive_number(value: bytes, attempt: int) -> None:
    assert deadletter.attempt([("bw_attempt", value)]) == attempt


@pytest.mark.parametrize("name", ["bw_reason", "bw_topic", "bw_offset", "bw_sha256"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = [(key, value) for key, value in build()[1] if key != name]

    with pytest.raises(NotALetterError, match=f"header {name} is missing; this message was not written by Bellwether"):
        deadletter.parse(headers)


@pytest.mark.parametrize("value", [b"many", b"-1", b"1.5", b"9" * 20, "²".encode()])
def test_a_number_that_is_none_is_quoted(value: bytes) -> None:
    headers = [(key, value if key == "bw_offset" else content) for key, content in build()[1]]

    with pytest.raises(NotALetterError, match=r"header bw_offset is '.*', no number; this message was not written"):
        deadletter.parse(headers)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(st.sampled_from(sorted(deadletter.NAMES)) | st.text(max_size=5), st.binary(max_size=30))))
def test_arbitrary_headers_are_a_letter_or_none(headers: list[tuple[str, bytes]]) -> None:
    try:
        found = deadletter.parse(headers).reason
    except NotALetterError as error:
        found = error.reason
    assert isinstance(found, str)
