"""Bad input on purpose: each kind that *The line* lists, with the fate that its documents promise, and a fuzzer."""

from __future__ import annotations

import random
from dataclasses import dataclass

_ID = b"@ID"
_SKELETON = b'{"event_id":"@ID","text":"%s","published_at":"2026-03-01T09:30:00Z","source":"chaos"%s}'


@dataclass(frozen=True, slots=True)
class Poison:
    """One kind of odd input.

    Attributes:
        name: what is odd.
        value: the bytes, `@ID` where the event's id belongs; None is a tombstone.
        fate: `dead`, or `scored` for what is odd and still clear.
        headers: of the record.
        names_itself: whether a reader can take the event's id from it.
    """

    name: str
    value: bytes | None
    fate: str
    headers: tuple[tuple[str, bytes], ...] = ()
    names_itself: bool = False

    def bytes_for(self, event_id: str) -> bytes | None:
        """The value of one record."""
        return None if self.value is None else self.value.replace(_ID, event_id.encode())


def _message(text: bytes, more: bytes = b"") -> bytes:
    return _SKELETON % (text, more)


def _dead(name: str, value: bytes | None, *, names_itself: bool = False) -> Poison:
    return Poison(name, value, "dead", names_itself=names_itself)


def _odd(name: str, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> Poison:
    return Poison(name, value, "scored", headers, names_itself=True)


_PLAIN = b"Ostra keeps its outlook"

KINDS: tuple[Poison, ...] = (
    _dead("tombstone", None),
    _dead("empty value", b""),
    _dead("one NUL byte", b"\0"),
    _dead("NUL bytes", b"\0" * 300),
    _dead("white space", b" \r\n\t "),
    _dead("byte-order mark alone", b"\xef\xbb\xbf"),
    _dead("not UTF-8", _message(b"Ostra \xff\xfe falls")),
    _dead("UTF-16", _message(_PLAIN).decode().encode("utf-16")),
    _dead("overlong UTF-8", _message(b"Ostra \xc0\xaf falls")),
    _dead("surrogate in UTF-8", _message(b"Ostra \xed\xa0\xbd falls")),
    _dead("not JSON", b"Ostra falls, and nobody quotes it"),
    _dead("XML", b"<article><text>Ostra falls</text></article>"),
    _dead("cut off", _message(_PLAIN)[:60]),
    _dead("two objects", _message(_PLAIN) * 2),
    _dead("single quotes", b"{'text': 'Ostra falls', 'published_at': '2026-03-01T09:30:00Z'}"),
    _dead("raw control characters in a string", _message(b"Ostra \x01\x02\x1b falls")),
    _dead("raw NUL in a string", _message(b"Ostra \0 falls")),
    _dead("JSON array", b"[1,2,3]"),
    _dead("JSON string", b'"Ostra falls"'),
    _dead("JSON number", b"17"),
    _dead("JSON null", b"null"),
    _dead("JSON true", b"true"),
    _dead("no text", b'{"event_id":"@ID","published_at":"2026-03-01T09:30:00Z"}'),
    _dead("text is a number", b'{"event_id":"@ID","text":7,"published_at":"2026-03-01T09:30:00Z"}'),
    _dead("text is null", b'{"event_id":"@ID","text":null,"published_at":"2026-03-01T09:30:00Z"}'),
    _dead("text is a list", b'{"event_id":"@ID","text":["Ostra"],"published_at":"2026-03-01T09:30:00Z"}'),
    _dead("empty text", _message(b""), names_itself=True),
    _dead("text of white space", _message(rb"  \t\n\u00a0\u2003 "), names_itself=True),
    _dead("text that nobody sees", _message(rb"\u200b\u200d\ufeff\u2060\u202e"), names_itself=True),
    _dead("text of escaped NULs", _message(rb"\u0000\u0000"), names_itself=True),
    _dead("no time", b'{"event_id":"@ID","text":"Ostra falls"}'),
    _dead("time without a zone", b'{"event_id":"@ID","text":"Ostra falls","published_at":"2026-03-01T09:30:00"}'),
    _dead("time that is none", b'{"event_id":"@ID","text":"Ostra falls","published_at":"yesterday"}'),
    _dead("30 February", b'{"event_id":"@ID","text":"Ostra falls","published_at":"2026-02-30T09:30:00Z"}'),
    _dead("time as a list", b'{"event_id":"@ID","text":"Ostra falls","published_at":[2026,3,1]}'),
    _dead("time outside the calendar", b'{"text":"Ostra falls","published_at":"0001-01-01T00:00:00+12:00"}'),
    _dead("NaN", _message(_PLAIN, b',"x":NaN')),
    _dead("Infinity", _message(_PLAIN, b',"x":-Infinity')),
    _dead("lone surrogate", _message(rb"Ostra \ud83d falls")),
    _dead("nesting", _message(_PLAIN, b',"x":' + b"[" * 200 + b"]" * 200)),
    _dead("deep nesting", b"[" * 20_000),
    _dead("deep objects", b'{"x":' * 20_000),
    _dead("unknown schema version", _message(_PLAIN, b',"schema_version":2')),
    _dead("huge schema version", _message(_PLAIN, b',"schema_version":1' + b"0" * 400)),
    _dead("schema version as text", _message(_PLAIN, b',"schema_version":"1"')),
    _dead("entities as text", _message(_PLAIN, b',"entities":"OSTR"')),
    Poison("unknown type header", _message(_PLAIN), "dead", (("ce_type", b"bellwether.news.article.published.v9"),)),
    _odd("byte-order mark", b"\xef\xbb\xbf" + _message(_PLAIN)),
    _odd("right to left", _message("\u202eOstra \u202b\u05d0\u05d1\u05d2\u202c falls".encode())),
    _odd("zero width", _message("Os\u200btra f\u200dalls".encode())),
    _odd("emoji and other scripts", _message("Ostra \U0001f4c9 \u4e0b\u8dcc \u0441\u043f\u0430\u0434".encode())),
    _odd("escaped NUL beside a text", _message(rb"Ostra \u0000 falls")),
    _odd("unknown fields", _message(_PLAIN, b',"x":{"y":[1,2,{"z":null}]},"y":"a"')),
    _odd("nesting that is allowed", _message(_PLAIN, b',"x":' + b"[" * 20 + b"]" * 20)),
    _odd("brackets in the text", _message(b"[" * 3_000 + b" Ostra falls")),
    _odd("bad optional headers", _message(_PLAIN), (("ce_id", b"\xff\xfe"), ("ce_source", b"\xff"))),
    _odd("HTML", _message(b"<p>Ostra &amp;amp; Velocor fall</p>")),
)  # fmt: skip

_TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"\\ud800", b"null", b"NaN", b"1e999", b"-0", b"\0", b"\xff",
    b"\xef\xbb\xbf", b"\xf0\x9f", b"9" * 40, b"[" * 100, b',"text":""', b',"schema_version":3', b"\xe2\x80\x8b",
)  # fmt: skip


def fuzz(message: bytes, chance: random.Random) -> bytes:
    """A valid message after some random damage; it may be valid still.

    Args:
        message: not empty.
        chance: decides all.
    """
    value = bytearray(message)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(value) + 1)
        end = min(len(value), at + chance.randint(1, 24))
        match chance.randrange(6):
            case 0 if at < len(value):
                value[at] ^= 1 << chance.randrange(8)
            case 1:
                del value[at:end]
            case 2:
                value[at:at] = chance.randbytes(chance.randint(1, 8))
            case 3:
                value[at:at] = value[at:end]
            case 4:
                del value[at:]
            case _:
                value[at:at] = chance.choice(_TOKENS)
    return bytes(value)
