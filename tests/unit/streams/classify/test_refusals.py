from streams.classify.refusals import FIRST_PAUSE_S, LONGEST_PAUSE_S, Refusals


def test_a_refused_version_is_tried_again_only_when_the_pointer_moves() -> None:
    refusals = Refusals()
    assert refusals.may_try("v", 3, 0.0)
    refusals.refused("v", 3, "bad signature")
    assert not refusals.may_try("v", 3, 1e9)
    assert refusals.may_try("v", 4, 0.0)
    assert refusals.may_try("w", 3, 0.0)
    assert refusals.reasons() == {"v": "bad signature"}


def test_what_could_not_be_had_is_told_once_and_tried_after_growing_pauses() -> None:
    refusals, now = Refusals(), 100.0
    assert refusals.not_had("v", 3, "no room", now)
    pauses = []
    for _ in range(6):
        pause = next(s for s in range(1000) if refusals.may_try("v", 3, now + s))
        pauses.append(pause)
        now += pause
        assert not refusals.not_had("v", 3, "no room", now)
    assert pauses == [FIRST_PAUSE_S, 10, 20, 40, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert refusals.not_had("v", 4, "no room", now), "a move makes it news again"
    refusals.came("v")
    assert refusals.reasons() == {}
    assert refusals.may_try("v", 4, now)


def test_only_loads_in_vain_are_counted_and_a_move_begins_anew() -> None:
    refusals = Refusals()
    assert refusals.loads("v", 3) == 1
    refusals.not_had("v", 3, "no store", 0.0)
    assert refusals.loads("v", 3) == 1
    refusals.not_had("v", 3, "was killed", 0.0, is_load=True)
    refusals.not_had("v", 3, "no store", 0.0)
    assert refusals.loads("v", 3) == 2
    assert refusals.loads("v", 4) == 1
    refusals.not_had("v", 4, "was killed", 0.0, is_load=True)
    assert refusals.loads("v", 4) == 2
