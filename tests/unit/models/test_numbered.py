"""A log in a folder: who is first has the number, and what is no entry is told by its place and the cure."""

from pathlib import Path

import msgspec
import pytest

from models.numbered import Numbered
from models.store import Store, open_store
from runtime.errors import CorruptVersionError


class Deed(msgspec.Struct, frozen=True):
    turn: int
    who: str
    more: dict[str, object] = {}


DEEDS = Numbered("deeds", Deed, lambda deed: deed.turn, "deed", "turn")

FIRST, SECOND, THIRD = (Deed(turn, "ana") for turn in (1, 2, 3))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), make=True)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths and folders that were asked for from now on."""
    asked: list[str] = []

    def watched(name: str) -> None:
        real = getattr(Store, name)
        monkeypatch.setattr(Store, name, lambda self, path: (asked.append(path), real(self, path))[1])

    watched("read")
    watched("names")
    return asked


def test_an_entry_lies_as_json_under_its_number(store: Store, tmp_path: Path) -> None:
    assert DEEDS.create(store, FIRST) is None
    assert (tmp_path / "store" / "deeds" / "000001.json").read_text() == (
        '{\n "turn": 1,\n "who": "ana",\n "more": {}\n}'
    )


def test_the_same_again_is_ours_and_another_is_handed_back(store: Store) -> None:
    assert DEEDS.create(store, FIRST) is None
    assert DEEDS.create(store, FIRST) is None
    assert DEEDS.create(store, Deed(1, "bo")) == FIRST
    assert DEEDS.every(store) == [FIRST]


def test_an_empty_log_has_no_last(store: Store) -> None:
    assert DEEDS.last(store) is None
    assert DEEDS.newer(store, 0) is None
    assert (DEEDS.numbers(store), DEEDS.every(store)) == ([], [])


def test_entries_come_oldest_first_and_what_has_no_number_is_passed(store: Store) -> None:
    for deed in (SECOND, FIRST):
        DEEDS.create(store, deed)
    for name in ("1.json", "000003.json.part", "notes.txt", "0000004.json"):
        store.create(f"deeds/{name}", b"")
    assert DEEDS.numbers(store) == [1, 2]
    assert DEEDS.every(store) == [FIRST, SECOND]
    assert DEEDS.last(store) == SECOND
    assert DEEDS.at(store, 1) == FIRST


def test_from_one_that_is_known_there_is_no_listing_and_one_request_while_nothing_comes(
    store: Store, requests: list[str]
) -> None:
    DEEDS.create(store, FIRST)
    assert DEEDS.newer(store, 1) is None
    assert requests == ["deeds/000002.json"]
    DEEDS.create(store, SECOND)
    DEEDS.create(store, THIRD)
    assert DEEDS.newer(store, 1) == THIRD
    assert requests[1:] == ["deeds/000002.json", "deeds/000003.json", "deeds/000004.json"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no deed: Input data was truncated"),
        (b'{"turn": 2', "is no deed: Input data was truncated"),
        (b'{"turn": 2}', "is no deed: Object missing required field `who`"),
        (b'{"turn": 2, "who": "\xff"}', "is no deed: .*utf-8"),
        (b'{"turn": 2, "who": "a", "more": {"a": ' + b"[" * 100_000, "is no deed: maximum recursion depth"),
        (b'{"turn": 3, "who": "ana"}', "says turn 3"),
    ],
)
def test_what_is_no_entry_is_told_by_every_way_that_reads_it(store: Store, content: bytes, says: str) -> None:
    store.create("deeds/000002.json", content)
    for read in (
        lambda: DEEDS.at(store, 2),
        lambda: DEEDS.last(store),
        lambda: DEEDS.newer(store, 1),
        lambda: DEEDS.every(store),
        lambda: DEEDS.create(store, SECOND),
    ):
        with pytest.raises(CorruptVersionError, match=rf"deeds/000002\.json {says}.*; restore it from a copy"):
            read()


def test_an_entry_that_is_missing_is_none_of_ours(store: Store) -> None:
    DEEDS.create(store, SECOND)
    with pytest.raises(CorruptVersionError, match=r"deeds/000001\.json is no deed"):
        DEEDS.at(store, 1)
