"""Which old texts come again: as many as asked, of every class, domain and age, the same for the same seed."""

from collections import Counter

import pytest

from trainer import replay
from trainer.dataset import Example

OLD = [
    Example(f"{label} {domain} {n}", {"sentiment": label}, f"{label} {domain} {n}", {}, domain, float(n))
    for domain, sizes in (("tweets", {"neutral": 900, "positive": 90}), ("wire", {"neutral": 60, "positive": 2}))
    for label, size in sizes.items()
    for n in range(size)
]
NEW = [Example(f"new {n}", {"sentiment": "neutral"}, f"new {n}") for n in range(100)]


def test_as_many_as_the_ratio_asks_for_and_no_text_that_is_new() -> None:
    found = replay.chosen([*OLD, *NEW], NEW, 1.5, seed=0)
    assert len(found) == 150
    assert not {e.key for e in found} & {e.key for e in NEW}
    assert len({e.key for e in found}) == 150
    assert replay.chosen(OLD, NEW, 0.0, seed=0) == []
    assert replay.chosen([], NEW, 1.0, seed=0) == []
    assert replay.chosen(OLD, NEW, 99.0, seed=0) == OLD


def test_every_class_domain_and_age_comes_and_the_rare_more_often_than_they_are() -> None:
    found = replay.chosen(OLD, NEW, 2.0, seed=0)
    by_class = Counter((e.labels["sentiment"], e.domain) for e in found)
    assert by_class["positive", "wire"] == 2
    assert by_class["neutral", "tweets"] > by_class["positive", "tweets"] > 200 * 90 / len(OLD)
    tweets = [e.at for e in found if e.domain == "tweets" and e.labels["sentiment"] == "neutral"]
    assert min(tweets) < 200
    assert max(tweets) > 700


def test_the_seed_decides_and_nothing_else() -> None:
    drawn = {e.key for e in replay.chosen(OLD, NEW, 1.0, seed=0)}
    assert drawn == {e.key for e in replay.chosen(OLD[::-1], NEW, 1.0, seed=0)}
    assert drawn != {e.key for e in replay.chosen(OLD, NEW, 1.0, seed=1)}


@pytest.mark.parametrize("wanted", [0, 1, 7, 50, 104, 105])
def test_shares_follow_the_roots_and_add_up(wanted: int) -> None:
    sizes = {((), "", 0): 100, ((), "", 1): 4, ((), "", 2): 1}
    found = replay.shared(sizes, wanted)
    assert sum(found.values()) == wanted
    assert all(found[stratum] <= size for stratum, size in sizes.items())
    if wanted == 7:
        assert list(found.values()) == [5, 1, 1]
