from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from trainer.gate import checks
from trainer.gate.evidence import LATER, TOGETHER, Passed, Slice
from trainer.gate.judge import judge
from trainer.gate.limits import Limits


def test_who_is_superior_now_and_loses_nowhere_is_better_and_says_by_how_much(make_evidence) -> None:
    verdict = judge(make_evidence())
    assert verdict.name == "better"
    assert verdict.is_sound
    assert verdict.reasons[0].startswith("later in time: macro-F1 0.7")
    assert verdict.reasons[0].endswith("superior")
    assert verdict.numbers["slices"][LATER]["mcnemar_p"] < 0.05


def test_who_gains_nothing_is_the_same(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(later=make_slice(1500, 0.78, 0.78)))
    assert verdict.name == "same"
    assert "not shown to be superior" in verdict.reasons[0]


def test_199_texts_set_aside_are_too_few_whatever_they_show(make_evidence, make_slice) -> None:
    few = judge(make_evidence(later=make_slice(199, 0.5, 0.9)))
    assert (few.name, few.is_sound) == ("same", True)
    assert few.reasons[0] == "too few: 199 texts set aside, 200 are needed to tell a difference"
    assert judge(make_evidence(later=make_slice(200, 0.5, 0.9))).name == "better"


def test_too_few_texts_set_aside_do_not_hide_what_another_slice_shows(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(later=make_slice(50, 0.5, 0.9), old=make_slice(900, 0.8, 0.6)))
    assert (verdict.name, verdict.is_sound) == ("same", False)
    assert any("old domain: macro-F1" in reason and "that it loses is shown" in reason for reason in verdict.reasons)


def test_forgetting_the_old_domain_is_a_regression_however_good_the_rest(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(later=make_slice(1500, 0.7, 0.9), old=make_slice(900, 0.8, 0.74)))
    assert verdict.name == "regression"
    assert verdict.reasons[0].startswith("old domain: macro-F1 0.7")


def disagreeing(make_slice, texts: int, lost: int, gained: int) -> Slice:
    """So many texts that only the champion has right, so many that only the challenger has; the rest both."""
    one = make_slice(texts, 1.0, 1.0)
    wrong = one.champion[:, [2, 0, 1]]
    theirs, mine = one.champion.copy(), one.challenger.copy()
    mine[:lost] = wrong[:lost]
    theirs[lost : lost + gained] = wrong[lost : lost + gained]
    return replace(one, champion=theirs, challenger=mine)


def test_a_loss_that_noise_may_explain_keeps_nobody_out_who_is_superior_and_is_told(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(golden=disagreeing(make_slice, 300, 10, 5)))
    assert (verdict.name, verdict.is_sound) == ("better", True)
    assert verdict.reasons[1].startswith("golden: macro-F1 0.98")
    assert verdict.reasons[1].endswith("noise may explain what is beyond 0.5")


def test_the_same_loss_of_who_is_not_superior_is_worse_within_noise(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(later=make_slice(1500, 0.78, 0.78), golden=disagreeing(make_slice, 300, 10, 5)))
    assert (verdict.name, verdict.is_sound) == ("worse within noise", False)
    assert verdict.reasons[0].startswith("golden: macro-F1 0.98")


def test_the_same_loss_on_ten_times_the_texts_is_no_noise(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(golden=disagreeing(make_slice, 3_000, 100, 50)))
    assert verdict.name == "regression"
    assert verdict.reasons[0].endswith("loses 0.5 or more, and that it loses is shown")


def test_a_loss_beyond_its_margin_is_worse_within_noise_where_no_loss_at_all_is_shown(
    make_evidence, make_slice
) -> None:
    """A stricter operator asks for proof of non-inferiority: what lacks it is no regression."""
    evidence = make_evidence(golden=disagreeing(make_slice, 300, 10, 5))
    verdict = judge(evidence, Limits(non_inferiority=0.9))
    assert verdict.name == "worse within noise"
    assert any(reason.endswith("loses 0.5 or more, which may be noise") for reason in verdict.reasons)


def test_a_class_that_loses_a_little_in_each_slice_is_found_in_all_of_them_together(make_evidence, make_slice) -> None:
    """Of 100 negative texts of a slice 4 are lost: noise alone may be, three times over it is none."""

    def losing(seed: int) -> Slice:
        one = disagreeing(make_slice, 300, 0, 0)
        lost = np.random.default_rng(seed).choice(np.flatnonzero(one.truth == 0), 8, replace=False)
        theirs, mine = one.champion.copy(), one.challenger.copy()
        mine[lost[:6]] = mine[lost[:6]][:, [2, 0, 1]]
        theirs[lost[6:]] = theirs[lost[6:]][:, [2, 0, 1]]
        return replace(one, champion=theirs, challenger=mine)

    slices = {"later": losing(3), "golden": losing(1), "old": losing(2)}
    found = judge(make_evidence(**slices), Limits(macro_f1_points=100))
    assert "all slices: recall of negative 0.980 to 0.940 on 300 texts, -4.0 points" in " ".join(found.reasons)
    lenient = judge(make_evidence(**slices), Limits(macro_f1_points=100, non_inferiority_together=0.01))
    assert found.name == "regression"
    assert lenient.name == "worse within noise", "not superior, and beyond the margin in each"
    assert not any(reason.endswith("is shown") for reason in lenient.reasons)


def test_too_few_texts_set_aside_with_a_loss_beyond_its_margin_are_not_sound(make_evidence, make_slice) -> None:
    few = judge(make_evidence(later=make_slice(50, 0.5, 0.9), golden=disagreeing(make_slice, 300, 10, 5)))
    assert (few.name, few.is_sound) == ("same", False)


def test_one_class_that_dies_is_a_regression_although_macro_f1_rises(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(later=make_slice(1500, 0.75, (0.65, 0.99, 0.99))))
    assert verdict.name == "regression"
    assert verdict.reasons[0].startswith("later in time: recall of negative")


def test_a_rare_class_slice_is_judged_by_recall_alone(make_evidence, make_slice) -> None:
    one = make_slice(450, 0.8, 0.8)
    rare = type(one)(*(part[one.truth == 0] for part in (one.truth, one.champion, one.challenger, one.weights)))
    verdict = judge(make_evidence(rare=rare))
    assert [reason for reason in verdict.reasons if reason.startswith("rare classes")] != []
    assert not any(reason.startswith("rare classes: macro") for reason in verdict.reasons)
    assert judge(make_evidence(rare=replace(rare, challenger=rare.challenger[:, [1, 0, 2]]))).name == "regression"


def test_a_class_of_under_100_texts_is_not_judged(make_evidence, make_slice) -> None:
    verdict = judge(make_evidence(golden=make_slice(297, 0.8, 0.8)))
    assert not any(reason.startswith("golden: recall") for reason in verdict.reasons)


@pytest.mark.parametrize("absent", ["golden", "old domain"])
def test_without_a_required_slice_nobody_is_better(make_evidence, absent: str) -> None:
    evidence = make_evidence()
    verdict = judge(replace(evidence, slices={k: v for k, v in evidence.slices.items() if k != absent}))
    assert verdict.name == "same"
    assert verdict.reasons[0].startswith(f"too few: 0 texts of the slice '{absent}'")
    assert not verdict.is_sound, "no age promotes it either"


def test_a_challenger_that_is_sure_of_everything_is_refused_for_its_calibration(make_evidence, make_slice) -> None:
    sure, usual = make_slice(1500, 0.78, 0.82, 1, sure=0.99), make_slice(1500, 0.78, 0.82, 1)
    verdict = judge(make_evidence(later=replace(usual, challenger=sure.challenger)))
    assert verdict.name == "regression"
    assert "calibration error 0.1" in verdict.reasons[0]
    assert judge(make_evidence(later=sure)).name == "better", "the champion is as sure"


def test_a_slow_challenger_is_refused_and_one_that_nobody_timed_is_not(make_evidence) -> None:
    slow = judge(make_evidence(speed_ratio=0.4))
    assert slow.name == "regression"
    assert slow.reasons[0] == "0.40 times the champion's texts per second, at least 0.70"
    assert judge(make_evidence(speed_ratio=None)).name == "better"


def test_who_is_swayed_by_names_is_refused_unless_the_champion_is_too(make_evidence) -> None:
    swayed = judge(make_evidence(behaviour={"names": Passed(60, 59, 40)}))
    assert swayed.name == "regression"
    assert swayed.reasons[0].startswith("behaviour, names: 67% of 60 cases passed, the champion 98%, at least 90%")
    assert judge(make_evidence(behaviour={"names": Passed(60, 42, 40)})).name == "better"


def test_weights_decide_which_texts_count(make_evidence, make_slice) -> None:
    one = make_slice(900, 0.78, 0.78)
    lost = np.flatnonzero(one.truth == 0)[:40]
    worse = one.challenger.copy()
    worse[lost] = worse[lost][:, [1, 2, 0]]
    light, heavy = np.ones(900), np.ones(900)
    light[lost], heavy[lost] = 0.01, 5.0
    assert judge(make_evidence(old=replace(one, challenger=worse, weights=light))).name == "better"
    assert judge(make_evidence(old=replace(one, challenger=worse, weights=heavy))).name == "regression"


def test_weights_of_one_slice_do_not_outweigh_the_texts_of_another(make_evidence) -> None:
    """All alike in a random draw, they are one over its probability."""

    def together(weight: float) -> dict[str, Any]:
        evidence = make_evidence()
        later = evidence.slices[LATER]
        slices = {**evidence.slices, LATER: replace(later, weights=np.full(len(later.truth), weight))}
        return judge(replace(evidence, slices=slices)).numbers["slices"][TOGETHER]["recall"]

    assert together(1.0) == together(50.0)


def test_the_same_evidence_gives_the_same_verdict_in_plain_data(make_evidence) -> None:
    one, other = judge(make_evidence()), judge(make_evidence())
    assert one == other
    assert msgspec.json.decode(msgspec.json.encode(one.as_json()))["verdict"] == "better"


def test_the_noise_of_few_texts_is_no_calibration_error() -> None:
    """A model whose probabilities are true ones, on 200 texts, shows an error of 0.05 or more about one time in two."""
    rng, refused, above = np.random.default_rng(3), 0, 0
    for _ in range(200):
        sure = rng.uniform(0.4, 1.0, 200)
        rows = np.column_stack([sure, (1 - sure) / 2, (1 - sure) / 2]).astype(np.float32)
        truth = np.where(rng.random(200) < sure, 0, 1)
        perfect = np.eye(3, dtype=np.float32)[truth]
        check, _, mine = checks.calibrated(Slice(truth, perfect, rows, np.ones(200)), Limits())
        above += mine > Limits().ece
        refused += not check.holds
    assert above > 60
    assert refused <= 20
