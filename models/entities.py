"""Which companies a text names: cashtags, and names from an alias table that users can extend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.text import UNSPACED
from runtime.errors import InputError

BUILT_IN = Path(__file__).with_name("aliases.toml")
"""Well-known companies by ticker; see the file for its form."""

_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,6}(?:[.\-][A-Za-z]{1,2})?)(?![\w$])")
"""`$TSLA`, `$brk.b`; not `$5`, `US$m` or `$$`."""

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True)
class Entity:
    """An entity that a text names.

    An entity's sentiment in a scored event is the sentiment of its whole text. A text that praises one company and
    blames another therefore counts for both alike; a score of its own would need a model trained for it.

    Attributes:
        id: canonical name, usually the ticker.
        name: how the text writes it.
        start: position of its first character in the text.
        end: position after its last character.
        found_by: `cashtag` or `alias`.
    """

    id: str
    name: str
    start: int
    end: int
    found_by: Literal["cashtag", "alias"]


class Aliases:
    """An alias table, ready for `link`.

    A name is looked for only where its first word occurs in the text: one pass over the words and a set lookup each,
    however long the table is.

    Args:
        table: names per canonical id. A name in lower case matches in any case, any other as it is written or in
            capitals.
    """

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self._exact: dict[str, str] = {}
        self._any_case: dict[str, str] = {}
        for canonical, names in table.items():
            for name in names:
                if name == name.lower() and name != name.upper():
                    self._any_case.setdefault(name, canonical)
                else:
                    self._exact.setdefault(name, canonical)
                    self._exact.setdefault(name.upper(), canonical)
        self._exact_patterns = {
            word: re.compile(_whole(_either(names))) for word, names in _by_first_word(self._exact).items()
        }
        self._any_case_patterns = {
            word: _AnyCase(names, self._any_case) for word, names in _by_first_word(self._any_case).items()
        }
        unspaced = [name for name in self._exact if _UNSPACED.search(name)]
        self._unspaced = re.compile(_either(unspaced)) if unspaced else None

    def mentions(self, text: str) -> Iterator[Entity]:
        """Each mention of a name, from left to right, the longest at each place, whole words only."""
        taken = 0
        for match, canonical in sorted(self._matches(text), key=lambda found: (found[0].start(), -found[0].end())):
            if match.start() >= taken:
                taken = match.end()
                yield Entity(canonical, match.group(), match.start(), match.end(), "alias")

    def _matches(self, text: str) -> list[tuple[re.Match[str], str]]:
        """Each place where a name matches, and whose it is; of two at one place the exact one comes first."""
        words = set(_WORD.findall(text))
        exact: list[re.Match[str]] = []
        for word in words & self._exact_patterns.keys():
            exact.extend(self._exact_patterns[word].finditer(text))
        if self._unspaced and not text.isascii():
            exact.extend(self._unspaced.finditer(text))
        found = [(match, self._exact[match.group()]) for match in exact]
        if self._any_case_patterns:
            for word in {word.lower() for word in words} & self._any_case_patterns.keys():
                found.extend(self._any_case_patterns[word].matches(text))
        return found


class _AnyCase:
    """Names that begin with the same word, found in any case.

    Each name is a group of its own and the group says which one matched. The matched text cannot: `re.IGNORECASE` takes
    the long s and the dotless i for their plain letters, which neither `str.lower` nor `str.casefold` does for both.
    """

    def __init__(self, names: Iterable[str], table: Mapping[str, str]) -> None:
        longest_first = sorted(names, key=len, reverse=True)
        self._canonical = [table[name] for name in longest_first]
        groups = "|".join(f"({re.escape(name)})" for name in longest_first)
        self._pattern = re.compile(_whole(f"(?:{groups})"), re.IGNORECASE)

    def matches(self, text: str) -> Iterator[tuple[re.Match[str], str]]:
        """Each match with the id that its name stands for."""
        for match in self._pattern.finditer(text):
            if match.lastindex is not None:
                yield match, self._canonical[match.lastindex - 1]


def load(extra: Path | None = None) -> Aliases:
    """The built-in table, and a user's own on top.

    Args:
        extra: TOML file with a table `[entities]` of `ID = ["name", ...]`. An id that the built-in table knows too is
            replaced; an empty list takes it out.

    Raises:
        InputError: the file cannot be read or has another form.
    """
    table = _read(BUILT_IN)
    if extra is not None:
        table |= _read(extra)
    return Aliases(table)


def link(text: str, aliases: Aliases) -> tuple[Entity, ...]:
    """The entities of a text, each once, in the order in which they are first named.

    >>> aliases = Aliases({"TSLA": ["Tesla"], "GM": ["General Motors", "GM"]})
    >>> [(one.id, one.name, one.found_by) for one in link("Tesla beats General Motors; $TSLA up", aliases)]
    [('TSLA', 'Tesla', 'alias'), ('GM', 'General Motors', 'alias')]
    """
    found = list(aliases.mentions(text))
    if "$" in text:
        found += [
            Entity(match[1].upper(), match[0], match.start(), match.end(), "cashtag")
            for match in _CASHTAG.finditer(text)
        ]
    if len(found) > 1:
        found.sort(key=lambda entity: entity.start)
        first: dict[str, Entity] = {}
        for entity in found:
            first.setdefault(entity.id, entity)
        return tuple(first.values())
    return tuple(found)


def _by_first_word(names: Iterable[str]) -> dict[str, list[str]]:
    """Names in groups that begin with the same word, so that one pattern finds a group."""
    groups: dict[str, list[str]] = {}
    for name in names:
        word = _WORD.search(name)
        if word and not _UNSPACED.search(name):
            groups.setdefault(word.group(), []).append(name)
    return groups


def _whole(pattern: str) -> str:
    """The pattern, at whole words only."""
    return rf"(?<!\w){pattern}(?!\w)"


def _either(names: Sequence[str]) -> str:
    """A pattern for any of some names, the longest first."""
    return f"(?:{'|'.join(re.escape(name) for name in sorted(names, key=len, reverse=True))})"


def _read(path: Path) -> dict[str, list[str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"alias table {path} cannot be read: {error}; see models/aliases.toml for its form") from error
    table = content.get("entities")
    if not isinstance(table, dict) or set(content) != {"entities"}:
        raise InputError(f"alias table {path} needs one table [entities] and nothing else, has {sorted(content)}")
    for canonical, names in table.items():
        if not isinstance(names, list) or not all(isinstance(name, str) and _WORD.search(name) for name in names):
            raise InputError(f"entity {canonical!r} of alias table {path} is {names!r}; write a list of names")
    return table
