import pytest

from trainer.gate.verdict import AGE, Name, Verdict, may_promote


@pytest.mark.parametrize("name", ["better", "same", "worse within noise", "regression"])
@pytest.mark.parametrize("trigger", [None, "count", "drift", AGE])
def test_only_better_goes_by_itself_and_same_only_by_age(name: Name, trigger: str | None) -> None:
    allowed = name == "better" or (name == "same" and trigger == AGE)
    assert may_promote(Verdict(name, (), is_sound=True), trigger) is allowed


def test_a_same_of_too_few_texts_that_failed_elsewhere_is_not_promoted_by_age() -> None:
    assert not may_promote(Verdict("same", (), is_sound=False), AGE)


def test_a_person_may_promote_anything_but_has_to_say_why() -> None:
    worse = Verdict("regression", (), is_sound=False)
    assert may_promote(worse, person_reason="the champion leaks names")
    assert not may_promote(worse, person_reason="  ")
    assert not may_promote(worse, person_reason=None)
