from datetime import UTC, datetime

import pytest

from trainer.dataset import part_of
from trainer.labels.admission import Weighted
from trainer.labels.aside import NO_TEXT, Guard, apart, is_aside, texts_aside
from trainer.labels.effective import Subject
from wire.events import LabelSubmitted

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
TEXTS = [f"company number {n} cuts its forecast for {n * 7} products" for n in range(2_000)]


def kept(texts: dict[str, str | None]) -> dict[Subject, Weighted]:
    made = {}
    for name, text in texts.items():
        label = LabelSubmitted(
            event_id=name, task="sentiment", label="negative", labeller="ana", labelled_at=WHEN, text=text
        )
        made[Subject(name, "sentiment")] = Weighted(label, 1.0)
    return made


def names(found) -> set[str]:
    return {subject.event_id for subject in found}


def test_a_fifth_is_set_aside_and_a_retweet_is_on_the_same_side() -> None:
    aside = [text for text in TEXTS if is_aside(text)]
    assert len(aside) / len(TEXTS) == pytest.approx(0.2, abs=0.03)
    assert all(is_aside(f"RT @jo: {text.upper()}! https://t.co/x") == is_aside(text) for text in TEXTS[:200])


def test_what_is_set_aside_leaves_every_part_of_the_split_its_share() -> None:
    rest = [text for text in TEXTS if not is_aside(text)]
    share = sum(part_of(text) == "train" for text in rest) / len(rest)
    assert share == pytest.approx(0.8, abs=0.04)


def test_nothing_that_decides_is_learnt_by_id_copy_or_near_copy() -> None:
    free = [text for text in TEXTS if not is_aside(text)]
    guard = Guard()
    guard.add("golden", [("g-1", "Ostra wins a long court case over its new plant in the north")])
    guard.add("old domain", [(None, free[0])])
    found = apart(
        kept({
            "g-1": free[1],
            "near": "ostra wins the long court case over its new plant in the north",
            "copy": f"RT @x: {free[0]} https://t.co/1",
            "far": "ostra wins nothing at all in a very different year",
            "parked": None,
        }),
        guard,
    )  # fmt: skip
    assert names(found.learn) | names(found.aside) == {"far"}
    assert found.refused == {"like a text of golden": 2, "like a text of old domain": 1, NO_TEXT: 1}


def test_a_near_copy_of_what_is_set_aside_is_not_learnt_whichever_came_first() -> None:
    base = "the central bank of the country leaves all its rates where they were in march"
    near = [f"{base} {n}" for n in range(50)]
    aside = next(text for text in near if is_aside(text))
    learn = next(text for text in near if not is_aside(text))
    for order in ((aside, learn), (learn, aside)):
        found = apart(kept({str(number): text for number, text in enumerate(order)}), Guard())
        assert [one.label.text for one in found.aside.values()] == [aside]
        assert (found.learn, found.refused.total()) == ({}, 1)


def test_what_is_set_aside_is_counted_by_texts_of_the_task_with_most() -> None:
    aside = {subject: one.label for subject, one in kept({"e-1": TEXTS[1], "e-2": f"RT @jo: {TEXTS[1]}"}).items()}
    assert texts_aside(aside) == 1
    topics = {Subject(f"e-{n}", "topic"): next(iter(kept({"e": TEXTS[n]}).values())).label for n in range(5)}
    assert texts_aside({**aside, **topics}) == 5
    assert texts_aside({}) == 0


def test_a_near_copy_in_a_script_without_spaces_is_one() -> None:
    guard = Guard()
    guard.add("golden", [(None, "海湾制造公司下调全年业绩预期并宣布裁员三百人")])
    assert guard.slice_of(None, "海湾制造公司下调全年业绩预期，并宣布裁员三百人") == "golden"
    assert guard.slice_of(None, "山地能源集团上调季度股息并计划扩建新的工厂") is None
