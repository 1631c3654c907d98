"""Turn a template into a sentence: `[a|b]` picks one of the alternatives, `{slot}` is filled by the caller."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from runtime.errors import InputError

Fill = Callable[[str], str]
"""Slot name to words, which may hold alternatives and slots again."""

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_SUFFIXES: dict[str, Callable[[str], str]] = {
    "_cap": lambda words: words[:1].upper() + words[1:],
    "_low": str.lower,
    "_up": str.upper,
}
_MAX_STEPS = 200
"""Replacements in one sentence; the longest template needs about 20, a slot that names itself never ends."""


def expand(template: str, fill: Fill, rng: random.Random) -> str:
    """One sentence of a template.

    >>> expand("[big|big] {what}", {"what": "news"}.__getitem__, random.Random(1))
    'big news'

    Raises:
        InputError: the template does not come to an end.
    """
    text = template
    for _ in range(_MAX_STEPS):
        chosen, count = _ALTERNATIVES.subn(lambda found: rng.choice(found.group(1).split("|")), text)
        if not count:
            chosen, count = _SLOT.subn(lambda found: fill(found.group(1)), text, count=1)
        if not count:
            return " ".join(text.split())
        text = chosen
    raise InputError(f"template {template!r} is not done after {_MAX_STEPS} steps; does one of its slots name itself?")


def split_suffix(slot: str) -> tuple[str, Callable[[str], str]]:
    """The slot that `country_up` means, and what to do with its words.

    >>> name, change = split_suffix("country_up")
    >>> name, change("Chile")
    ('country', 'CHILE')
    """
    for suffix, change in _SUFFIXES.items():
        if slot.endswith(suffix):
            return slot.removesuffix(suffix), change
    return slot, str
