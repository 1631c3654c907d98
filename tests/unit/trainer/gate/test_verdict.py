import pytest

from trainer.gate.verdict import may_promote

NAMES = ["better", "same", "worse within noise", "regression", "failed"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_old", [False, True])
def test_only_better_goes_by_itself_and_same_only_by_age(name: str, is_old: bool) -> None:
    assert may_promote(name, is_sound=True, is_old=is_old) is (name == "better" or (name == "same" and is_old))


def test_a_same_of_too_few_texts_that_failed_elsewhere_is_not_promoted_by_age() -> None:
    assert not may_promote("same", is_sound=False, is_old=True)
