import random
from collections import Counter
from statistics import fmean, stdev

import pytest

from models.text import fingerprint
from trainer.labels.choose import AUDIT, UNSURE, Candidate, Choice, choose, margin


def candidate(number: int, top: int, text: str = "") -> Candidate:
    text = text or "".join(random.Random(number).choices("abcdefghijkl ", k=40))
    return Candidate(f"e-{number}", text, {"positive": top, "negative": 10_000 - top})


def ids(chosen: list[Choice], why: str) -> set[str]:
    return {one.event_id for one in chosen if one.why == why}


def test_the_margin_is_between_the_two_likeliest() -> None:
    assert margin({"positive": 2_000, "negative": 3_000, "neutral": 5_000}) == pytest.approx(0.2)
    assert margin({"positive": 10_000}) == 1.0


def test_the_unsure_come_first_and_a_random_slice_has_its_probability() -> None:
    pool = [candidate(number, 9_900) for number in range(90)] + [candidate(number, 5_100) for number in range(90, 98)]
    chosen = choose(pool, 10, 0.2, random.Random(1))
    assert len({one.event_id for one in chosen}) == 10
    assert ids(chosen, UNSURE) == {f"e-{number}" for number in range(90, 98)}
    assert {one.sampling_probability for one in chosen if one.why == UNSURE} == {1.0}
    assert {one.sampling_probability for one in chosen if one.why == AUDIT} == {2 / 90}
    assert {one.margin for one in chosen if one.why == AUDIT} == {0.98}


def test_copies_of_one_text_are_not_chosen_twice_nor_those_of_a_labelled_one() -> None:
    story = "Harbour Mills cuts its forecast for the year"
    copies = [candidate(number, 5_000, f"RT @desk{number}: {story}! https://t.co/{number}") for number in range(5)]
    almost = [candidate(5, 5_000, "Harbour Mills cuts its forecast for the quarter")]
    labelled = [candidate(6, 5_000, "Vertano soars")]
    others = [candidate(number, 9_000) for number in range(7, 30)]
    chosen = choose([*copies, *almost, *labelled, *others], 8, 0.2, random.Random(1), {fingerprint("vertano soars")})
    unsure = ids(chosen, UNSURE)
    assert len(unsure & {f"e-{number}" for number in range(6)}) == 1
    assert "e-6" not in unsure
    assert len(unsure) == 6


def test_where_all_texts_are_copies_the_rest_is_drawn_at_random() -> None:
    chosen = choose([candidate(number, 5_000, "Ostra soars") for number in range(20)], 10, 0.2, random.Random(1))
    assert Counter(one.why for one in chosen) == {UNSURE: 1, AUDIT: 9}
    assert {one.sampling_probability for one in chosen if one.why == AUDIT} == {9 / 19}


@pytest.mark.parametrize("wanted", [3, 4])
def test_few_candidates_are_all_chosen_for_certain(wanted: int) -> None:
    chosen = choose([candidate(number, 9_000) for number in range(3)], wanted, 0.2, random.Random(1))
    assert [one.sampling_probability for one in chosen] == [1.0] * 3


def test_a_single_event_is_an_audit_so_that_none_is_beyond_reach() -> None:
    (only,) = choose([candidate(0, 5_000), candidate(1, 9_000)], 1, 0.2, random.Random(1))
    assert (only.why, only.sampling_probability) == (AUDIT, 0.5)
    assert choose([], 5, 0.2, random.Random(1)) == []


def test_weighted_estimates_of_accuracy_are_unbiased_and_unweighted_ones_are_not() -> None:
    """The model errs where it is unsure, and that is where labels are asked for."""
    world = random.Random(5)
    pool = [candidate(number, world.randint(5_000, 10_000)) for number in range(120)]
    is_right = {one.event_id: world.random() < one.probabilities["positive"] / 10_000 for one in pool}
    truth = fmean(is_right.values())
    runs = 150
    drawn: Counter[str] = Counter()
    totals, ratios, plain = [], [], []
    for seed in range(runs):
        chosen = choose(pool, 30, 0.5, random.Random(seed))
        drawn.update(ids(chosen, AUDIT))
        weights = {one.event_id: 1 / one.sampling_probability for one in chosen}
        total = sum(weight * is_right[event_id] for event_id, weight in weights.items())
        totals.append(total / len(pool))  # Horvitz & Thompson 1952
        ratios.append(total / sum(weights.values()))  # Hájek 1971
        plain.append(fmean(is_right[event_id] for event_id in weights))

    error = stdev(totals) / runs**0.5
    assert abs(fmean(totals) - truth) < 3 * error
    assert abs(fmean(ratios) - truth) < 3 * error
    assert abs(fmean(plain) - truth) > 10 * error
    assert error < 0.015
    unsure = ids(choose(pool, 30, 0.5, random.Random(0)), UNSURE)
    assert not unsure & set(drawn)
    others = len(pool) - len(unsure)
    assert len(drawn) == others, "everybody has a chance"
    expected = runs * (30 - len(unsure)) / others
    chi_squared = sum((drawn[one] - expected) ** 2 / expected for one in drawn)
    assert chi_squared < 1.4 * others, "and the same one"
