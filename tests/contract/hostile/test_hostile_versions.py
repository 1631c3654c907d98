"""Versions that would run code or read elsewhere: refused at every door, whoever signed them, and nothing ever ran.

Each payload makes a canary file when it runs; `test_controls.py` loads such payloads naively and sees it.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from models.manifest import FileEntry
from runtime.errors import CorruptVersionError

GRAPH = "engines/openvino-int8/model.xml"
KIND = "is of a kind that no version may hold"
CODE = "which names code to run or something to load"
STRAY = "is no configuration of a stock encoder"
LINK = "is a link"
ELSEWHERE = "a path or a repository"


class Payload:
    """Makes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.canary), "w")


class Place(NamedTuple):
    """Where a payload is planted, and the file that it makes."""

    folder: Path
    canary: Path


Plant = Callable[[Place], dict[str, FileEntry] | None]
"""Writes into the folder, or gives what only the manifest shall name."""


def pickled(name: str) -> Plant:
    def plant(place: Place) -> None:
        (place.folder / name).write_bytes(pickle.dumps(Payload(place.canary)))

    return plant


def python(name: str) -> Plant:
    def plant(place: Place) -> None:
        (place.folder / name).parent.mkdir(exist_ok=True)
        (place.folder / name).write_text(f"open({str(place.canary)!r}, 'w').close()\nraise RuntimeError('ran')\n")

    return plant


def fields(name: str, **new: object) -> Plant:
    def plant(place: Place) -> None:
        path = place.folder / name
        facts = json.loads(path.read_bytes()) if path.exists() else {}
        path.write_text(json.dumps({**facts, **new}))

    return plant


def both(*plants: Plant) -> Plant:
    def plant(place: Place) -> None:
        for one in plants:
            one(place)

    return plant


def replaced(name: str, old: str, new: str) -> Plant:
    def plant(place: Place) -> None:
        content = (place.folder / name).read_text()
        assert old in content
        (place.folder / name).write_text(content.replace(old, new.format(place.canary), 1))

    return plant


def named(name: str) -> Plant:
    return lambda place: {name.format(place.canary): FileEntry("0" * 64, 1)}


def linked(name: str, *, existing: bool = True) -> Plant:
    """The file or folder moves out of the version, and a link to it takes its place."""

    def plant(place: Place) -> None:
        path, outside = place.folder / name, place.folder.parent / "outside"
        if existing:
            path.rename(outside)
        else:
            outside.mkdir()
        path.symlink_to(outside)

    return plant


def is_link(place: Place) -> None:
    place.folder.symlink_to(place.folder.rename(place.folder.with_name("real")))


CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"
MODEL_MAP = {"auto_map": {"AutoModelForSequenceClassification": "code.Model"}}
TOKENIZER_MAP = {"auto_map": {"AutoTokenizer": [None, "code.Words"]}}
PIPELINES = {"custom_pipelines": {"news": {"impl": "code.News", "pt": ["AutoModelForSequenceClassification"]}}}
AWAY = {"auto_map": {"AutoConfig": "evil/code--code.Config"}}

SHAPES: dict[str, tuple[Plant, str]] = {
    **{f"pickle {name}": (pickled(name), KIND) for name in (
        "pytorch_model.bin", "model.pt", "model.pkl", "model.pth", "model.ckpt", "optimizer.joblib", "Model.Bin",
        "model.PT", "model.pkl.gz", "weights.npy", "heads/topic.pickle",
    )},
    **{f"python {name}": (python(name), KIND) for name in (
        "code.py", "code.PY", "code.pyc", "__init__.py", "custom_generate/generate.py", "libkernel.so", "run.sh",
        "engines/openvino-int8/libextension.so",
    )},
    "module and auto_map": (both(python("code.py"), fields(CONFIG, **MODEL_MAP)), KIND),
    "auto_map": (fields(CONFIG, **MODEL_MAP), f"config.json has 'auto_map', {CODE}"),
    "auto_map elsewhere": (fields(CONFIG, **AWAY), f"config.json has 'auto_map', {CODE}"),
    "auto_map, nested": (fields(CONFIG, text=[{"inner": AWAY}]), f"config.json has 'auto_map', {CODE}"),
    "auto_map, tokenizer": (fields(TOKENIZER, **TOKENIZER_MAP), f"tokenizer_config.json has 'auto_map', {CODE}"),
    "auto_map, vocabulary": (fields("tokenizer.json", **AWAY), f"tokenizer.json has 'auto_map', {CODE}"),
    "custom pipeline": (fields(CONFIG, **PIPELINES), f"config.json has 'custom_pipelines', {CODE}"),
    # CVE-2026-4372: attention kernels are code from a repository, and nothing asks whether to trust it
    **{f"kernel {name}": (fields(CONFIG, **{name: "evil/kernels"}), f"config.json has '{name}', {CODE}") for name in (
        "_attn_implementation_internal", "_attn_implementation", "attn_implementation", "experts_implementation",
        "_experts_implementation_internal",
    )},
    "kernel, nested": (
        fields(CONFIG, text_config={"model_type": "bert", "_attn_implementation_internal": "evil/kernels"}),
        f"config.json has '_attn_implementation_internal', {CODE}",
    ),
    "kernel, by parts": (fields(CONFIG, odd={"": "evil/kernels"}), "config.json has 'odd', a configuration inside"),
    "kernel, unknown field": (fields(CONFIG, attention="evil/kernels"), f"config.json has 'attention': .*{ELSEWHERE}"),
    # CVE-2026-5241: a nested configuration brings the consent to run its own code
    "consent": (fields(CONFIG, trust_remote_code=True), f"config.json has 'trust_remote_code', {CODE}"),
    "consent as a number": (fields(CONFIG, trust_remote_code=1), f"config.json has 'trust_remote_code', {CODE}"),
    "consent, nested": (
        fields(CONFIG, keypoint_detector_config={"model_type": "superpoint", "trust_remote_code": True, **AWAY}),
        f"config.json has 'auto_map', {CODE}",
    ),
    "consent, in the tokenizer": (
        fields(TOKENIZER, trust_remote_code=True), f"tokenizer_config.json has 'trust_remote_code', {CODE}",
    ),
    "LightGlue": (
        fields(CONFIG, model_type="lightglue", keypoint_detector_config={"_name_or_path": "evil"}),
        "config.json has 'keypoint_detector_config', a configuration inside the configuration",
    ),
    "another architecture": (fields(CONFIG, model_type="lightglue"), "model_type 'lightglue'; allowed: albert, bert"),
    "model_type that is no name": (fields(CONFIG, model_type=["bert"]), r"model_type \['bert'\]; allowed: albert"),
    "backbone": (fields(CONFIG, backbone="evil/backbone"), f"config.json has 'backbone', {CODE}"),
    "quantiser": (fields(CONFIG, quantization_config={"quant_method": "x"}), f"'quantization_config', {CODE}"),
    "adapter": (fields("adapter_config.json", base_model_name_or_path="evil/base"), f"adapter_config.json {STRAY}"),
    "generation": (fields("generation_config.json", custom_generate="evil/code"), f"generation_config.json {STRAY}"),
    "processor": (fields("processor_config.json", auto_map={}), f"processor_config.json {STRAY}"),
    "nested folder": (fields("heads/config.json", **AWAY), rf"heads/config\.json {STRAY}"),
    "other case": (fields("Config.json", **AWAY), f"Config.json {STRAY}"),
    "template": (
        fields(TOKENIZER, chat_template={"../../x": "{{ 1 }}"}), f"tokenizer_config.json has 'chat_template', {CODE}",
    ),
    "tokenizer class elsewhere": (fields(TOKENIZER, tokenizer_class="evil/code--code.Words"), "which is no class of"),
    "vocabulary elsewhere": (
        fields(TOKENIZER, vocab_file="/etc/passwd"), f"tokenizer_config.json has 'vocab_file', {CODE}",
    ),
    "weights elsewhere": (
        fields("model.safetensors.index.json", metadata={}, weight_map={"a": "../outside.safetensors"}),
        rf"index\.json has 'weight_map': '\.\./outside.*{ELSEWHERE}",
    ),
    "operation of a library": (replaced(GRAPH, 'version="opset1"', 'version="extension"'), "none of OpenVINO's own"),
    "constant of a file": (
        replaced(GRAPH, 'offset="', 'path="{}" offset="'), "a path; a graph needs nothing but model.ov",
    ),
    "entity": (
        replaced(GRAPH, '<?xml version="1.0"?>', '<?xml version="1.0"?><!DOCTYPE n [<!ENTITY e SYSTEM "file://{}">]>'),
        "declares what no graph needs",
    ),
    "operation hidden by its encoding": (
        lambda place: (place.folder / GRAPH).write_bytes((place.folder / GRAPH).read_text().encode("utf-16")) and None,
        "declares what no graph needs",
    ),
    **{f"name {name!r}": (named(name), "leaves the folder") for name in (
        "{}", "../outside.json", "heads/../../outside.json", "..\\outside.json",
    )},
    **{f"name {name!r}": (named(name), "is no plain name") for name in (
        "./x.json", "heads//x.json", "x\0.json", "x\n.json",
    )},
    "linked file": (linked("model.safetensors"), f"model.safetensors {LINK}"),
    "linked configuration": (linked(CONFIG), f"config.json {LINK}"),
    "linked folder": (linked("heads"), f"heads {LINK}"),
    "linked other folder": (linked("more", existing=False), f"more {LINK}"),
    "linked manifest": (linked("manifest.json"), f"manifest.json {LINK}"),
    "linked signature": (linked("manifest.sig"), f"manifest.sig {LINK}"),
    "linked version": (is_link, LINK),
}  # fmt: skip


HANDS = {
    "insider": "a trusted key signed it",
    "forger": "the manifest names it, and the signature is the one of the manifest before",
    "intruder": "neither manifest nor signature was touched",
}
UNSIGNED = "does not match: it was changed after key|does not match its digest|is not in the manifest|is missing"


CASES = [
    (shape, hand)
    for shape in SHAPES
    for hand in HANDS
    if not (hand == "intruder" and shape.startswith("name "))  # planted nowhere but in the manifest
]


@pytest.mark.parametrize(("shape", "hand"), CASES)
def test_it_is_refused_at_every_door_and_nothing_ran(shape: str, hand: str, machine) -> None:
    plant, reason = SHAPES[shape]
    extra = plant(Place(machine.folder, machine.canary)) or {}
    if hand == "insider":
        machine.sign(extra)
    elif hand == "forger":
        machine.forge(extra)
    for name, door in machine.doors.items():
        if name == "pull" and (hand == "intruder" or shape.startswith("linked")):
            continue  # a store holds no links, and gives nothing that the manifest does not name
        with pytest.raises(CorruptVersionError, match=reason if hand == "insider" else f"{reason}|{UNSIGNED}"):
            door(machine)
    assert not machine.canary.exists()


def test_what_nobody_changed_passes_every_door(machine) -> None:
    for door in machine.doors.values():
        door(machine)
