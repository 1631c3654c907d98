"""A score that its named version, engine and cleaning do not give is wrong; rounding and near ties are not."""

import copy
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bellwether.chaos import rescore
from models import text
from models.engine import CallReport, Probabilities, Task
from models.fakes import ScriptedEngine

NOWHERE = Path("/nowhere")


def event(**changes: Any) -> dict[str, Any]:
    """What the scripted engine says of a text, as an event."""
    engine = ScriptedEngine()
    words = "Ostra soars @jane &amp; Velocor slumps, and Kestrel gains"
    scores = engine.score([text.clean(words)])
    tasks = {
        name: {
            "label": task.labels[int(scores[name][0].argmax())],
            "probabilities": dict(
                zip(task.labels, np.rint(scores[name][0] * 10_000).astype(int).tolist(), strict=True)
            ),
            "abstained": False,
        }
        for name, task in engine.tasks.items()
    }
    return {
        "event_id": "e", "source_partition": 1, "source_offset": 2, "text": words, "model_version": engine.version,
        "engine": "scripted", "cleaning": "fake", "tasks": tasks,
    } | changes  # fmt: skip


def wrong(*events: dict[str, Any]) -> list[str]:
    return rescore.wrong(events, NOWHERE, NOWHERE)


def test_what_the_engine_says_again_is_right() -> None:
    assert wrong(event(), event()) == []


def test_another_label_is_wrong() -> None:
    spoilt = event()
    spoilt["tasks"]["sentiment"]["label"] = "negative"

    assert wrong(event(), spoilt) == ["e (1:2): sentiment: label 'negative', but 'positive' leads by 0.850"]


def test_another_probability_is_wrong() -> None:
    spoilt = event()
    spoilt["tasks"]["sentiment"]["probabilities"]["positive"] -= 3

    assert [sentence[:29] for sentence in wrong(spoilt)] == ["e (1:2): sentiment: positive "]


def test_the_scores_of_a_neighbour_are_wrong() -> None:
    assert len(wrong(event(text="Ostra keeps its outlook"))) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cleaning": "0"}, "cleaning '0' is not known here, only 'fake'"),
        ({"text": "\u200b"}, "nothing is left of its text after cleaning"),
        ({"tasks": {}}, r"tasks \[\], but the engine has"),
        ({"engine": "dreamt"}, "dreamt of v-5c21b7ed00 cannot be loaded: no model version"),
        ({"model_version": "v-0000000001", "engine": "openvino-int8"}, "cannot be loaded: no model version"),
        ({"model_version": "v-0000000001", "engine": "noop"}, "version 'v-0000000001', but the registry's is"),
    ],
)
def test_what_nobody_can_repeat_is_wrong(changes: dict[str, Any], sentence: str) -> None:
    found = wrong(event(**changes))

    assert len(found) == 1
    assert re.search(sentence, found[0]), found


@pytest.mark.parametrize("missing", ["tasks", "cleaning"])
def test_an_event_without_a_field_is_wrong_and_hides_no_other(missing: str) -> None:
    spoilt = event()
    del spoilt[missing]

    assert wrong(spoilt, event(text="Ostra keeps its outlook"))[0].startswith("e (1:2): cannot be scored again: KeyErr")
    assert len(wrong(spoilt, event(text="Ostra keeps its outlook"), event())) == 2


@pytest.mark.parametrize(
    "tasks", [None, [], {"sentiment": None, "topic": None}, {"sentiment": {"probabilities": []}, "topic": {}}], ids=str
)
def test_scores_of_another_form_are_wrong(tasks: Any) -> None:
    assert len(wrong(event(tasks=tasks))) == 1


def test_a_text_on_which_the_engine_fails_now_is_wrong() -> None:
    assert "cannot be scored again: EngineError" in wrong(event(text="Ostra [[error]]"))[0]


def test_other_labels_are_wrong() -> None:
    spoilt = event()
    spoilt["tasks"]["sentiment"]["probabilities"]["elated"] = 0

    assert "labels" in wrong(spoilt)[0]


class Coin:
    """An engine that always says the same."""

    name = "openvino-int8"
    version = "v-5c21b7ed00"
    cleaning = text.CLEANING
    last_call = CallReport()

    def __init__(self, heads: float) -> None:
        self.tasks = {"coin": Task("coin", ("heads", "tails"))}
        self._heads = heads

    def token_counts(self, texts: Any) -> list[int]:
        return [1 for _ in texts]

    def score(self, texts: Any) -> dict[str, Probabilities]:
        return {"coin": np.array([[self._heads, 1 - self._heads] for _ in texts], dtype=np.float32)}

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("heads", "is_right"),
    [(0.505, True), (0.49, True), (0.489, False), (0.52, True), (0.56, False)],
    ids=["as it was", "nearly a tie", "no tie", "within the tolerance", "beyond the tolerance"],
)
def test_a_near_tie_may_fall_the_other_way_and_a_probability_may_move_a_little(heads: float, *, is_right: bool) -> None:
    said = event(
        cleaning=text.CLEANING,
        engine="openvino-int8",
        tasks={"coin": {"label": "heads", "probabilities": {"heads": 5_050, "tails": 4_950}}},
    )

    assert (rescore.difference(said, Coin(heads), 0.05) == "") is is_right


class Padding(Coin):
    """Its answer depends on the longest text beside, as rounding has it: 0.9 alone, 0.8 beside one of 16 tokens."""

    def token_counts(self, texts: Any) -> list[int]:
        return [min(32, 2 + len(one.split())) for one in texts]

    def score(self, texts: Any) -> dict[str, Probabilities]:
        heads = 0.8 if max(self.token_counts(texts)) == 16 else 0.9
        return {"coin": np.array([[heads, 1 - heads] for _ in texts], dtype=np.float32)}


@pytest.mark.parametrize(("heads", "is_right"), [(9_000, True), (8_000, True), (8_500, False)])
def test_a_score_is_right_at_one_of_the_lengths_that_its_text_may_be_padded_to(heads: int, *, is_right: bool) -> None:
    said = event(
        cleaning=text.CLEANING,
        engine="openvino-int8",
        tasks={"coin": {"label": "heads", "probabilities": {"heads": heads, "tails": 10_000 - heads}}},
    )
    assert (rescore.difference(said, Padding(0), 0.01) == "") is is_right
    if not is_right:
        assert rescore.difference(said, Padding(0), 0.01).startswith("coin: tails 0.1500, but 0.1000 now")


def test_the_stricter_tolerance_counts_where_both_say_something() -> None:
    assert rescore.tolerance_of("openvino-int8", 0.175) == pytest.approx(0.0051)
    assert rescore.tolerance_of("openvino-int8", 0.003) == pytest.approx(0.0031)
    assert rescore.tolerance_of("torch-fp32", 0.0) == pytest.approx(0.0002)
    assert rescore.tolerance_of("unmeasured", 0.03) == pytest.approx(0.0301)


def test_the_sample_is_seeded_and_fair() -> None:
    def draw(seed: int) -> list[int]:
        sample = rescore.Sample(10, random.Random(seed))
        for number in range(100):
            sample.offer({"n": number})
        return [kept["n"] for kept in sample.kept]

    assert draw(1) == draw(1) != draw(2)
    counts = Counter(number for seed in range(1_000) for number in draw(seed))
    assert len(counts) == 100
    assert max(counts.values()) < 160  # 100 expected, 9.5 the standard deviation
    assert min(counts.values()) > 50


def test_a_sample_larger_than_what_there_is_keeps_all() -> None:
    sample = rescore.Sample(10, random.Random(1))
    sample.offer({"n": 1})

    assert sample.kept == [{"n": 1}]


def test_texts_that_tell_the_scripted_engine_what_to_do_are_not_scored_again_with_it() -> None:
    assert not rescore.may_be_sampled(event(text="Ostra [[heavy]]"))
    assert rescore.may_be_sampled(event(text="Ostra [[slow]]"))
    assert rescore.may_be_sampled(event(text="Ostra [[heavy]]", engine="openvino-int8"))


def test_the_events_are_left_as_they_are() -> None:
    said = event()
    before = copy.deepcopy(said)
    wrong(said)

    assert said == before
