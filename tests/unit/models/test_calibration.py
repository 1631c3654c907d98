import numpy as np
import pytest

from models.calibration import abstain_threshold, fit_temperature, softmax

RNG = np.random.default_rng(3)


def drawn(scale: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `scale` times too sure, and labels drawn from what they honestly say."""
    honest = RNG.normal(0, 1.5, (n, 3))
    cumulated = softmax(honest).cumsum(1)
    truth = (RNG.random((n, 1)) > cumulated).sum(1).clip(max=2)
    return honest * scale, truth


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_too_much_and_too_little_certainty(scale: float) -> None:
    assert fit_temperature(*drawn(scale)) == pytest.approx(scale, rel=0.05)


def test_without_texts_the_temperature_is_one() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0


def test_softmax_rows_sum_to_one_also_for_huge_logits() -> None:
    rows = softmax(np.array([[1e4, -1e4, 0.0], [1.0, 1.0, 1.0]]))
    assert rows.sum(1) == pytest.approx([1.0, 1.0])
    assert rows.dtype == np.float32


def test_a_higher_temperature_flattens() -> None:
    logits = np.array([[2.0, 0.0]])
    assert softmax(logits, 2.0)[0, 0] < softmax(logits, 1.0)[0, 0]


def test_labels_are_withheld_where_they_are_no_better_than_a_coin() -> None:
    top = np.array([0.4] * 10 + [0.9] * 10)
    rest = (1 - top) / 2
    probabilities = np.stack([top, rest, rest], 1)
    truth = np.array([0] * 4 + [1] * 6 + [0] * 10)
    assert abstain_threshold(probabilities, truth) == pytest.approx(0.9)


def test_nothing_is_withheld_from_a_model_that_is_always_right() -> None:
    assert abstain_threshold(np.array([[0.6, 0.4]] * 5), np.zeros(5, dtype=int)) == 0.0
