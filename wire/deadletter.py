"""The headers of a dead letter: why an input ended there, where it came from, and what is needed to try it again.

A letter keeps the original key, value and headers; what Bellwether says about it stands beside them in `bw_*` headers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from runtime.errors import WireError
from wire.cloudevents import Headers

REASON = "bw_reason"
STAGE = "bw_stage"
EXCEPTION = "bw_exception"
TOPIC = "bw_topic"
PARTITION = "bw_partition"
OFFSET = "bw_offset"
ATTEMPT = "bw_attempt"
LENGTH = "bw_length"
SHA256 = "bw_sha256"
EVENT_ID = "bw_event_id"
TRUNCATED = "bw_truncated"
HEADERS_CUT = "bw_headers_cut"
"""Whoever builds a letter puts it behind the original headers where it had to drop some."""
KEY_CUT = "bw_key_cut"
"""Stands behind all others where only the beginning of the key fitted."""
REQUEUED_FROM = "bw_requeued_from"
"""On a requeued input: `topic:partition:offset` of the input that failed before; a letter keeps it as a trace."""

NAMES = frozenset(
    {REASON, STAGE, EXCEPTION, TOPIC, PARTITION, OFFSET, ATTEMPT, LENGTH, SHA256, EVENT_ID}
    | {TRUNCATED, HEADERS_CUT, KEY_CUT}
)
"""What a letter's writer owns: same-named headers of the original are replaced, all others are kept."""

MAX_VALUE_BYTES = 1_900_000
"""Largest value kept whole: the dead topic takes 2 MiB, and key, headers and framing need room too."""
KEPT_BYTES = 64 * 1024
"""What is kept of a larger value: enough for a person to recognise it."""
MAX_EXCEPTION_BYTES = 2_000
"""An exception's text may quote the input; it must not make the letter too large."""


class NotALetterError(WireError):
    """A message of the dead-letter topic lacks our headers or holds others' under the same names."""

    reason = "not_a_letter"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What Bellwether says about an input that it could not score."""

    reason: str
    """Constant, snake_case: `WireError.reason`, `EngineError.reason` or a stage's own."""
    stage: str
    """Where it ended: `decode`, `clean`, `predict`, …"""
    exception: str
    """Class and sentence of the error."""
    topic: str
    partition: int
    offset: int
    """Topic, partition and offset are the input's, not the letter's."""
    length: int
    """Bytes of the original value; 0 for a null value too."""
    sha256: str
    """Of the original value, hexadecimal."""
    event_id: str | None = None
    """None where the input was too broken to have one."""
    attempt: int = 1
    """1 for a first input, one more with each requeue."""
    truncated: bool = False
    """True where the letter holds only the first `KEPT_BYTES` of the value: it cannot be requeued."""
    headers_cut: bool = False
    """True where some of the input's headers did not fit: it cannot be requeued."""
    key_cut: bool = False
    """True where only the beginning of the input's key fitted: it cannot be requeued."""

    @property
    def coordinates(self) -> str:
        """The input's place, as `bw_requeued_from` spells it."""
        return f"{self.topic}:{self.partition}:{self.offset}"


def build(
    *,
    reason: str,
    stage: str,
    exception: str,
    topic: str,
    partition: int,
    offset: int,
    value: bytes | None,
    original: Headers = (),
    event_id: str | None = None,
) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Value and headers of the letter for one input; the key stays the input's own.

    Args:
        reason: constant, snake_case.
        stage: the step that refused it.
        exception: class and sentence of the error; cut at `MAX_EXCEPTION_BYTES`.
        topic: the input's topic.
        partition: the input's partition; the letter goes to the same number.
        offset: the input's offset.
        value: the input's value; only the first `KEPT_BYTES` of one over `MAX_VALUE_BYTES` are kept.
        original: the input's headers, kept as they are; its `bw_attempt` is the attempt, `bw_headers_cut` as its last
            one says that these are not all.
        event_id: where it is known.
    """
    whole = value or b""
    letter = DeadLetter(
        reason=reason,
        stage=stage,
        exception=exception,
        topic=topic,
        partition=partition,
        offset=offset,
        length=len(whole),
        sha256=hashlib.sha256(whole).hexdigest(),
        event_id=event_id,
        attempt=attempt(original),
        truncated=len(whole) > MAX_VALUE_BYTES,
        headers_cut=bool(original) and original[-1][0] == HEADERS_CUT,
    )
    kept = whole[:KEPT_BYTES] if letter.truncated else value
    return kept, headers(letter, original)


def headers(letter: DeadLetter, original: Headers = ()) -> list[tuple[str, bytes]]:
    """The letter's own headers behind the original ones."""
    own: list[tuple[str, bytes]] = [
        (REASON, letter.reason.encode()),
        (STAGE, letter.stage.encode()),
        (EXCEPTION, _cut(letter.exception)),
        (TOPIC, letter.topic.encode()),
        (PARTITION, b"%d" % letter.partition),
        (OFFSET, b"%d" % letter.offset),
        (ATTEMPT, b"%d" % letter.attempt),
        (LENGTH, b"%d" % letter.length),
        (SHA256, letter.sha256.encode()),
    ]
    if letter.event_id:
        own.append((EVENT_ID, letter.event_id.encode("utf-8", "replace")))
    if letter.truncated:
        own.append((TRUNCATED, b"true"))
    if letter.headers_cut:
        own.append((HEADERS_CUT, b"true"))
    if letter.key_cut:
        own.append((KEY_CUT, b"true"))
    return [*original_headers(original), *own]


def parse(message_headers: Headers) -> DeadLetter:
    """Read a letter's headers.

    Raises:
        NotALetterError: a header is missing or no number where a number belongs.
    """
    found = {name: value for name, value in message_headers if name in NAMES and value is not None}
    return DeadLetter(
        reason=_text(found, REASON),
        stage=_text(found, STAGE),
        exception=_text(found, EXCEPTION),
        topic=_text(found, TOPIC),
        partition=_number(found, PARTITION),
        offset=_number(found, OFFSET),
        length=_number(found, LENGTH),
        sha256=_text(found, SHA256),
        event_id=_text(found, EVENT_ID) if EVENT_ID in found else None,
        attempt=_number(found, ATTEMPT),
        truncated=found.get(TRUNCATED) == b"true",
        headers_cut=found.get(HEADERS_CUT) == b"true",
        key_cut=found.get(KEY_CUT) == b"true",
    )


def original_headers(message_headers: Headers) -> list[tuple[str, bytes]]:
    """The headers that the input had, without what a letter's writer adds."""
    return [(name, value) for name, value in message_headers if name not in NAMES]


def attempt(message_headers: Headers) -> int:
    """Which attempt an input is: its last `bw_attempt`, 1 where absent or no positive number (anybody may send it).

    >>> attempt([("bw_attempt", b"2")]), attempt([("bw_attempt", b"many")]), attempt([])
    (2, 1, 1)
    """
    for name, value in reversed(message_headers):
        if name == ATTEMPT and value is not None:
            # At most 9 digits: nobody requeues a billion times, and int() of a huge literal raises.
            return max(int(value), 1) if value.isdigit() and len(value) <= 9 else 1
    return 1


def _cut(exception: str) -> bytes:
    return exception.encode("utf-8", "backslashreplace")[:MAX_EXCEPTION_BYTES].decode("utf-8", "ignore").encode()


def _text(found: dict[str, bytes], name: str) -> str:
    if name not in found:
        raise NotALetterError(f"header {name} is missing; this message was not written by Bellwether's worker")
    return found[name].decode("utf-8", "replace")


def _number(found: dict[str, bytes], name: str) -> int:
    text = _text(found, name)
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise NotALetterError(
            f"header {name} is {text[:40]!r}, no number; this message was not written by Bellwether's worker"
        )
    return int(text)
