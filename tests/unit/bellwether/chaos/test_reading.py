"""Messages are taken apart without our codec; what cannot be read names no source."""

import json
import subprocess
import sys
from hashlib import sha256
from typing import Any

import pytest

from bellwether.chaos import reading

PUBLISHED = "news.article.published.v1"


class Raw:
    def __init__(self, value: bytes | None, key: bytes | None = b"k", headers: Any = None) -> None:
        self._value, self._key, self._headers = value, key, headers

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> Any:
        return self._headers

    def partition(self) -> int:
        return 1

    def offset(self) -> int:
        return 2

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_000


SCORED = {
    "event_id": "e", "text": "Ostra falls", "source_partition": 1, "source_offset": 7, "batch_id": "b",
    "model_version": "v-1", "engine": "scripted", "worker": "host:42:66a0",
}  # fmt: skip


def letter_headers(value: bytes, **changes: bytes | None) -> list[tuple[str, bytes]]:
    headers: dict[str, bytes | None] = {
        "ce_id": b"\xff", "bw_topic": PUBLISHED.encode(), "bw_partition": b"1", "bw_offset": b"7",
        "bw_length": b"%d" % len(value), "bw_sha256": sha256(value).hexdigest().encode(), "bw_event_id": b"e",
    }  # fmt: skip
    return [(name, found) for name, found in (headers | changes).items() if found is not None]


def test_a_scored_event_says_which_input_it_answers() -> None:
    output, content = reading.scored(Raw(json.dumps(SCORED).encode()))

    assert content == SCORED
    assert (output.source, output.event_id, output.key, output.worker) == ((1, 7), "e", "k", "host:42:66a0")
    assert (output.partition, output.offset, output.time_ms) == (1, 2, 1_000)
    assert output.content == reading.text_digest("Ostra falls")
    assert output.served_by == ("v-1", "scripted")


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"[]", b"{}", json.dumps(SCORED | {"source_offset": "x"}).encode(), b"[" * 100_000]
)
def test_a_scored_event_that_cannot_be_read_names_no_source(value: bytes | None) -> None:
    output, content = reading.scored(Raw(value))

    assert (output.source, content) == (None, {})


@pytest.mark.parametrize("name", ["event_id", "text", "batch_id", "model_version", "engine", "worker"])
@pytest.mark.parametrize("value", [None, 7, ["x"], {}])
def test_a_scored_event_whose_fields_have_other_types_names_no_source(name: str, value: Any) -> None:
    output, _ = reading.scored(Raw(json.dumps(SCORED | {name: value}).encode()))

    assert output.source is None


def test_a_letter_is_known_by_its_own_bytes_not_by_its_word_for_them() -> None:
    honest = reading.letter(Raw(b"value", None, letter_headers(b"value")), PUBLISHED)
    lying = reading.letter(Raw(b"another", None, letter_headers(b"value")), PUBLISHED)

    assert (honest.source, honest.event_id, honest.key) == ((1, 7), "e", None)
    assert honest.content == sha256(b"value").digest() != lying.content


def test_a_letter_that_holds_only_the_beginning_is_known_by_the_digest_that_it_states() -> None:
    value = b"x" * 2_000_000
    headers = letter_headers(value, bw_truncated=b"true")

    assert reading.letter(Raw(value[:65_536], None, headers), PUBLISHED).content == sha256(value).digest()
    assert reading.letter(Raw(value[:9], None, headers), PUBLISHED).content == b""


def test_a_tombstones_letter_is_known_by_the_digest_of_nothing() -> None:
    assert reading.letter(Raw(None, None, letter_headers(b"")), PUBLISHED).content == reading.value_digest(None)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        letter_headers(b"", bw_offset=None),
        letter_headers(b"", bw_offset=b"x"),
        letter_headers(b"", bw_topic=b"t"),
    ],
)
def test_a_letter_that_is_none_names_no_source(headers: Any) -> None:
    assert reading.letter(Raw(b"", None, headers), PUBLISHED).source is None


def test_equal_texts_are_equal_after_the_cut_and_whole_characters_are_cut() -> None:
    long = "x" + "é" * 40_000

    assert reading.text_digest(long) == reading.text_digest(long.encode()[: 64 * 1024].decode("utf-8", "ignore"))
    assert reading.text_digest("a") != reading.text_digest("b")
    assert reading.text_digest("\ud83d")


@pytest.mark.parametrize(
    ("value", "event_id", "has_text"),
    [
        (b'{"event_id":"e","text":"t"}', "e", True),
        (b'\xef\xbb\xbf{"event_id":"e","text":"t"}', "e", True),
        (b'{"event_id":"","text":7}', None, False),
        (b'["text"]', None, False),
        (b"[" * 100_000, None, False),
        (b"\xff", None, False),
        (b"", None, False),
        (None, None, False),
    ],
)
def test_a_published_value_is_described_as_far_as_it_goes(
    value: bytes | None, event_id: str | None, *, has_text: bool
) -> None:
    found_id, text = reading.described(value)

    assert (found_id, text is not None) == (event_id, has_text)


@pytest.mark.parametrize("module", ["load", "bookkeeper"])
def test_producer_and_bookkeeper_load_no_client_and_no_codec_of_the_workers(module: str) -> None:
    said = f"import sys, bellwether.chaos.{module}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split()

    assert "confluent_kafka" in loaded
    assert not {"wire", "streams", "faust", "aiokafka", "kafka"} & set(loaded)


@pytest.mark.parametrize(
    ("content", "time_ms"),
    [
        ({"scored_at": "1970-01-01T00:00:02.5+00:00"}, 2_500.0),
        ({"scored_at": "1970-01-01T00:00:02Z"}, 2_000.0),
        ({"scored_at": "noon"}, None),
        ({"scored_at": 7}, None),
        ({}, None),
    ],
)
def test_a_workers_own_time_is_read_in_milliseconds(content: dict[str, Any], time_ms: float | None) -> None:
    assert reading.scored_at_ms(content) == time_ms
