import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from models import scores
from trainer.gate.evidence import Slice
from trainer.gate.paired import compare, mcnemar


def random_slice(texts: int, seed: int, weights: np.ndarray | None = None) -> Slice:
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, texts, p=[0.2, 0.5, 0.3])
    one, other = (rng.random((texts, 3)).astype(np.float32) + 0.8 * np.eye(3)[truth].astype(np.float32) for _ in "ab")
    return Slice(truth, one, other, np.ones(texts) if weights is None else weights)


def test_the_figures_are_scikit_learns_with_weights() -> None:
    weights = np.random.default_rng(4).choice([1.0, 2.5, 7.0], 400)
    one = random_slice(400, 3, weights)
    found = compare(one, 10, np.random.default_rng(0))
    for answers, macro in ((one.champion, found.macro_f1.champion), (one.challenger, found.macro_f1.challenger)):
        assert macro == pytest.approx(f1_score(one.truth, answers.argmax(1), average="macro", sample_weight=weights))
    theirs = recall_score(one.truth, one.champion.argmax(1), average=None, sample_weight=weights)
    assert [recall.champion for recall in found.recall] == pytest.approx(theirs)


def test_resamples_spread_as_those_that_draw_single_texts_do() -> None:
    """The multinomial over groups is the plain stratified bootstrap, only cheaper."""
    one, rng = random_slice(300, 5), np.random.default_rng(1)
    strata = [np.flatnonzero(one.truth == label) for label in range(3)]
    drawn = []
    for _ in range(1_000):
        chosen = np.concatenate([rng.choice(own, len(own)) for own in strata])
        before, after = (
            scores.macro_f1(scores.confusion(one.truth[chosen], answers[chosen].argmax(1), 3))
            for answers in (one.champion, one.challenger)
        )
        drawn.append(after - before)
    found = compare(one, 4_000, np.random.default_rng(2)).macro_f1
    assert found.drawn.std() == pytest.approx(np.std(drawn), rel=0.1)
    assert found.drawn.mean() == pytest.approx(np.mean(drawn), abs=0.15 * np.std(drawn))


def test_the_bound_at_one_half_is_the_estimate_and_more_confidence_lowers_it() -> None:
    found = compare(random_slice(300, 6), 500, np.random.default_rng(0)).macro_f1
    assert found.bound(0.5) == pytest.approx(found.points)
    assert found.bound(0.95) < found.bound(0.75) < found.points < found.bound(0.05)


def test_the_bound_lies_below_the_truth_as_often_as_it_says() -> None:
    """Two models of equal skill: the 95 % lower bound of the difference may lie above 0 in about 5 % of all draws."""
    above = 0
    for seed in range(400):
        found = compare(random_slice(250, 1_000 + seed), 400, np.random.default_rng(seed)).macro_f1
        above += found.bound(0.95) > 0
    assert 6 <= above <= 36, "5 % of 400 are 20; outside of this lies 1 in 1,000"


def test_pairing_makes_models_that_mostly_agree_easy_to_tell_apart() -> None:
    one = random_slice(400, 7)
    alike = Slice(one.truth, one.champion, one.champion.copy(), one.weights)
    assert compare(alike, 200, np.random.default_rng(0)).macro_f1.drawn.std() == 0
    assert compare(one, 200, np.random.default_rng(0)).macro_f1.drawn.std() > 0.01


def test_a_class_without_texts_has_no_difference() -> None:
    one = random_slice(200, 8)
    kept = one.truth != 0
    found = compare(
        Slice(one.truth[kept], one.champion[kept], one.challenger[kept], one.weights[kept]),
        50,
        np.random.default_rng(0),
    )
    assert found.support[0] == 0
    assert found.recall[0].points == 0


def test_mcnemar_is_the_exact_sign_test_of_texts_that_one_has_right() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(1, 9) == pytest.approx(2 * 11 / 2**10)
    found = compare(random_slice(300, 9), 50, np.random.default_rng(0))
    assert found.p_value == mcnemar(found.gained, found.lost)
