"""With one flipped bit in any file of a version, no parser gets a byte of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import transformers

from models import configs, graph, manifest, registry
from models.engines import openvino_int8, padded, quietly
from models.pull import pull
from models.store import open_store
from runtime.errors import CorruptVersionError

ENGINES = ("torch-fp32", "openvino-int8")
OF_MANIFEST = "msgspec.json.decode"
PARSERS = {
    OF_MANIFEST, "json.loads", "ElementTree.iterparse", "safetensors.torch.load_file", "AutoModel.from_pretrained",
    "Tokenizer.from_file", "Core.read_model",
}  # fmt: skip
"""All that reads a file of a version, by library."""


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Fills with the names of the parsers that are called, which work as ever."""
    called: set[str] = set()

    def watch(owner: Any, attribute: str, name: str) -> None:
        original = getattr(owner, attribute)
        monkeypatch.setattr(owner, attribute, noting(original, name))

    def noting(original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            called.add(name)
            return original(*arguments, **named)

        return noted

    class Tokenizer:
        from_file = staticmethod(noting(padded.Tokenizer.from_file, "Tokenizer.from_file"))

    class Core:
        def __init__(self) -> None:
            self.compile_model = core.compile_model
            self.read_model = noting(core.read_model, "Core.read_model")

    core = quietly.core()
    watch(manifest.msgspec.json, "decode", OF_MANIFEST)
    watch(configs.json, "loads", "json.loads")
    watch(graph.ElementTree, "iterparse", "ElementTree.iterparse")
    watch(safetensors.torch, "load_file", "safetensors.torch.load_file")
    watch(transformers.AutoModelForSequenceClassification, "from_pretrained", "AutoModel.from_pretrained")
    monkeypatch.setattr(padded, "Tokenizer", Tokenizer)
    monkeypatch.setattr(openvino_int8.quietly, "core", Core)
    return called


def open_each(machine) -> None:
    for engine in ENGINES:
        registry.open_engine(
            str(machine.folder), registry=machine.folder.parent, trust=machine.trust, engine=engine, threads=1
        ).close()


def test_a_version_that_holds_is_read_by_every_parser(machine, parsed: set[str]) -> None:
    open_each(machine)
    assert parsed == PARSERS


def test_no_parser_gets_a_version_with_one_flipped_bit(machine, parsed: set[str]) -> None:
    files = sorted(path for path in machine.folder.rglob("*") if path.is_file())
    assert {"manifest.json", "manifest.sig", "model.safetensors", "tokenizer.json", "model.xml", "model.ov"} <= {
        path.name for path in files
    }
    for path in files:
        content = path.read_bytes()
        for position in (0, len(content) // 2, len(content) - 2):  # a signature's last byte is white space
            damaged = bytearray(content)
            damaged[position] ^= 1
            path.write_bytes(damaged)
            is_signed = path.name not in {manifest.MANIFEST, manifest.SIGNATURE}
            for engine in ENGINES:
                parsed.clear()
                with pytest.raises(CorruptVersionError, match=r"does not match|is no 'ed25519|does not trust"):
                    registry.open_engine(
                        str(machine.folder), registry=machine.folder.parent, trust=machine.trust, engine=engine
                    )
                assert parsed == ({OF_MANIFEST} if is_signed else set()), (path, position)
        path.write_bytes(content)
    open_each(machine)


def test_no_parser_gets_a_pulled_file_with_one_flipped_bit(machine, parsed: set[str]) -> None:
    machine.doors["pull"](machine)
    (tree,) = (path for path in (machine.home / "store" / "versions" / machine.folder.name).iterdir() if path.is_dir())
    store = open_store(str(machine.home / "store"))
    for name in manifest.read(machine.folder).files:
        content = (tree / name).read_bytes()
        (tree / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
        parsed.clear()
        with pytest.raises(CorruptVersionError, match="does not match its digest in the manifest; publish it again"):
            pull(store, machine.folder.name, machine.home / "another", machine.trust)
        assert parsed == {OF_MANIFEST}
        (tree / name).write_bytes(content)
    payload = machine.home / "store" / "versions" / machine.folder.name / manifest.MANIFEST
    content = payload.read_bytes()
    payload.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    parsed.clear()
    with pytest.raises(CorruptVersionError, match="has no signature; publish the version again"):
        pull(store, machine.folder.name, machine.home / "another", machine.trust)
    assert parsed == set()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_file_that_changes_between_its_check_and_its_load_never_serves(
    name: str, machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = registry.labels_fit

    def swap(facts: manifest.Manifest, folder: Any) -> None:
        fit(facts, folder)
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content)

    monkeypatch.setattr(registry, "labels_fit", swap)
    with pytest.raises(CorruptVersionError, match=rf"{name} changed while it was loaded; find out who writes there"):
        machine.doors["opened"](machine)
