import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support, roc_auc_score

from models import scores

RNG = np.random.default_rng(7)
TRUTH = RNG.integers(0, 4, 400)
RAW = RNG.random((400, 4)) + 0.5 * np.eye(4)[TRUTH]
PROBABILITIES = RAW / RAW.sum(1, keepdims=True)
GUESS = PROBABILITIES.argmax(1)
MATRIX = scores.confusion(TRUTH, GUESS, 4)


def test_counts_add_up_to_the_texts_with_truth_in_rows() -> None:
    assert MATRIX.sum() == 400
    assert MATRIX[0].sum() == (TRUTH == 0).sum()


def test_accuracy_and_macro_f1_agree_with_scikit_learn() -> None:
    assert float(scores.accuracy(MATRIX)) == pytest.approx((TRUTH == GUESS).mean())
    assert float(scores.macro_f1(MATRIX)) == pytest.approx(f1_score(TRUTH, GUESS, average="macro"))


def test_per_class_scores_agree_with_scikit_learn() -> None:
    expected = precision_recall_fscore_support(TRUTH, GUESS)
    for i, score in enumerate(scores.per_class(MATRIX, list("abcd")).values()):
        assert [score.precision, score.recall, score.f1, score.support] == pytest.approx([row[i] for row in expected])


def test_a_class_that_never_occurs_does_not_lower_macro_f1() -> None:
    assert float(scores.macro_f1(np.array([[3, 0, 0], [0, 2, 0], [0, 0, 0]]))) == 1.0


def test_a_class_that_is_only_guessed_lowers_macro_f1() -> None:
    assert float(scores.macro_f1(np.array([[3, 1], [0, 0]]))) == pytest.approx(
        f1_score([0] * 4, [0, 0, 0, 1], average="macro")
    )


def test_roc_auc_agrees_with_scikit_learn_also_on_ties() -> None:
    rounded = np.round(PROBABILITIES, 1)
    expected = np.mean([roc_auc_score(i == TRUTH, rounded[:, i]) for i in range(4)])
    assert scores.roc_auc(rounded, TRUTH) == pytest.approx(expected)


def test_roc_auc_of_one_class_alone_is_not_a_number() -> None:
    assert np.isnan(scores.roc_auc(PROBABILITIES[:3], np.array([1, 1, 1])))


def test_ece_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = np.tile([0.9, 0.1], (10, 1))
    truth = np.array([0] * 6 + [1] * 4)
    assert scores.expected_calibration_error(sure, truth) == pytest.approx(0.3)


def test_ece_weighs_bins_by_their_texts() -> None:
    mixed = np.array([[0.9, 0.1]] * 3 + [[0.6, 0.4]])
    assert scores.expected_calibration_error(mixed, np.array([0, 0, 0, 0])) == pytest.approx(0.75 * 0.1 + 0.25 * 0.4)


def test_ece_of_a_perfectly_calibrated_model_is_small() -> None:
    top = RNG.uniform(0.5, 1.0, 20_000)
    truth = (RNG.random(20_000) > top).astype(int)
    assert scores.expected_calibration_error(np.stack([top, 1 - top], 1), truth) < 0.015


def test_a_probability_of_one_falls_in_the_last_bin() -> None:
    share, _, _ = scores.reliability(np.array([1.0]), np.array([True]))
    assert share[-1] == 1.0


def test_intervals_hold_the_point_and_narrow_with_more_texts() -> None:
    few = scores.bootstrap(PROBABILITIES[:100], TRUTH[:100])
    many = scores.bootstrap(np.tile(PROBABILITIES, (5, 1)), np.tile(TRUTH, 5))
    point = float(scores.accuracy(MATRIX))
    assert many["accuracy"].low < point < many["accuracy"].high
    assert many["accuracy"].high - many["accuracy"].low < few["accuracy"].high - few["accuracy"].low
    assert set(many) == {"accuracy", "macro_f1", "ece"}


def test_the_interval_of_accuracy_is_the_binomial_one() -> None:
    found = scores.bootstrap(PROBABILITIES, TRUTH)["accuracy"]
    share = float(scores.accuracy(MATRIX))
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 400), rel=0.12)


def test_intervals_are_the_same_for_the_same_seed() -> None:
    assert scores.bootstrap(PROBABILITIES, TRUTH) == scores.bootstrap(PROBABILITIES, TRUTH)
    assert scores.bootstrap(PROBABILITIES, TRUTH) != scores.bootstrap(PROBABILITIES, TRUTH, seed=1)
