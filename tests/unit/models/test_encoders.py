import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models import encoders
from runtime.errors import ArtefactError, InputError


@pytest.fixture
def known(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """`tiny-en` is known by name; the list holds each folder that it was written into."""
    written: list[Path] = []

    def write(out: Path) -> None:
        written.append(out)
        shutil.copytree(tiny_encoder, out, dirs_exist_ok=True)

    one = encoders.Known("tiny-en", "en", 1, "a test", "ab" * 32, encoders.weights_digest(tiny_encoder), write)
    monkeypatch.setitem(encoders.KNOWN, "tiny-en", one)
    return written


def test_three_encoders_are_known_with_full_digests() -> None:
    assert {"minilm-en", "bge-small-en", "bge-small-zh"} == set(encoders.KNOWN)
    for one in encoders.KNOWN.values():
        assert len(one.origin_sha256) == len(one.weights_sha256) == 64
        assert one.parameters > 20_000_000


def test_an_encoder_is_written_once_and_then_found(known: list[Path], tmp_path: Path) -> None:
    assert not encoders.is_present("tiny-en", tmp_path)
    first, second = encoders.get("tiny-en", tmp_path), encoders.get("tiny-en", tmp_path)
    assert first == second == tmp_path / "encoders" / "tiny-en-abababab"
    assert (first / "config.json").is_file()
    assert encoders.is_present("tiny-en", tmp_path)
    assert len(known) == 1


def test_callers_at_once_get_one_whole_folder(known: list[Path], tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: encoders.get("tiny-en", tmp_path), range(4)))
    assert len(folders) == len(known) == 1


def test_a_changed_encoder_is_never_given_out(known: list[Path], tmp_path: Path, tiny_encoder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = encoders.get("tiny-en", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    name = sorted(tensors)[0]
    tensors[name] = tensors[name] + 1
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ArtefactError, match=r"weights of 'tiny-en' .* expected .* delete the folder and get it again"):
        encoders.get("tiny-en", tmp_path)


def test_an_encoder_that_cannot_be_brought_leaves_nothing(known: list[Path], tmp_path: Path, monkeypatch) -> None:
    def fail(out: Path) -> None:
        (out / "config.json").write_text("{}")
        raise ArtefactError("no network")

    one = encoders.KNOWN["tiny-en"]
    broken = encoders.Known(one.name, one.language, 1, "", one.origin_sha256, one.weights_sha256, fail)
    monkeypatch.setitem(encoders.KNOWN, "tiny-en", broken)
    with pytest.raises(ArtefactError, match="no network"):
        encoders.get("tiny-en", tmp_path)
    assert [file.name for file in (tmp_path / "encoders").iterdir() if file.is_dir()] == []


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no encoder is known as 'x'; known: bge-small-en, bge-small-zh, minilm-en"):
        encoders.get("x", tmp_path)
    with pytest.raises(InputError, match="no encoder 'x y': neither a known name"):
        encoders.resolve("x y", tmp_path)


def test_a_hub_id_needs_a_revision_that_cannot_change(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"revision 'main' of org/name is no commit; give its 40 hex digits"):
        encoders.resolve("org/name@main", tmp_path)


def test_any_folder_is_an_encoder(tiny_encoder: Path, tmp_path: Path) -> None:
    assert encoders.resolve(str(tiny_encoder), tmp_path) == tiny_encoder


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "x.pkl", "modeling_own.py"])
def test_a_folder_with_a_file_that_can_run_code_is_refused(name: str, tiny_encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "copy"))
    (folder / name).write_bytes(b"")
    with pytest.raises(InputError, match=f"{name} can run code when loaded"):
        encoders.resolve(str(folder))


def test_a_config_that_names_code_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "copy"))
    facts = json.loads((folder / "config.json").read_text()) | {"auto_map": {"AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="'auto_map', which names code to run"):
        encoders.resolve(str(folder))


def test_a_folder_without_weights_or_config_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "copy"))
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no \.safetensors file"):
        encoders.resolve(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match="is no Hugging Face folder"):
        encoders.resolve(str(folder))


def test_the_digest_depends_on_the_weights_alone(tiny_encoder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(tiny_encoder / "model.safetensors")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"other": "words"})
    assert encoders.weights_digest(tmp_path) == encoders.weights_digest(tiny_encoder)
    name = sorted(tensors)[0]
    save_file(tensors | {name: tensors[name] + 1}, tmp_path / "model.safetensors")
    assert encoders.weights_digest(tmp_path) != encoders.weights_digest(tiny_encoder)
