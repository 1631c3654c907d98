from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import entities
from models.entities import Aliases, link, load
from runtime.errors import InputError


@pytest.fixture(scope="module")
def built_in() -> Aliases:
    return load()


def ids(text: str, aliases: Aliases) -> list[str]:
    return [entity.id for entity in link(text, aliases)]


def test_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(entities)
    assert (result.failed, result.attempted) == (0, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$TSLA and $brk.b rise", ["TSLA", "BRK.B"]),
        ("pays $5bn, US$m 3, $$AB, a$TSLA, $TOOLONGTAG", []),
        ("($HBM) slumps; $HBM again", ["HBM"]),
        ("Microsoft buys a studio; MICROSOFT said so", ["MSFT"]),
        ("microsoft in lower case is not the name as written", []),
        ("an Applebee's opens beside Fordham", []),
        ("Ford Motor recalls, Ford says", ["F"]),
        ("AT&T, Johnson & Johnson and Coca-Cola", ["T", "JNJ", "KO"]),
        ("传腾讯与阿里巴巴合作", ["TCEHY", "BABA"]),
        ("", []),
    ],
)
def test_link_finds_cashtags_and_whole_names(text: str, expected: list[str], built_in: Aliases) -> None:
    assert ids(text, built_in) == expected


def test_positions_are_of_the_first_mention_and_say_how_it_was_found(built_in: Aliases) -> None:
    text = "Why Nvidia ($NVDA) and $AMD"
    first, second = link(text, built_in)
    assert (text[first.start : first.end], first.name, first.found_by) == ("Nvidia", "Nvidia", "alias")
    assert (text[second.start : second.end], second.found_by) == ("$AMD", "cashtag")


def test_the_longest_name_wins() -> None:
    aliases = Aliases({"A": ["Osprey"], "B": ["Osprey Lake"], "C": ["Lake Vertano"]})
    assert ids("Osprey Lake Vertano", aliases) == ["B"]
    assert ids("Osprey alone", aliases) == ["A"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("goldman sachs", "Goldman \u017fachs beats"),  # the long s
        ("general mills", "General m\u0131lls beats"),  # the dotless i
        ("general mills", "General M\u0130LLS beats"),  # the dotted capital I
        ("acme kelvin", "Acme \u212aelvin beats"),  # the Kelvin sign
    ],
)
def test_letters_that_only_a_pattern_takes_for_the_names_own_still_give_an_id(name: str, text: str) -> None:
    (found,) = link(text, Aliases({"X": [name], "Y": ["goldman", "general", "acme"]}))
    assert (found.id, found.name) == ("X", text.removesuffix(" beats"))


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.sampled_from("sSkKiI\u017f\u212a\u0130\u0131\u00df\u1e9e $\u00e5\u212b\u00b5\u03bc-"), max_size=12))
def test_any_mixture_of_odd_letters_is_linked_without_an_error(odd: str) -> None:
    text = f"k s i {odd} k s"
    aliases = Aliases({"A": ["k si", "s", "si k"], "B": ["\u00e5 \u00b5", "i s", "k s\u017f"], "C": ["KI", "Sk"]})
    assert all(text[entity.start : entity.end] == entity.name for entity in link(text, aliases))


def test_a_users_file_adds_replaces_and_removes(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[entities]\nHBM = ["Harbour Mills", "the mill"]\nAAPL = []\nMSFT = ["Redmond"]\n', encoding="utf-8"
    )
    mine = load(file)
    assert ids("Harbour Mills; Apple; Microsoft; Redmond; Tesla", mine) == ["HBM", "MSFT", "TSLA"]
    assert ids("The Mill reopens", mine) == ["HBM"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[entities", "cannot be read: .*see models/aliases.toml"),
        ("[names]\nA = []", r"needs one table \[entities\] and nothing else, has \['names'\]"),
        ('[entities]\nA = "Acme"', "entity 'A' .* is 'Acme'; write a list of names"),
        ('[entities]\nA = ["!"]', "write a list of names"),
    ],
)
def test_a_damaged_file_is_named_with_the_cure(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml cannot be read"):
        load(tmp_path / "absent.toml")
