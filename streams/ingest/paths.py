"""Dotted paths into a row: `$.a.b[0]`, `$['a b']`, `$.tickers[*].symbol`; the part of JSONPath that a mapping needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from runtime.errors import InputError

Step = str | int | None
"""A field's name, an index (negative counts from the end), or None for `[*]`."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s]+)|\[(?P<index>-?\d{1,9})\]|\[(?P<all>\*)\]|\[(['"])(?P<quoted>.+?)\4\]"""
)


def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path; the leading `$.` may be left out.

    >>> parse("$.a.b[0]"), parse("tickers[*].symbol")
    (('a', 'b', 0), ('tickers', None, 'symbol'))

    Raises:
        InputError: the path is no such path.
    """
    rest = path.strip()
    rest = rest[1:] if rest.startswith("$") else "." + rest if rest and rest[0] not in ".[" else rest
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            break
        steps.append(_step(match))
        position = match.end()
    if position < len(rest) or not steps:
        raise InputError(f"{path!r} is no path into a row; write it like $.headline, $.a.b[0] or $['a b']")
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["all"]:
        return None
    if match["index"] is not None:
        return int(match["index"])
    name: str = match["name"] if match["name"] is not None else match["quoted"]
    return name


def find(row: object, steps: Sequence[Step]) -> object:
    """What lies at a path; None where any step is absent.

    >>> find({"a": [{"s": "X"}, {"s": "Y"}]}, parse("$.a[*].s"))
    ['X', 'Y']
    """
    here = row
    for number, step in enumerate(steps):
        if step is None:
            if not isinstance(here, list | tuple):
                return None
            rest = steps[number + 1 :]
            return [found for item in here if (found := find(item, rest)) is not None]
        if isinstance(step, str):
            if not isinstance(here, Mapping):
                return None
            here = here.get(step)
        elif isinstance(here, list | tuple) and -len(here) <= step < len(here):
            here = here[step]
        else:
            return None
        if here is None:
            return None
    return here
