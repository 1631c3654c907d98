import pytest

from bellwether.loop import figures
from bellwether.loop.figures import Scores, Seen

FOUND = Scores(before=0.8, drifted=0.2, after=0.7, ceiling=0.8, old_after=0.79)


def events(count: int, version: str, right: float, start_ms: int = 0, is_drifted: bool = True) -> list[Seen]:
    """Every hundred ms one; of every ten so many are right."""
    labels = ("negative", "positive")
    return [
        Seen(
            start_ms + 100 * number, version, labels[number % 2],
            labels[number % 2] if number % 10 < 10 * right else labels[1 - number % 2], is_drifted,
        )
        for number in range(count)
    ]  # fmt: skip


def test_the_running_score_forgets_what_is_older_than_its_window() -> None:
    points = figures.running([*events(200, "v-1", 0.0), *events(200, "v-2", 1.0, 20_000)])
    assert points[0] == (19_900, 0.0)
    assert points[-1] == (39_900, 1.0)
    assert points[100].macro_f1 == pytest.approx(0.5, abs=0.01)
    assert figures.running(events(199, "v-1", 1.0)) == []


def test_macro_f1_counts_each_class_alike_and_is_0_without_texts() -> None:
    pairs = [("a", "a")] * 98 + [("b", "a")] * 2
    assert figures.macro_f1(pairs) == pytest.approx(0.495, abs=0.001)
    assert figures.macro_f1([]) == 0.0


def test_recovered_is_the_part_of_what_could_be_won_back() -> None:
    assert FOUND.recovered == pytest.approx(5 / 6)
    assert Scores(0.8, 0.8, 0.9, 0.8, 0.8).recovered == 0.0


def test_forgot_is_what_the_old_domain_lost_in_points() -> None:
    assert FOUND.forgot_points == pytest.approx(1.0)


def test_recovery_is_when_the_new_version_alone_has_won_back_half() -> None:
    calm = events(50, "v-1", 1.0, is_drifted=False)
    drifted = events(500, "v-1", 0.2, 5_000)
    better = events(400, "v-2", 0.8, 60_000)
    seen = [*calm, *drifted, *better]
    assert figures.recovery(seen, "v-2", FOUND) == pytest.approx((60_000 + 19_900 - 5_000) / 1000)
    assert figures.recovery([*calm, *drifted, *events(400, "v-2", 0.3, 60_000)], "v-2", FOUND) is None
    assert figures.recovery(seen, None, FOUND) is None


def test_serving_is_counted_from_the_last_label_that_was_waited_for() -> None:
    seen = [*events(10, "v-1", 1.0), *events(10, "v-2", 1.0, 90_000)]
    labels = [1_000 * number for number in range(1, 51)]
    assert figures.serving(seen, "v-2", labels[::-1], 40) == 50.0
    assert figures.serving(seen, "v-3", labels, 40) is None
    assert figures.serving(seen, "v-2", labels, 60) is None
    assert figures.serving(seen, None, labels, 40) is None
