"""Each promotion is measured in its own time: from it to the next, a corrupt one's too."""

from bellwether.chaos.journal import Strike, Switch
from bellwether.chaos.switching import switches

A, B, BAD = "v-aaaaaaaaaa", "v-bbbbbbbbbb", "v-cccccccccc"


def promoted(time: float, version: str) -> Strike:
    return Strike(time=time, what="promoted", detail=version)


def test_how_long_the_version_before_scored_on() -> None:
    outputs = [(9_000, A), (10_500, A), (10_400, B), (11_000, B), (12_250, A), (13_000, B)]
    assert switches([promoted(10.0, B)], outputs) == (Switch(B, 3, 2.25),)


def test_each_promotion_has_its_own_time() -> None:
    outputs = [(11_000, B), (21_000, B), (22_000, A), (31_000, A), (32_000, B)]
    strikes = [promoted(30.0, B), promoted(10.0, B), promoted(20.0, A)]
    assert switches(strikes, outputs) == (Switch(B, 1, 0.0), Switch(A, 1, 1.0), Switch(B, 1, 1.0))


def test_a_corrupt_promotion_ends_the_time_of_the_one_before_and_has_none() -> None:
    corrupt = Strike(time=20.0, what="promoted-corrupt", detail=f"pickle {BAD}")
    outputs = [(11_000, B), (25_000, B), (26_000, BAD)]
    assert switches([promoted(10.0, A), corrupt], outputs) == (Switch(A, 0, 1.0),)


def test_a_version_that_never_scored_and_a_row_without_promotions() -> None:
    assert switches([promoted(10.0, B)], []) == (Switch(B, 0, 0.0),)
    assert switches([Strike(time=1.0, what="worker-died")], [(2_000, A)]) == ()
