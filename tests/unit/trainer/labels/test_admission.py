import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean

import msgspec
import pytest

from bellwether.bench import poison
from bellwether.bench.labellers import ATTACKS, batch
from runtime.errors import InputError
from trainer.labels import admission, policy
from trainer.labels.admission import admit
from trainer.labels.burst import burst
from trainer.labels.effective import Subject
from trainer.labels.gold import Answers, questions
from trainer.labels.policy import Burst, Policy, Quota, Trust
from trainer.labels.quota import cap, within
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def label(event: int, says: str = "neutral", labeller: str = "ana", **changes: object) -> LabelSubmitted:
    at = WHEN + timedelta(seconds=20 * event)
    fields = {"event_id": f"e-{event}", "task": "sentiment", "labelled_at": at, "text": f"text {event}"} | changes
    return LabelSubmitted(label=says, labeller=labeller, **fields)  # type: ignore[arg-type]


def given(*, flood: int = 400) -> list[LabelSubmitted]:
    """Four labellers with 20 labels each and one with many, each on texts of its own."""
    own = [label(100 * number + n, labeller=name) for number, name in enumerate("abcd") for n in range(20)]
    return own + [label(1_000 + n, labeller="flood") for n in range(flood)]


def test_each_label_is_kept_refused_or_outdated_whatever_the_order() -> None:
    labels = [*given(), label(0, "positive", "a", labelled_at=WHEN + timedelta(days=1)), label(1, "negative", "b")]
    found = admit(labels, Policy(), {})
    assert len(found.kept) + found.refused.total() + found.outdated == len(labels)
    assert found.kept[Subject("e-0", "sentiment")].label.label == "positive"
    random.Random(1).shuffle(labels)
    assert admit(labels, Policy(), {}) == found


def test_a_flood_is_cut_to_what_the_others_sent_and_sending_more_gives_no_more() -> None:
    for flood in (400, 4_000):
        found = admit(given(flood=flood), Policy(), {})
        assert found.standings["flood"].kept == 20
        assert found.refused == {admission.OVER_QUOTA: flood - 20}
    few = [one for one in given() if one.labeller != "a"]
    assert admit(few, Policy(), {}).refused == {}, "four labellers cannot be held to a fifth each"
    trusted = admit(given(), Policy(trusted=("flood",)), {})
    assert trusted.standings["flood"].kept == 400


@pytest.mark.parametrize("counts", [[9, 9, 9, 9, 1], [100, 1, 1, 1, 1], [5] * 5, [50, 40, 30, 20, 10, 5, 900]])
def test_the_quota_is_never_more_than_its_share_of_the_batch_and_no_less_than_fairness(counts: list[int]) -> None:
    most = cap({str(number): count for number, count in enumerate(counts)}, Quota())
    assert most is not None
    assert most <= 0.2 * sum(counts)
    kept = [min(count, most) for count in counts]
    assert most <= 0.2 * sum(kept) or most <= sorted(counts)[len(counts) // 2]


def test_which_labels_the_quota_keeps_depends_on_what_the_others_said() -> None:
    own = {name: [label(n, labeller=name) for n in range(40)] for name in "ab"}
    first = within(own, 10)["a"]
    assert within(own, 10)["a"] == first
    changed = {"a": own["a"], "b": [label(0, "positive", "b"), *own["b"][1:]]}
    assert within(changed, 10)["a"] != first
    assert within({"a": own["a"], "b": list(reversed(own["b"]))}, 10)["a"] == first


def test_gold_answers_make_the_weight_and_from_a_bound_on_nothing_is_learnt() -> None:
    rules = Trust()
    weights = [Answers(asked=10, right=right).weight(rules) for right in range(11)]
    assert weights == sorted(weights)
    assert weights[3] == 0 < weights[4]
    assert Answers().weight(rules) == pytest.approx(0.625)
    gold = {Subject(f"e-{n}", "sentiment"): "neutral" for n in range(10)}
    bad = [label(n, "positive", "bad") for n in range(6)] + [label(n, "neutral", "bad") for n in range(6, 20)]
    good = [label(n, "neutral", "good") for n in range(9)] + [label(9, "positive", "good")]
    found = admit([*bad, *good], Policy(trust=Trust(right=1, wrong=1)), gold)
    assert found.refused == {admission.DISTRUSTED: 20, admission.WRONG_GOLD: 1}
    assert (found.standings["bad"].weight, found.standings["bad"].right) == (0, 4)
    assert [one.weight for one in found.kept.values()] == [pytest.approx((10 / 12 - 0.6) / 0.4)] * 9


def test_a_gold_text_under_another_id_is_the_same_question() -> None:
    labels = [label(1, "positive", "gold", text="Acme up 5%!"), label(2, text="RT @x: acme UP 5 %"), label(3)]
    found = questions(labels, Policy(gold=("gold",)))
    assert found == {Subject("e-1", "sentiment"): "positive", Subject("e-2", "sentiment"): "positive"}


@pytest.mark.parametrize("asked", [40, 2_000, 30_000])
def test_any_number_of_gold_answers_can_be_weighed(asked: int) -> None:
    said = {("sentiment", "neutral", "neutral"): asked - asked // 4, ("sentiment", "neutral", "positive"): asked // 4}
    assert Answers(asked, asked - asked // 4, Counter(said)).flip() is None
    said = {("sentiment", "neutral", "positive"): asked}
    assert Answers(asked, 0, Counter(said)).flip() is not None


def test_one_class_turned_into_another_is_seen_in_the_gold_answers() -> None:
    gold = {Subject(f"e-{n}", "sentiment"): "positive" if n < 8 else "neutral" for n in range(40)}
    lies = [label(n, "negative" if n < 8 else "neutral", "liar") for n in range(40)]
    found = admit(lies, Policy(), gold)
    assert found.quarantined == {"liar": "said 'negative' to 8 of 8 gold questions that are 'positive'"}
    assert admit(lies[5:], Policy(), gold).quarantined == {}


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        ([0.5 * n for n in range(80)], "more than 60 labels within a minute"),
        (list(range(3_000)), None),
        ([3_600 * hour + 60 * n for hour in range(8) for n in range(20)], None),
        (
            [3_600 * hour + 60 * n for hour in range(8) for n in range(20)] + [36_000 + 5 * n for n in range(500)],
            "500 labels in an hour, where 20 are its usual ones",
        ),
    ],
)
def test_faster_than_a_person_or_than_ever(seconds: list[float], reason: str | None) -> None:
    assert burst([WHEN + timedelta(seconds=at) for at in seconds], Burst()) == reason


def test_a_released_labeller_counts_again_and_what_it_does_then_is_looked_at_anew() -> None:
    machine = [label(n, labelled_at=WHEN) for n in range(100)]
    assert admit(machine, Policy(), {}).refused == {admission.QUARANTINED: 100}
    released = Policy(released={"ana": WHEN + timedelta(hours=1)})
    assert len(admit(machine, released, {}).kept) == 100
    again = [label(200 + n, labelled_at=WHEN + timedelta(days=1)) for n in range(100)]
    assert len(admit([*machine, *again], released, {}).kept) == 0
    assert admit(machine[:5], Policy(quarantined=("ana",)), {}).quarantined == {"ana": "an operator's word"}


def test_a_label_from_the_future_does_not_win_until_then() -> None:
    ahead = label(1, "positive", "eve", labelled_at=WHEN + timedelta(days=365))
    found = admit([label(1), ahead], Policy(), {}, now=WHEN + timedelta(hours=1))
    assert found.kept[Subject("e-1", "sentiment")].label.labeller == "ana"
    assert found.refused == {admission.FUTURE: 1}


TOGETHER = "all wrong, gold right, the same texts"
BOUNDS = {
    "all wrong": 0.01, TOGETHER: 0.01, "half wrong": 0.02, "positive is negative": 0.02,
    "flood by a machine, gold right": 0.01, "flood at a person's pace, gold right": 0.01,
}  # fmt: skip
"""Stated in docs/learning.md for texts that several label."""


@pytest.mark.parametrize("poisoners", [1, 3])
def test_poisoners_are_kept_out_and_honest_labellers_are_not(poisoners: int) -> None:
    for attack, bound in BOUNDS.items():
        trials = [poison.trial(ATTACKS[attack], poisoners, 600, seed) for seed in range(200, 204)]
        through, unguarded = (fmean(getattr(one, name) for one in trials) for name in ("poisoned", "unguarded"))
        assert through <= bound < unguarded, attack
        assert fmean(one.honest_out for one in trials) <= 0.02, attack


def test_honest_labellers_alone_are_believed() -> None:
    trials = [poison.trial(ATTACKS["all wrong"], 0, texts, seed) for texts in (600, 6_000) for seed in range(200, 204)]
    assert fmean(one.honest_out for one in trials) <= 0.02
    assert max(one.honest_lost for one in trials) <= 0.2


def test_three_that_vouch_for_each_other_and_outnumber_the_others_on_their_texts_are_named_with_the_reason() -> None:
    made = batch(ATTACKS[TOGETHER], 3, 600, random.Random(5))
    found = admit(made.labels, poison.POLICY, questions(made.labels, poison.POLICY))
    assert set(found.quarantined) == set(made.poisoners)
    assert all("others" in reason for reason in found.quarantined.values())
    trusting = msgspec.structs.replace(poison.POLICY, trusted=made.poisoners)
    assert admit(made.labels, trusting, {}).quarantined.keys().isdisjoint(made.poisoners)


def test_a_policy_is_read_with_what_it_does_not_say_left_safe(tmp_path: Path) -> None:
    file = tmp_path / "labellers.toml"
    file.write_text(
        'trusted = ["ana"]\ngold = ["desk"]\n[released]\nbo = 2026-11-25T12:00:00Z\n[ranks]\nana = 2\n'
        "[quota]\nshare = 0.1\n"
    )
    found = policy.load(file)
    assert found.exempt == {"ana", "desk"}
    assert (found.quota, found.burst) == (Quota(share=0.1), Burst())
    assert found.released == {"bo": datetime(2026, 11, 25, 12, tzinfo=UTC)}
    assert policy.load(None) == Policy()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trusted = ", "is no TOML"),
        ("trustd = []", "unknown field `trustd`"),
        ("[quota]\nshare = 2.0", r"`\$.quota.share` \(value 2.0\); the fields are explained"),
        ("[released]\nbo = 2026-11-25T12:00:00", "timezone"),
        ('trusted = ["eve"]\nquarantined = ["eve"]', "'eve' is both trusted and quarantined; take it out of one"),
    ],
)
def test_a_wrong_policy_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "labellers.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        policy.load(file)
    with pytest.raises(InputError, match="no label policy"):
        policy.load(tmp_path / "absent.toml")


def test_who_speaks_last_of_texts_that_others_labelled_too_has_no_more_of_them_than_the_quota() -> None:
    at = {name: WHEN + timedelta(hours=hour) for hour, name in enumerate("abcde")}
    said = [
        label(n, labeller=name, labelled_at=begin + timedelta(seconds=20 * n))
        for name, begin in at.items()
        for n in range(100)
    ]
    found = admit(said, Policy(), {})
    assert {name: found.standings[name].kept for name in "abcde"} == dict.fromkeys("abcde", 20)
    assert len(found.kept) == 100
    assert len(found.kept) + found.refused.total() + found.outdated == len(said)
    assert admit(said[::-1], Policy(), {}) == found
