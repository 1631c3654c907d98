"""What a version's folder may hold: nothing here needs a model, for it is all decided before one is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from models import keys, manifest
from models.manifest import FileEntry, Manifest
from runtime.errors import CorruptVersionError


def plain(**changes: object) -> Manifest:
    calibration = manifest.TaskCalibration(1.0, 0.4)
    facts = Manifest(
        format=manifest.FORMAT,
        version="v-0123456789",
        created_at="2026-01-05T00:00:00+00:00",
        encoder="tiny",
        cleaning="1",
        max_tokens=48,
        tasks={"sentiment": manifest.TaskEntry(("negative", "neutral", "positive"))},
        engines={"torch-fp32": manifest.EngineEntry({"sentiment": calibration}, {"sentiment": 1.0}, 0.0, 0.0, 0.0)},
        canaries=[],
        lineage=manifest.Lineage("d", "r", 0, None, "b", "t", "c"),
        metrics={},
        files={},
    )
    return msgspec.structs.replace(facts, **changes)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A signed folder with a config and some weights."""
    folder = tmp_path / "v-0123456789"
    (folder / "heads").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "heads" / "topic.safetensors").write_bytes(b"weights")
    return signed(folder)


def signed(folder: Path, files: dict[str, FileEntry] | None = None) -> Path:
    keys.ensure(folder.parent / "keys")
    found = manifest.describe_files(folder) if files is None else files
    manifest.write_signed(folder, plain(files=found), folder.parent / "keys")
    return folder


def verify(folder: Path) -> Manifest:
    return manifest.verify(folder, folder.parent / "keys" / keys.TRUST_FILE)


def resigned_as(folder: Path, content: bytes, name: str) -> None:
    (folder / name).write_bytes(content)
    files = {
        str(path.relative_to(folder)): FileEntry(manifest.digest(path), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"manifest.json", "manifest.sig"}
    }
    signed(folder, files)


def test_an_untouched_version_verifies(version: Path) -> None:
    assert set(verify(version).files) == {"config.json", "heads/topic.safetensors"}


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda f: (f / "heads/topic.safetensors").write_bytes(b"Weights"), r"does not match its digest"),
    "longer": (lambda f: (f / "heads/topic.safetensors").write_bytes(b"weights!"), r"does not match its digest"),
    "missing": (lambda f: (f / "heads/topic.safetensors").unlink(), r"topic\.safetensors is missing; build or pull"),
    "extra": (lambda f: (f / "extra.json").write_text("{}"), r"extra\.json is not in the manifest; remove it"),
    "pickle": (lambda f: (f / "model.bin").write_bytes(b""), r"model\.bin is of a kind that no version may hold"),
    "python": (lambda f: (f / "modeling.py").write_text(""), r"modeling\.py is of a kind that no version may hold"),
    "link": (lambda f: (f / "link.json").symlink_to("/etc/passwd"), r"link\.json is a link or no plain file"),
    "folder link": (lambda f: (f / "more").symlink_to(f.parent), r"more is a link or no plain file"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), r"manifest\.json cannot be read: .*no complete version"),
    "no signature": (lambda f: (f / "manifest.sig").unlink(), r"manifest\.sig cannot be read: .*no complete version"),
    "edited": (
        lambda f: (f / "manifest.json").write_bytes((f / "manifest.json").read_bytes() + b" "),
        r"manifest\.json does not match: it was changed after key",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_version_is_refused(damage: str, version: Path) -> None:
    act, message = DAMAGES[damage]
    act(version)
    with pytest.raises(CorruptVersionError, match=message):
        verify(version)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b'{"model_type": "bert", "auto_map": {}}', r"config\.json has 'auto_map', which names code"),
        ("tokenizer_config.json", b'{"auto_map": {}}', r"tokenizer_config\.json has 'auto_map'"),
        ("config.json", b'{"model_type": "bert", "text": [{"auto_map": {}}]}', r"config\.json has 'auto_map'"),
        ("config.json", b'{"model_type": "bert", "custom_pipelines": {}}', r"config\.json has 'custom_pipelines'"),
        ("config.json", b"[" * 100_000, r"config\.json is no JSON"),
        ("config.json", b'{"model_type": "surprise"}', r"model_type 'surprise'; allowed: albert, bert"),
        ("config.json", b"{", r"config\.json is no JSON"),
        ("run.py", b"", r"run\.py is of a kind that no version may hold; allowed: \.json"),
    ],
)
def test_what_could_run_code_is_refused_although_it_is_signed(
    name: str, content: bytes, message: str, version: Path
) -> None:
    resigned_as(version, content, name)
    with pytest.raises(CorruptVersionError, match=message):
        verify(version)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd.json", "heads/../../outside.json"])
def test_a_manifest_that_leaves_its_folder_is_refused(name: str, version: Path) -> None:
    signed(version, {name: FileEntry("0" * 64, 1)})
    with pytest.raises(CorruptVersionError, match="which leaves the folder; do not trust it"):
        verify(version)


def test_a_manifest_of_another_format_names_both(version: Path) -> None:
    content = json.loads((version / "manifest.json").read_bytes())
    (version / "manifest.json").write_text(json.dumps({**content, "format": 1, "canaries": None}))
    with pytest.raises(CorruptVersionError, match="has format 1, this release reads 2"):
        manifest.read(version)


def test_what_is_no_manifest_is_named(version: Path) -> None:
    (version / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(CorruptVersionError, match=r"is no manifest: .*missing required field"):
        manifest.read(version)


def test_a_manifest_without_end_is_not_read(version: Path) -> None:
    (version / "manifest.json").write_bytes(b" " * (manifest.MAX_MANIFEST_BYTES + 1))
    with pytest.raises(CorruptVersionError, match="is larger than 4194304 bytes"):
        manifest.read(version)


def test_an_engine_that_is_not_carried_is_named() -> None:
    with pytest.raises(CorruptVersionError, match="v-0123456789 carries no engine 'x'; choose one of torch-fp32"):
        plain().tasks_of("x")
    assert plain().tasks_of("torch-fp32")["sentiment"].abstain_below == 0.4
