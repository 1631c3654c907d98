"""What is drawn of a loop."""

from __future__ import annotations

import math

from bellwether.loop.figures import Point
from bellwether.loop.picture import line


def test_the_line_is_broken_where_nothing_was_scored() -> None:
    points = [Point(1_000, 0.5), Point(2_000, 0.6), Point(40_000, 0.4), Point(41_000, 0.9)]
    seconds, scores = line(points, 1_000)
    assert seconds == [0.0, 1.0, 39.0, 39.0, 40.0]
    assert [one for one in scores if not math.isnan(one)] == [0.5, 0.6, 0.4, 0.9]
    assert math.isnan(scores[2])
    assert line([], 0) == ([], [])
