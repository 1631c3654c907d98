from bellwether.chaos.challenging import is_theirs, tried
from bellwether.chaos.journal import Strike, Tried
from streams.classify.records import Record
from streams.classify.slot import is_within

A, B = "v-aaaaaaaaaa", "v-bbbbbbbbbb"


def challenged(mode: str, share: float) -> Strike:
    return Strike(time=1.0, what="challenged", detail=f"{mode} {B} {share:g}")


def test_keys_are_chosen_as_the_worker_chooses_them() -> None:
    ours = 0
    for number in range(2_000):
        key = f"key-{number}".encode() if number % 5 else None
        record = Record(partition=3, offset=number, key=key, value=b"", headers=(), time_s=0.0)
        assert is_theirs(key, (3, number), B, 0.2) == is_within(record, 0.2, B)
        ours += is_theirs(key, (3, number), B, 0.2)
    assert 320 < ours < 480
    assert not is_theirs(None, None, B, 1.0)


def test_a_shadow_is_counted_by_inputs_and_what_no_reader_sees_is_foreign() -> None:
    scored = [(A, (0, 1), b"k"), (A, (0, 2), b"k")]
    shadowed = [(B, (0, 1), b"k"), (B, (0, 1), b"k"), (B, (0, 3), b"k"), (A, (0, 4), b"k")]
    assert tried([challenged("shadow", 0.2)], scored, shadowed) == (Tried("shadow", B, 0.2, 2, 1),)


def test_a_canary_has_served_what_users_see_and_keys_of_others_are_foreign() -> None:
    theirs = next(key for key in (b"%d" % number for number in range(99)) if is_theirs(key, None, B, 0.2))
    other = next(key for key in (b"%d" % number for number in range(99)) if not is_theirs(key, None, B, 0.2))
    scored = [(A, (0, 1), theirs), (B, (0, 2), theirs), (B, (0, 3), other)]
    assert tried([challenged("canary", 0.2)], scored, [(B, (0, 9), theirs)]) == (Tried("canary", B, 0.2, 2, 1),)


def test_without_a_challenger_there_is_no_trial() -> None:
    assert tried([Strike(time=1.0, what="promoted", detail=B)], [(B, (0, 1), b"k")], []) == ()
