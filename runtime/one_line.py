"""Words of people that must stay one line, in a log or in a file with one entry a line."""

from __future__ import annotations

import re

from runtime.errors import InputError

_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, whatever ends a line, and what a broken encoding leaves of a byte."""


def checked(words: str, what: str) -> str:
    """The words, where they are one line of text.

    Args:
        words: of a person.
        what: they are, for the message.

    Raises:
        InputError: they hold a line break or another control character.
    """
    if found := _NO_TEXT.search(words):
        raise InputError(
            f"{what} holds {found[0]!a} at character {found.start() + 1}; say it in one line of plain text"
        )
    return words


def shown(words: str) -> str:
    """The words for a terminal, whoever wrote them: what is no text becomes the replacement character."""
    return _NO_TEXT.sub("\ufffd", words)
