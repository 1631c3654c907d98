"""Bytes to messages and back; what is no valid message becomes a typed error with a constant reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from runtime.errors import WireError
from wire import cloudevents, ids
from wire.events import Article, leaves_calendar

SCHEMA_VERSION = 1
MAX_DEPTH = 64
"""Levels of nesting: no sane producer comes near it, and parsers differ beyond it."""
FLAG_BOM = "byte_order_mark"
FLAG_HEADERS = "bad_headers"
FLAG_NO_ID = "id_derived"

_BOM = b"\xef\xbb\xbf"
_OPENING = (b"{", b"[")
_ARTICLE = msgspec.json.Decoder(Article)
_ENCODER = msgspec.json.Encoder()


class NullValueError(WireError):
    """The message has no value (a tombstone)."""

    reason = "null_value"


class InvalidUtf8Error(WireError):
    """The value is not UTF-8."""

    reason = "invalid_utf8"


class InvalidJsonError(WireError):
    """The value is not JSON."""

    reason = "invalid_json"


class NotANumberError(WireError):
    """The value holds NaN or Infinity, which JSON does not know."""

    reason = "not_a_number"


class LoneSurrogateError(WireError):
    """A string holds half of a UTF-16 surrogate pair: no text."""

    reason = "lone_surrogate"


class TooDeepError(WireError):
    """The value nests deeper than `MAX_DEPTH`."""

    reason = "too_deep"


class WrongTypeError(WireError):
    """The JSON lacks a required field or holds another type than the schema's."""

    reason = "wrong_type"


class UnknownSchemaError(WireError):
    """The message names a schema version that this build does not know."""

    reason = "unknown_schema"


class BrokerTimeError(WireError):
    """The message's timestamp is none, or lies outside the calendar (nanoseconds sent as milliseconds)."""

    reason = "broker_time"


@dataclass(frozen=True, slots=True)
class Decoded:
    """An article and what was unusual about its bytes."""

    article: Article
    flags: tuple[str, ...] = ()


def encode(message: msgspec.Struct) -> bytes:
    """A message as UTF-8 JSON."""
    return _ENCODER.encode(message)


UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes of any origin may raise: no JSON, of another type, not UTF-8, nested too deep."""


def decode_published(
    value: bytes | None,
    key: bytes | None = None,
    headers: cloudevents.Headers = (),
    broker_time: datetime | None = None,
) -> Decoded:
    """Read one message of `news.article.published`.

    Args:
        value: UTF-8 JSON, a leading byte-order mark is tolerated and flagged.
        key: the Kafka key, part of the derived id where the producer sent none.
        headers: CloudEvents headers; plain JSON without any is accepted too.
        broker_time: becomes `ingested_at` where the producer sent none.

    Raises:
        WireError: one subclass per reason, see this module.
    """
    if value is None:
        raise NullValueError("the message has no value; produce the JSON of an article")
    flags: list[str] = []
    if value.startswith(_BOM):
        value = value[len(_BOM) :]
        flags.append(FLAG_BOM)
    _require_utf8(value)
    _require_shallow(value)
    given_id = _header_id(headers, flags)
    try:
        article = _ARTICLE.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _diagnose(value, error) from error
    if article.schema_version != SCHEMA_VERSION:
        raise UnknownSchemaError(
            f"schema_version {article.schema_version} is not known here; this build reads {SCHEMA_VERSION}"
        )
    _require_utc(article)
    return Decoded(_completed(article, given_id, key, broker_time, flags), tuple(flags))


def _require_utf8(value: bytes) -> None:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidUtf8Error(f"byte {error.start} of {len(value)} is not UTF-8; encode the JSON as UTF-8") from error


def _require_shallow(value: bytes) -> None:
    # Brackets bound the depth from above, so only a suspicious value pays for the exact count.
    if sum(map(value.count, _OPENING)) <= MAX_DEPTH:
        return
    depth = deepest(value)
    if depth > MAX_DEPTH:
        raise TooDeepError(f"the JSON nests {depth} levels, {MAX_DEPTH} are allowed; flatten it")


def _require_utc(article: Article) -> None:
    for name in ("published_at", "ingested_at"):
        time: datetime | None = getattr(article, name)
        if time is not None and leaves_calendar(time):
            raise WrongTypeError(f"{name} {time.isoformat()} lies outside the years 1 to 9999 of UTC; correct the time")


def deepest(value: bytes) -> int:
    r"""Levels of nesting of a JSON text; brackets inside strings do not count.

    >>> deepest(b'{"a": [1, "[[\\"["]}')
    2
    """
    depth = most = 0
    in_string = escaped = False
    for byte in value:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            most = max(most, depth)
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return most


def _header_id(headers: cloudevents.Headers, flags: list[str]) -> str | None:
    if not headers:
        return None
    try:
        type_ = cloudevents.attribute(headers, "type")
        given = cloudevents.attribute(headers, "id")
    except UnicodeDecodeError:
        flags.append(FLAG_HEADERS)
        return None
    if type_ is None:
        return given
    if type_.startswith(cloudevents.TYPE_PREFIX) and type_ != cloudevents.PUBLISHED_TYPE:
        raise UnknownSchemaError(
            f"ce_type {type_!r} is not known here; this build reads {cloudevents.PUBLISHED_TYPE!r}"
        )
    return given


def _completed(
    article: Article, given_id: str | None, key: bytes | None, broker_time: datetime | None, flags: list[str]
) -> Article:
    if article.event_id and article.ingested_at is not None:
        return article
    event_id = article.event_id or given_id
    if not event_id:
        flags.append(FLAG_NO_ID)
        key_text = (key or b"").decode("utf-8", "backslashreplace")
        event_id = ids.from_content(article.source, article.published_at, key_text, article.text)
    return msgspec.structs.replace(article, event_id=event_id, ingested_at=article.ingested_at or broker_time)


def _diagnose(value: bytes, error: Exception) -> WireError:
    """Name the reason of a failed decode; only the failing path pays for it."""
    sentence = str(error)
    if isinstance(error, RecursionError):
        return TooDeepError(f"the JSON nests too deeply, {MAX_DEPTH} levels are allowed; flatten it")
    if isinstance(error, msgspec.ValidationError):
        return WrongTypeError(f"{sentence}; see wire/schemas for the types")
    constants: list[str] = []
    try:
        parsed = json.loads(value, parse_constant=constants.append)
    except (ValueError, RecursionError):
        parsed = None
    if constants:
        return NotANumberError(f"{constants[0]} is no JSON; leave the field out or send null")
    if parsed is not None and _has_lone_surrogate(parsed):
        return LoneSurrogateError("a string holds half of a surrogate pair; send whole characters")
    return InvalidJsonError(f"{sentence}; send one JSON object per message")


def _has_lone_surrogate(parsed: object) -> bool:
    try:
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def broker_time(timestamp_ms: int) -> datetime:
    """Kafka's millisecond timestamp as UTC.

    Where a topic keeps the producer's timestamps (`CreateTime`), any 64-bit number can stand there.

    Raises:
        BrokerTimeError: it is negative, which is Kafka's way to say none, or beyond the year 9999.
    """
    try:
        if timestamp_ms >= 0:
            return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        pass  # which of them it is depends on the platform
    raise BrokerTimeError(
        f"timestamp {timestamp_ms} of the message is no time in milliseconds since 1970 up to the year 9999; "
        "correct the producer's clock or unit, or let the topic take the broker's time (LogAppendTime)"
    )
