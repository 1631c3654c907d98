from collections.abc import Sequence

import numpy as np

from models.entities import link, load
from models.fakes import ScriptedEngine
from models.labels import SENTIMENT_LABELS
from trainer.gate import behaviour


def scripted(texts: Sequence[str]) -> np.ndarray:
    return ScriptedEngine().score(texts)["sentiment"]


def reads_not(texts: Sequence[str]) -> np.ndarray:
    """A model that halves what it is sure of where it reads a negation."""
    rows = scripted([text.replace("raise", "raises").replace("beat ", "beats ") for text in texts])
    rows[:, 0] += 0.05
    rows[:, 2] += 0.05
    for number, text in enumerate(texts):
        if " not " in text:
            rows[number] = [0.02, 0.96, 0.02]
    return rows


def fears(name: str) -> behaviour.Score:
    def score(texts: Sequence[str]) -> np.ndarray:
        rows = scripted(texts)
        rows[[name in text for text in texts]] = [0.9, 0.05, 0.05]
        return rows

    return score


def test_word_lists_care_for_no_name_and_no_number_and_know_no_negation() -> None:
    passed = behaviour.passes(scripted, SENTIMENT_LABELS)
    assert all(passed["names"])
    assert all(passed["numbers"])
    assert sum(passed["negation"]) < len(passed["negation"]) / 2
    assert all(behaviour.passes(reads_not, SENTIMENT_LABELS)["negation"])


def test_a_model_that_fears_one_name_fails_where_it_stands() -> None:
    found = behaviour.check(scripted, fears("Hollowby"), SENTIMENT_LABELS)
    assert found["names"].champion == found["names"].cases == 60
    assert 45 <= found["names"].challenger < 60
    assert found["numbers"].challenger == found["numbers"].cases


def test_a_task_without_a_direction_has_no_negation() -> None:
    assert set(behaviour.passes(scripted, ("Macro", "IPO", "Politics"))) == {"names", "numbers"}


def test_no_template_names_a_company_that_exists() -> None:
    aliases = load()
    assert len(behaviour.texts()) > 150
    assert [text for text in behaviour.texts() if link(text, aliases)] == []
