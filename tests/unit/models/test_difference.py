import msgspec

from models.difference import difference
from models.manifest import FORMAT, EngineEntry, Lineage, Manifest, TaskEntry

OLD = Manifest(
    format=FORMAT,
    version="v-1",
    created_at="2026-11-24",
    encoder="fast",
    cleaning="1",
    max_tokens=64,
    tasks={"sentiment": TaskEntry(("negative", "positive"))},
    engines={"torch-fp32": EngineEntry({}, {"sentiment": 1.0}, 0.0, 0.0, 0.0)},
    canaries=[],
    lineage=Lineage("data", "recipe", 0, None, "base", "trained", "code"),
    metrics={"scores": [{"task": "sentiment", "data": "a", "part": "test", "n": 9, "accuracy": 0.8, "other": 1}]},
    files={},
)


def test_a_version_does_not_differ_from_itself() -> None:
    assert difference(OLD, OLD) == {}


def test_lineage_labels_engines_and_scores_are_told_apart() -> None:
    new = msgspec.structs.replace(
        OLD,
        version="v-2",
        tasks={"sentiment": TaskEntry(("positive", "negative"))},
        engines={},
        lineage=msgspec.structs.replace(OLD.lineage, seed=1, parent="v-1"),
        metrics={"scores": [{"task": "sentiment", "data": "a", "part": "test", "n": 9, "accuracy": 0.9, "other": 2}]},
    )
    assert difference(OLD, new) == {
        "version": ("v-1", "v-2"),
        "lineage.seed": (0, 1),
        "lineage.parent": (None, "v-1"),
        "labels.sentiment": (["negative", "positive"], ["positive", "negative"]),
        "engines.torch-fp32.tolerance": (0.0, None),
        "engines.torch-fp32.agreement": ({"sentiment": 1.0}, None),
        "scores.sentiment.a.test.accuracy": (0.8, 0.9),
    }
