"""Models that are signed by a trusted key, run no code and are wrong: each refused with its own reason, also later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models import child, manifest, specs
from models.host import HostedEngine
from models.specs import RegistrySpec
from runtime.errors import CorruptVersionError

INT8 = "openvino-int8"
FP32 = "torch-fp32"


def changed_weights(name: str, change: Callable[[np.ndarray[Any, Any]], Any], part: str = "") -> Callable[[Path], None]:
    """Change the tensors of a safetensors file whose names contain `part`."""

    def damage(folder: Path) -> None:
        tensors = load_file(folder / name)
        save_file(
            {key: np.ascontiguousarray(change(one)) if part in key else one for key, one in tensors.items()},
            folder / name, {"format": "pt"},
        )  # fmt: skip

    return damage


def nan_in_graph(folder: Path) -> None:
    """Make the largest float constant of the int8 graph NaN."""
    path = folder / "engines" / INT8
    data = [node for node in ElementTree.parse(path / "model.xml").iter("data") if node.get("element_type") == "f32"]
    largest = max(data, key=lambda node: int(node.get("size", 0)))
    start, size = int(largest.attrib["offset"]), int(largest.attrib["size"])
    content = bytearray((path / "model.ov").read_bytes())
    content[start : start + size] = np.full(size // 4, np.nan, dtype=np.float32).tobytes()
    (path / "model.ov").write_bytes(content)


def reordered_config(folder: Path) -> None:
    facts = json.loads((folder / "config.json").read_bytes())
    labels = [facts["id2label"][str(row)] for row in range(3)][::-1]
    facts |= {"id2label": dict(enumerate(labels)), "label2id": {label: row for row, label in enumerate(labels)}}
    (folder / "config.json").write_text(json.dumps(facts))


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def swapped(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return rows[::-1]


WRONG: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "NaN weights": (
        changed_weights("model.safetensors", lambda one: one * np.float32("nan"), "encoder"), FP32,
        "the canaries cannot be scored: torch-fp32 of v-.* gave logits that are not finite",
    ),
    "NaN in one head": (
        changed_weights("heads/topic.safetensors", lambda one: one * np.float32("nan"), "bias"), FP32,
        "the canaries cannot be scored: .* gave logits that are not finite",
    ),
    # int8 makes numbers of some NaNs: they are wrong, and no NaN any more
    "NaN in the graph": (nan_in_graph, INT8, "the canaries cannot be scored: .* not finite|scores a canary of task"),
    "labels in another order": (reordered_config, FP32, r"the labels of .*config\.json are .*, the manifest's are"),
    "labels in another order, int8": (reordered_config, INT8, r"the labels of .*config\.json are .*, the manifest's"),
    "rows in another order": (
        changed_weights("model.safetensors", swapped, "classifier"), FP32,
        "scores a canary of task 'sentiment' .* off, .*its labels seem to be in another order",
    ),
    "rows of a head in another order": (
        changed_weights("heads/topic.safetensors", swapped), FP32,
        "scores a canary of task 'topic' .* off, .*its labels seem to be in another order",
    ),
    "other weights": (
        changed_weights("heads/topic.safetensors", np.negative), FP32,
        "scores a canary of task 'topic' .* off, at most .* is allowed; build",
    ),
    "no head": (without("heads/topic.safetensors"), FP32, r"heads/topic\.safetensors cannot be read: "),
    "a head of another width": (
        changed_weights("heads/topic.safetensors", lambda one: one[:, :-1], "weight"), FP32,
        r"topic\.safetensors has \{.*expected weight \(20, \d+\) and bias \(20,\); build the version again",
    ),
    "a head of other classes": (
        changed_weights("heads/topic.safetensors", lambda one: one[:-1], "bias"), FP32, r"topic\.safetensors has \{",
    ),
    "no tokenizer": (without("tokenizer.json"), FP32, r"tokenizer\.json cannot be read: .* a fast tokenizer"),
    "no tokenizer, int8": (without("tokenizer.json"), INT8, r"tokenizer\.json cannot be read: .* a fast tokenizer"),
    "no graph": (without(f"engines/{INT8}/model.xml"), INT8, "OpenVINO cannot load .*openvino-int8"),
}  # fmt: skip


def spec_of(machine, engine: str) -> RegistrySpec:
    return RegistrySpec(str(machine.folder), str(machine.folder.parent), str(machine.trust), engine, threads=1)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_model_never_serves_although_it_is_signed(wrong: str, machine) -> None:
    damage, engine, reason = WRONG[wrong]
    damage(machine.folder)
    machine.sign()
    with pytest.raises(CorruptVersionError, match=reason):
        specs.open_spec(spec_of(machine, engine))


CANARIES: dict[str, tuple[Callable[[list[manifest.Canary]], list[manifest.Canary]], str]] = {
    "none": (lambda _: [], "states no canaries to check it by"),
    "without a task": (
        lambda all_: [msgspec.structs.replace(one, logits={}) for one in all_], "states other labels than task",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CANARIES)
def test_a_version_whose_canaries_check_nothing_never_serves(change: str, machine) -> None:
    act, reason = CANARIES[change]
    machine.sign(canaries=act(manifest.read(machine.folder).canaries))
    with pytest.raises(CorruptVersionError, match=reason):
        specs.open_spec(spec_of(machine, FP32))


def test_canaries_are_scored_and_the_engine_is_warm_before_it_serves_and_at_every_restart(machine) -> None:
    engine = HostedEngine.start(spec_of(machine, INT8))
    assert engine.warm_tokens_per_s > 0
    engine.restart()
    assert engine.warm_tokens_per_s > 0
    facts = manifest.read(machine.folder).canaries
    labels = [dict(zip(one.logits["sentiment"], (-9.0, 0.0, 9.0), strict=True)) for one in facts]
    machine.sign(
        canaries=[
            msgspec.structs.replace(one, logits={**one.logits, "sentiment": label})
            for one, label in zip(facts, labels, strict=True)
        ]
    )
    with pytest.raises(CorruptVersionError, match="scores a canary of task 'sentiment'"):
        engine.restart()
    assert not engine.is_alive


def test_what_fails_in_the_warm_up_is_never_ready(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Connection:
        def receive(self) -> bytes:
            return msgspec.msgpack.encode(child.pipe.Open(spec_of(machine, FP32)))

        def send(self, answer: Any) -> None:
            sent.append(answer)

    def fails(*_: object) -> float:
        raise RuntimeError("no kernel for this shape")

    monkeypatch.setattr(child, "warm_up", fails)
    assert child._open(Connection(), lambda: None) is None  # type: ignore[arg-type]
    assert sent == [child.pipe.Failed("EngineError", "RuntimeError: no kernel for this shape")]
