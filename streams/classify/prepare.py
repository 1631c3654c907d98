"""One input record to what the engine can score, or to the reason why not. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from models.batching import estimate_tokens
from models.text import clean
from runtime.errors import WireError
from streams.classify.records import Ready, Record, Refused
from wire import codec

MAX_TEXT_BYTES = 64 * 1024
"""UTF-8 bytes of text that a scored event carries: an article has 5 KiB, a long filing 50."""

FLAG_CUT = "text_cut"
FLAG_CONTROL = "control_characters"
FLAG_NO_KEY = "no_key"

# Zero-width characters and directional marks: they hide words from a reader, or turn them around.
_CONTROL = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def prepare(record: Record) -> Ready | Refused:
    """Decode, cut and clean one record.

    The text is cut before it is cleaned, so that whoever scores a scored event's text again reads what we read.
    """
    try:
        decoded = codec.decode_published(record.value, record.key, record.headers, _arrived(record))
    except WireError as error:
        return Refused(record, error.reason, "decode", f"{type(error).__name__}: {error}")
    article, flags = decoded.article, decoded.flags
    text = cut(article.text)
    if len(text) != len(article.text):
        flags = (*flags, FLAG_CUT)
    if not text.isascii() and _CONTROL.search(text):
        flags = (*flags, FLAG_CONTROL)
    if record.key is None:
        flags = (*flags, FLAG_NO_KEY)
    cleaned = clean(text)
    if not cleaned:
        sentence = f"nothing visible is left of {len(text)} characters after cleaning; send a text"
        return Refused(record, "empty_text", "clean", sentence, article.event_id)
    return Ready(record, article, text, cleaned, flags, estimate_tokens(cleaned))


def _arrived(record: Record) -> datetime | None:
    """The broker's time; None where the producer wrote nonsense in its place, for which no text is refused."""
    try:
        return codec.broker_time(int(record.time_s * 1000))
    except codec.BrokerTimeError:
        return None


def cut(text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """The longest beginning of a text that fits into `limit` bytes of UTF-8, whole characters only.

    >>> cut("aé", limit=2)
    'a'
    """
    if len(text) * 4 <= limit:  # no character takes more than 4 bytes
        return text
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")
