"""Which field of a row is which field of an event: `--map text=$.headline`, with guesses for what is not mapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from runtime.errors import InputError
from streams.ingest import paths

DEFAULTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": ("text", "title", "headline"),
        "event_id": ("event_id",),
        "id": ("id",),
        "time": ("published_at", "time", "date"),
        "key": ("key", "ticker"),
        "source": ("source",),
        "url": ("url", "link"),
        "lang": ("lang",),
        "entities": ("entities",),
    }
)
"""Field of an event to the field names tried in turn; the first that is there and not null wins."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The values of one row, not yet checked."""

    values: Mapping[str, object]
    explicit: frozenset[str]
    """Fields that the user mapped: a value of another type there is an error, a wrong guess of ours is not."""


class RowMapping:
    """Picks an event's fields out of rows."""

    def __init__(self, chosen: Mapping[str, tuple[paths.Step, ...]]) -> None:
        self.explicit = frozenset(chosen)
        guesses: dict[str, tuple[tuple[paths.Step, ...], ...]] = {
            field: tuple((name,) for name in names) for field, names in DEFAULTS.items()
        }
        self._paths = guesses | {field: (path,) for field, path in chosen.items()}

    @classmethod
    def parse(cls, options: Sequence[str]) -> RowMapping:
        """Read `--map` options, each `field=path`.

        Raises:
            InputError: no `=`, an unknown field, a field mapped twice, or no path.
        """
        chosen: dict[str, tuple[paths.Step, ...]] = {}
        for option in options:
            field, equals, path = option.partition("=")
            field = field.strip()
            if not equals:
                raise InputError(f"--map {option!r} has no '='; write it like text=$.headline")
            field = "time" if field == "published_at" else field
            if field not in DEFAULTS:
                raise InputError(f"--map {option!r}: an event has no field {field!r}; known: {', '.join(DEFAULTS)}")
            if field in chosen:
                raise InputError(f"--map {option!r}: {field!r} is mapped twice; keep one")
            chosen[field] = paths.parse(path)
        return cls(chosen)

    def pick(self, row: Mapping[str, object]) -> Picked:
        """The values that this row has; absent, null and (in a guess) empty ones are left out."""
        values: dict[str, object] = {}
        for field, candidates in self._paths.items():
            for path in candidates:
                # Most paths are one name: worth the shortcut at tens of thousands of rows a second.
                first = path[0]
                found = row.get(first) if len(path) == 1 and isinstance(first, str) else paths.find(row, path)
                if found is not None and found != "":
                    values[field] = found
                    break
        return Picked(values, self.explicit)
