"""Why a row did not become an event; the reasons are constants, so that scripts can count them."""

from __future__ import annotations

from runtime.errors import InputError

NOT_JSON = "not_json"
NOT_AN_OBJECT = "not_an_object"
INVALID_UTF8 = "invalid_utf8"
WRONG_COLUMNS = "wrong_columns"
NO_TEXT = "no_text"
WRONG_TYPE = "wrong_type"
BAD_TIME = "bad_time"
TOO_LARGE = "too_large"

MAX_QUOTED = 60
"""Characters of a refused value that a message quotes: enough to recognise it, too few to fill a terminal."""


class RowRefusedError(InputError):
    """One row cannot become an event; its neighbours go on."""

    def __init__(self, reason: str, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)


def quoted(value: object) -> str:
    """A value as a message shows it, cut at `MAX_QUOTED`.

    >>> quoted("x" * 100)[-4:]
    "xx…'"
    """
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_QUOTED else value[:MAX_QUOTED] + "…")
    shown = repr(value)
    return shown if len(shown) <= MAX_QUOTED else shown[:MAX_QUOTED] + "…"
