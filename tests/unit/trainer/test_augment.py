import random

import pytest

from trainer.augment import augmented, cashtags_of
from trainer.recipe import Augment

TEXT = "$ACME - Acme lifts its forecast for #Earnings after a strong quarter http"


def changed(how: Augment, text: str = TEXT, seed: int = 0) -> str:
    return augmented(text, how, ["$ZEN"], random.Random(seed))


def test_nothing_changes_by_default() -> None:
    assert changed(Augment()) == TEXT


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Augment(drop_urls=0.999999), "$ACME - Acme lifts its forecast for #Earnings after a strong quarter"),
        (Augment(plain_tags=0.999999), "ACME - Acme lifts its forecast for Earnings after a strong quarter http"),
        (Augment(swap_cashtags=0.999999), "$ZEN - Acme lifts its forecast for #Earnings after a strong quarter http"),
        (Augment(drop_lead=0.999999), "Acme lifts its forecast for #Earnings after a strong quarter http"),
    ],
)
def test_each_change_touches_only_its_own_habit(how: Augment, expected: str) -> None:
    assert changed(how) == expected


def test_a_price_is_no_cashtag_and_a_word_with_http_no_url() -> None:
    how = Augment(plain_tags=0.999999, swap_cashtags=0.999999, drop_urls=0.999999)
    assert changed(how, "$5 billion for https servers") == "$5 billion for https servers"


def test_about_the_given_share_of_words_is_dropped_from_long_texts_only() -> None:
    text = " ".join(["word"] * 4000)
    assert len(changed(Augment(drop_words=0.2), text).split()) == pytest.approx(3200, abs=100)
    assert changed(Augment(drop_words=0.9), "four words stay here") == "four words stay here"


def test_a_text_never_becomes_empty() -> None:
    how = Augment(drop_urls=0.9, drop_words=0.999999)
    assert all(changed(how, "a b c d e f", seed) for seed in range(50))
    assert changed(Augment(drop_urls=0.999999), "http") == "http"


def test_the_same_chance_gives_the_same_text() -> None:
    how = Augment(drop_words=0.3, drop_lead=0.5, drop_urls=0.5)
    assert changed(how, seed=4) == changed(how, seed=4)
    assert len({changed(how, seed=seed) for seed in range(10)}) > 3


def test_cashtags_are_collected_as_often_as_they_occur() -> None:
    assert cashtags_of(["$A and $B.X", "$A", "$5"]) == ["$A", "$B.X", "$A"]


def test_characters_are_dropped_where_no_spaces_are() -> None:
    text = "砚池科技Q3盈利创新高，股价大涨"
    found = augmented(text, Augment(drop_words=0.3), (), random.Random(1))
    assert 5 < len(found) < len(text)
    rest = iter(text)
    assert all(one in rest for one in found), "in the same order"


def test_a_chinese_lead_goes_too() -> None:
    assert augmented("快讯：砚池科技股价大涨", Augment(drop_lead=0.99), (), random.Random(1)) == "砚池科技股价大涨"
    assert augmented("快讯：大涨", Augment(drop_lead=0.99), (), random.Random(1)) == "快讯：大涨"
