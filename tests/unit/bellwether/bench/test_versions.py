from __future__ import annotations

from typing import Any

import msgspec

from bellwether.bench import versions
from bellwether.bench.turns import Turns
from models.manifest import FORMAT, Lineage, Manifest

SCORE = {"task": "topic", "data": "set/a", "part": "test", "n": 1200, "accuracy": 0.9, "macro_f1": 0.85, "ece": 0.1}


def manifest(*scores: dict[str, Any]) -> Manifest:
    return Manifest(
        format=FORMAT,
        version="v-0123456789",
        created_at="",
        encoder="tiny",
        cleaning="2",
        max_tokens=48,
        tasks={},
        engines={},
        canaries=[],
        lineage=Lineage("", "", 0, None, "", "", ""),
        metrics={"scores": list(scores)},
        files={},
    )


def measured(name: str, *scores: dict[str, Any]) -> dict[str, Any]:
    turns = Turns({"slow": [10, 2, 10], "quick": [20, 4, 22]}, {})
    more = {"engine": "int8", "resident_mib": 100.0, "load_s": 1.25, "training_s_per_1000_labels": None}
    return versions.row(name, manifest(*scores), turns, "slow") | more


def test_a_row_has_the_manifests_scores_and_the_ratio_to_the_first_model_within_each_round() -> None:
    found = measured("quick", SCORE)
    assert (found["texts_per_second"], found["ratio"], found["model_version"]) == (20, 2, "v-0123456789")
    assert found["scores"] == [{key: value for key, value in SCORE.items() if key != "ece"}]


def test_the_table_says_on_what_accuracy_was_measured_and_leaves_out_what_was_not() -> None:
    trained = measured("slow", SCORE) | {"training_s_per_1000_labels": 41.7, "training_cpu_s_per_1000_labels": 60.0}
    table = versions.as_markdown({"rows": [trained, measured("quick")]})
    assert "| topic, accuracy / macro-F1, 1,200 texts of set/a | 0.900 / 0.850 | – |" in table
    assert "| texts/s | 10 (1.00 ×) | 20 (2.00 ×) |" in table
    assert "| training, seconds per 1,000 labels | 41.7 (60.0 of processor time) | – |" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_training_slice_has_as_many_labels_as_wanted_and_no_text_twice() -> None:
    found = versions.slice_of(200)
    assert sum(len(example.labels) for example in found) == 200
    assert len({example.key for example in found}) == 100
    assert len(msgspec.json.encode({example.labels["topic"]: 1 for example in found})) > 200, "of many topics"
