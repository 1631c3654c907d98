"""A row becomes an event: its key, its identity, its time, and the text exactly as it came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from runtime.clock import Now
from streams.ingest import times
from streams.ingest.mapping import Picked, RowMapping
from streams.ingest.refusal import INVALID_UTF8, NO_TEXT, WRONG_TYPE, RowRefusedError, quoted
from wire import ids
from wire.events import Article

_LIST_SEPARATORS = (";", "|", ",")


@dataclass(frozen=True, slots=True)
class Built:
    """An event ready for its topic."""

    key: str
    article: Article
    timed: bool
    """False where the row named no time: the moment of ingest stands in `published_at`."""


class ArticleBuilder:
    """Builds events of one origin (a file, a feed, a request)."""

    def __init__(
        self, mapping: RowMapping, *, source: str, is_source_forced: bool = False, zone: tzinfo | None = None, now: Now
    ) -> None:
        self._mapping = mapping
        self._source = source
        self._is_source_forced = is_source_forced
        self._zone = zone
        self._now = now

    def build(self, row: Mapping[str, object], number: int, digest: Callable[[Mapping[str, object]], str]) -> Built:
        """One event from one row.

        Args:
            row: as its reader gave it.
            number: the row's place, counted from 1.
            digest: SHA-256 of the origin or of this row, asked only for a row that has neither id, URL nor time.

        Raises:
            RowRefusedError: no text, a value of the wrong type, or no time where one is written.
        """
        picked = self._mapping.pick(row)
        text = _text(picked)
        now = self._now()
        given_time = picked.values.get("time")
        published_at = times.parse(given_time, self._zone) if given_time is not None else None
        source = self._source if self._is_source_forced else _string(picked, "source") or self._source
        entities = _entities(picked)
        key = _string(picked, "key") or (entities[0] if entities else "")
        url = _string(picked, "url")
        native = _string(picked, "id") or url
        if (event_id := _string(picked, "event_id")) is None:
            if native:
                event_id = ids.from_native(source, native)
            elif published_at is not None:
                event_id = ids.from_content(source, published_at, key, text)
            else:
                event_id = ids.from_row(digest(row), number)
        article = Article(
            text=text,
            published_at=published_at or now,
            event_id=event_id,
            source=source,
            ingested_at=now,
            url=url,
            lang=_string(picked, "lang"),
            entities=entities,
        )
        return Built(key or event_id, article, published_at is not None)


def _text(picked: Picked) -> str:
    text = picked.values.get("text")
    if text is None:
        raise RowRefusedError(NO_TEXT, "the row has no text; name its field with --map text=$.field")
    if not isinstance(text, str):
        raise RowRefusedError(
            WRONG_TYPE, f"text is {quoted(text)}, no string; map another field with --map text=$.field"
        )
    _require_encodable("text", text)
    return text


def _string(picked: Picked, field: str) -> str | None:
    value = picked.values.get(field)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        _require_encodable(field, value)
        return value
    if field not in picked.explicit:
        return None
    raise RowRefusedError(WRONG_TYPE, f"{field} is {quoted(value)}, no string; correct --map {field}=…")


def _entities(picked: Picked) -> tuple[str, ...]:
    """A list of strings, or one string that separates them by `;`, `|` or `,` or holds a JSON list."""
    value = picked.values.get("entities")
    if isinstance(value, str):
        value = _listed(value)
    if value is None or (not isinstance(value, list | tuple) and "entities" not in picked.explicit):
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        if "entities" not in picked.explicit:
            return ()
        raise RowRefusedError(WRONG_TYPE, f"entities is {quoted(value)}, no list of names; correct --map entities=…")
    names = tuple(dict.fromkeys(name for item in value if (name := str(item).strip())))
    for name in names:
        _require_encodable("entities", name)
    return names


def _listed(value: str) -> list[object]:
    if value.lstrip().startswith("["):
        try:
            return msgspec.json.decode(value, type=list[object])
        except msgspec.DecodeError:
            pass  # a name may start with a bracket; then it is one name like any other
    separator = next((mark for mark in _LIST_SEPARATORS if mark in value), None)
    return list(value.split(separator)) if separator else [value]


def _require_encodable(field: str, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowRefusedError(
            INVALID_UTF8, f"character {error.start + 1} of {field} is no Unicode text; save the file as UTF-8"
        ) from error
