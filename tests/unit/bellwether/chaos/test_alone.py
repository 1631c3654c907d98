from pathlib import Path

import pytest

from bellwether.chaos import alone
from bellwether.chaos.scenario import load
from runtime.errors import InputError


def test_every_row_that_is_judged_alone_is_known():
    assert {scenario.alone for scenario in load().scenarios if scenario.alone} <= set(alone.JUDGES)


def test_an_unknown_row_is_refused_before_anything_starts(tmp_path: Path):
    with pytest.raises(InputError, match="called 'luck'; known: broker-empty, broker-remade, broker-other, expired"):
        alone.judge("luck", tmp_path)
    assert not any(tmp_path.iterdir())
