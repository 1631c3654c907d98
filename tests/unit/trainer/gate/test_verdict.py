import pytest

from trainer.gate.verdict import may_promote


@pytest.mark.parametrize(
    ("verdict", "is_sound", "is_old", "promotes"),
    [
        ("better", True, False, True),
        ("better", True, True, True),
        ("better", False, False, True),  # the gate calls nobody better that failed a check
        ("better", False, True, True),
        ("same", True, True, True),
        ("same", True, False, False),
        ("same", False, True, False),  # too few texts to tell, and a loss was seen elsewhere
        ("same", False, False, False),
        ("worse within noise", True, True, False),
        ("worse within noise", True, False, False),
        ("worse within noise", False, True, False),
        ("worse within noise", False, False, False),
        ("regression", True, True, False),
        ("regression", True, False, False),
        ("regression", False, True, False),
        ("regression", False, False, False),
        ("failed", True, True, False),
        ("failed", True, False, False),
        ("failed", False, True, False),
        ("failed", False, False, False),
        ("Better", True, True, False),
        ("", True, True, False),
    ],
)
def test_only_better_goes_by_itself_and_same_only_sound_and_by_age(
    verdict: str, is_sound: bool, is_old: bool, promotes: bool
) -> None:
    assert may_promote(verdict, is_sound=is_sound, is_old=is_old) is promotes
