from pathlib import Path

import pytest

from runtime.errors import InputError
from trainer.gate.limits import Limits, load


def test_the_defaults_are_those_of_the_design() -> None:
    limits = Limits()
    assert (limits.later_texts, limits.superiority, limits.resamples) == (200, 0.95, 2_000)
    assert (limits.macro_f1_points, limits.recall_points, limits.recall_texts) == (0.5, 3.0, 100)


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text("recall_points = 1.5\n")
    assert load(path) == Limits(recall_points=1.5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("recal_points = 1", "unknown field `recal_points`"),
        ("superiority = 95", "Expected `float` < 1"),
        ("superiority =", "explained in trainer/gate/limits.py"),
    ],
)
def test_a_misspelt_or_impossible_limit_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        load(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no limits .*; leave them out to take the defaults"):
        load(tmp_path / "none.toml")
