"""A version from training result to probabilities: built, verified, loaded by us and by plain transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from models import build, canaries, compare, held_out, lineage, manifest, measure, registry
from models.calibration import softmax
from models.checks import TEXTS
from models.classifier import load_trained, logits
from models.host import HostedEngine
from models.specs import RegistrySpec
from runtime.errors import CorruptVersionError, InputError, ModelError


@pytest.fixture
def copied(published, tmp_path: Path) -> Path:
    """The version in a folder of its own, to be damaged."""
    target = tmp_path / published.name
    shutil.copytree(published.registry / published.name, target)
    return target


def order(published, **changes: object) -> build.Order:
    return build.Order(
        trained=published.source.trained,
        encoder=published.source.encoder,
        registry=published.registry,
        keys=published.keys,
        **changes,
    )


def test_full_precision_scores_as_the_training_result_did(published) -> None:
    trained = load_trained(published.source.trained, published.source.encoder)
    wide = logits(trained.model, trained.tokenizer, TEXTS, trained.max_length)
    engine = registry.open_engine(
        "accurate", registry=published.registry, trust=published.trust, engine="torch-fp32", threads=1
    )
    scores = engine.score(TEXTS)
    labels = list(trained.tasks["sentiment"].labels)
    order_ = [labels.index(label) for label in engine.tasks["sentiment"].labels]
    np.testing.assert_allclose(scores["sentiment"], softmax(wide[:, :3][:, order_], 1.5), atol=1e-5)
    np.testing.assert_allclose(scores["topic"], softmax(wide[:, 3:], 1.5), atol=1e-5)


def test_the_root_is_a_stock_sentiment_model_for_plain_transformers(published) -> None:
    from transformers import pipeline

    folder = published.registry / published.name
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    answers = classify(list(TEXTS), top_k=None, truncation=True, max_length=48)
    engine = registry.open_engine(
        "accurate", registry=published.registry, trust=published.trust, engine="torch-fp32", threads=1
    )
    for answer, row in zip(answers, engine.score(TEXTS)["sentiment"], strict=True):
        assert {one["label"] for one in answer} == {"negative", "neutral", "positive"}
        assert max(answer, key=lambda one: one["score"])["label"] == engine.tasks["sentiment"].labels[row.argmax()]


def test_int8_is_as_near_to_full_precision_as_its_manifest_states(published) -> None:
    entry = manifest.read(published.registry / published.name).engines["openvino-int8"]
    full, int8 = (
        registry.open_engine(
            "accurate", registry=published.registry, trust=published.trust, engine=name, threads=1
        ).score(build.builtin_headlines())
        for name in ("torch-fp32", "openvino-int8")
    )
    farthest = max(float(np.abs(full[name] - int8[name]).max()) for name in full)
    assert farthest == pytest.approx(entry.tolerance, abs=2e-3)
    assert 0 < farthest < 0.3
    assert {name: compare.agreement(full[name], int8[name]) for name in full} == pytest.approx(
        entry.agreement, abs=0.01
    )


def test_building_again_gives_the_same_version_and_touches_nothing(published) -> None:
    folder = published.registry / published.name
    before = (folder / manifest.MANIFEST).stat().st_mtime_ns
    assert build.build(order(published)) == published.name
    assert (folder / manifest.MANIFEST).stat().st_mtime_ns == before
    assert not list(published.registry.glob(".building-*"))


def test_another_seed_is_another_version(published) -> None:
    facts = json.loads((published.source.trained / "training.json").read_text())
    same = lineage.lineage_of(published.source.trained, facts)
    other = lineage.lineage_of(published.source.trained, {**facts, "seed": 1})
    assert lineage.version_name(same) == published.name
    assert lineage.version_name(other) != published.name


def test_the_wrong_encoder_is_refused(published, tmp_path: Path) -> None:
    from models import tiny

    other = tiny.write(tmp_path / "other", seed=5)
    with pytest.raises(ModelError, match=r"is not the encoder that .* was trained on; give that one"):
        build.build(
            build.Order(
                trained=published.source.trained,
                encoder=other.encoder,
                registry=tmp_path / "registry",
                keys=published.keys,
            )
        )


def test_a_changed_weight_never_serves(copied: Path, published) -> None:
    weights = copied / "engines" / "openvino-int8" / "model.ov"
    content = bytearray(weights.read_bytes())
    content[100] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CorruptVersionError, match=r"model\.ov does not match its digest in the manifest"):
        HostedEngine.start(RegistrySpec(str(copied), str(copied.parent), str(published.trust)))


def test_an_engine_that_scores_its_canaries_otherwise_never_serves(published) -> None:
    found = manifest.read(published.registry / published.name)
    engine = registry.open_engine(
        "accurate", registry=published.registry, trust=published.trust, engine="torch-fp32", threads=1
    )
    first = found.canaries[0]
    canaries.hold(engine, found)  # type: ignore[arg-type]
    off = {label: logit + 0.3 for label, logit in first.logits["sentiment"].items()}
    assert set(off) == set(engine.tasks["sentiment"].labels)
    lying = msgspec.structs.replace(
        found, canaries=[msgspec.structs.replace(first, logits={**first.logits, "sentiment": off})]
    )
    with pytest.raises(
        CorruptVersionError, match=r"scores a canary of task 'sentiment' 0.300 off, at most 0.250 is allowed"
    ):
        canaries.hold(engine, lying)  # type: ignore[arg-type]


def test_a_manifest_that_allows_anything_is_refused(published) -> None:
    found = manifest.read(published.registry / published.name)
    engine = registry.open_engine(
        "accurate", registry=published.registry, trust=published.trust, engine="torch-fp32", threads=1
    )
    for tolerance in (canaries.MOST + 0.001, -0.1, float("nan")):
        lax = msgspec.structs.replace(found.engines["torch-fp32"], logit_tolerance=tolerance)
        with pytest.raises(CorruptVersionError, match=r"allows torch-fp32 to be .* off in a logit, at most 2.0 means"):
            canaries.hold(engine, msgspec.structs.replace(found, engines={"torch-fp32": lax}))  # type: ignore[arg-type]


def test_an_engine_that_the_version_lacks_is_named(published) -> None:
    with pytest.raises(CorruptVersionError, match="carries no engine 'tpu'; choose one of openvino-int8, torch-bf16"):
        registry.open_engine("accurate", registry=published.registry, trust=published.trust, engine="tpu")


def test_int8_that_disagrees_too_often_is_refused(published) -> None:
    folder = published.registry / published.name
    found = manifest.read(folder)
    with pytest.raises(
        ModelError, match=r"int8 gives full precision's label on only .* of the headlines, 101% are needed"
    ):
        build.compared(found, folder, build.builtin_headlines()[:16], order(published, min_agreement=1.01))


def test_each_engine_is_measured_where_labelled_texts_are_at_hand(published, tmp_path: Path) -> None:
    texts = build.builtin_headlines()[:60]
    labels = ["negative", "neutral", "positive"]
    truth = [labels[number % 3] for number in range(len(texts))]
    own = measure.Labelled("mine.jsonl", "test", "sentiment", texts, truth)
    name = build.build(build.Order(
        trained=published.source.trained, encoder=published.source.encoder, registry=tmp_path / "registry",
        keys=published.keys, labelled=[own], min_agreement=0.5,
    ))  # fmt: skip
    found = manifest.read(tmp_path / "registry" / name)
    for engine in found.engines:
        opened = registry.open_engine(
            name, registry=tmp_path / "registry", trust=published.trust, engine=engine, threads=1
        )
        guesses = [opened.tasks["sentiment"].labels[row.argmax()] for row in opened.score(texts)["sentiment"]]
        (score,) = held_out.engine_scores(found, engine)
        right = sum(guess == true for guess, true in zip(guesses, truth, strict=True))
        assert score.accuracy == pytest.approx(right / 60, abs=0.04), "batches of another shape round otherwise"
        confusion = found.engines[engine].tasks["sentiment"].confusion
        assert confusion is not None
        assert sum(sum(row.values()) for row in confusion.values()) == 60
        assert score.accuracy == pytest.approx(sum(confusion[label][label] for label in labels) / 60, abs=1e-6)
    assert found.engines["torch-fp32"].tasks["topic"].confusion is None


def test_a_label_that_the_version_does_not_know_is_named_before_anything_is_measured(published, tmp_path) -> None:
    alien = measure.Labelled("mine.jsonl", "test", "sentiment", ["up"], ["bullish"])
    with pytest.raises(InputError, match=r"mine.jsonl has label 'bullish' of task 'sentiment', which this version"):
        measure.checked([alien], manifest.read(published.registry / published.name).tasks)


def cli(published, monkeypatch: pytest.MonkeyPatch, *arguments: str):
    from bellwether.cli.app import app

    monkeypatch.setenv("BELLWETHER_HOME", str(published.registry.parent))
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_score_prints_a_json_line_per_text_and_an_error_for_an_empty_one(
    published, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = cli(published, monkeypatch, "score", "Tesla shares rise", "\u200b \n", "$HBM falls")
    first, empty, last = map(json.loads, result.stdout.splitlines())
    assert first["text"] == "Tesla shares rise"
    assert set(first["sentiment"]) == {"label", "probabilities", "abstained"}
    assert set(first["sentiment"]["probabilities"]) == {"negative", "neutral", "positive"}
    assert len(first["topic"]["probabilities"]) == 20
    assert first["sentiment"]["label"] == max(
        first["sentiment"]["probabilities"], key=first["sentiment"]["probabilities"].get
    )
    assert [one["id"] for one in first["entities"]] == ["TSLA"]
    assert first["model_version"] == published.name
    assert first["engine"] == "openvino-int8"
    assert "nothing visible is left" in empty["error"]
    assert last["entities"][0]["found_by"] == "cashtag"


def test_score_reads_a_file_and_keeps_ids_rows_and_order(
    published, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": "a", "text": "profit rises"}\nnot json\n{"id": "b"}\n{"headline": "flat"}\n')
    result = cli(published, monkeypatch, "score", "--data", str(file), "--batch", "2")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["row"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["id"] == "a"
    assert "label" in rows[0]["sentiment"]
    assert "error" in rows[1]
    assert rows[2]["error"].startswith("no text in the row's")
    assert rows[3]["text"] == "flat"


def test_score_needs_texts_or_a_file(published, monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime.errors import InputError

    with pytest.raises(InputError, match="give texts or --data FILE, one of the two"):
        cli(published, monkeypatch, "score")


def test_models_commands_list_show_and_verify(published, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads(cli(published, monkeypatch, "models", "list", "--json").stdout)["versions"]
    assert [(one["version"], one["aliases"]) for one in listed] == [(published.name, ["accurate"])]
    shown = json.loads(cli(published, monkeypatch, "models", "show", "accurate", "--json").stdout)
    assert shown["version"] == published.name
    assert "engine openvino-int8: same label" in cli(published, monkeypatch, "models", "show", "accurate").stdout
    verified = cli(published, monkeypatch, "models", "verify")
    assert (verified.exit_code, verified.stdout) == (0, f"{published.name}: holds\n")


def test_models_build_gives_an_own_model_its_alias(published, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cli(
        published, monkeypatch, "models", "build",
        "--trained", str(published.source.trained), "--encoder", str(published.source.encoder), "--alias", "mine",
    )  # fmt: skip
    assert result.exit_code == 0
    assert registry.aliases(published.registry)["mine"] == published.name
