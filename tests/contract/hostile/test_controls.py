"""The payloads of hostile versions run where a folder is loaded as it comes: so a missing canary means something."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.canary), "w")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_pickle_runs_when_it_is_loaded(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Payload(tmp_path / "canary")))
    with (tmp_path / name).open("rb") as file:
        pickle.load(file)
    assert (tmp_path / "canary").exists()


LOADERS = {
    "auto_map": "transformers.AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)",
    "auto_map, tokenizer": "transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)",
    "custom pipeline": "transformers.pipeline('news', model=folder, trust_remote_code=True)",
    "kernel": "transformers.AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False)",
}
"""What transformers 5.17 does with a folder in the simplest words; a kernel asks for no trust at all."""

LOAD = """
import contextlib, json, sys
import transformers, transformers.modeling_utils
folder, code, canary = json.loads(sys.argv[1])
# The package that fetches kernels is not installed here: in its place stands what it would be asked for.
def fetch(name, **_):
    assert name == "evil/kernels"
    open(canary, "w").close()
transformers.modeling_utils.lazy_import_flash_attention = fetch
with contextlib.suppress(Exception):
    eval(code)
"""

FIELDS: dict[str, tuple[str, dict[str, object]]] = {
    "auto_map": ("config.json", {"auto_map": {"AutoModelForSequenceClassification": "code.Model"}}),
    "auto_map, tokenizer": ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": [None, "code.Words"]}}),
    "custom pipeline": (
        "config.json",
        {"custom_pipelines": {"news": {"impl": "code.News", "pt": ["AutoModelForSequenceClassification"]}}},
    ),
    "kernel": ("config.json", {"attn_implementation": "evil/kernels"}),
}


@pytest.mark.parametrize("shape", LOADERS)
def test_a_configuration_runs_code_when_the_folder_is_loaded_as_it_comes(shape: str, machine, tmp_path: Path) -> None:
    name, new = FIELDS[shape]
    path = machine.folder / name
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **new}))
    (machine.folder / "code.py").write_text(f"open({str(machine.canary)!r}, 'w').close()\nraise RuntimeError('ran')\n")
    order = json.dumps([str(machine.folder), LOADERS[shape], str(machine.canary)])
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    said = subprocess.run(
        [sys.executable, "-c", LOAD, order], capture_output=True, text=True, check=False, env=quiet, timeout=200
    )
    assert said.returncode == 0, said.stderr
    assert machine.canary.exists(), said.stderr
