import pytest

from runtime import one_line
from runtime.errors import InputError


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\x85", "\u2028", "\udcff"])
def test_what_ends_a_line_or_drives_a_terminal_is_refused_and_shown_as_unknown(character: str) -> None:
    with pytest.raises(InputError, match=r"the reason holds '\\.+' at character 5; say it in one line of plain text"):
        one_line.checked(f"good{character}bad", "the reason")
    assert one_line.shown(f"good{character}bad") == "good\ufffdbad"


@pytest.mark.parametrize("words", ["", "better on Müller's labels", "\u3000更好 👩‍🔬"])
def test_text_of_any_language_stays_as_it_is(words: str) -> None:
    assert one_line.checked(words, "the reason") == words
    assert one_line.shown(words) == words
