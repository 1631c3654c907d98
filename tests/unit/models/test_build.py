from __future__ import annotations

from models import build
from models.text import clean


def test_the_headlines_are_enough_varied_and_clean() -> None:
    headlines = build.builtin_headlines()
    lengths = [len(text) for text in headlines]
    assert len(headlines) == len(set(headlines)) >= 120
    assert min(lengths) < 25
    assert max(lengths) > 250
    assert headlines == [clean(text) for text in headlines]


def test_each_file_that_decides_a_version_is_there() -> None:
    here = build.HEADLINES.parent
    assert all(list(here.glob(pattern)) for pattern in build.CODE)
