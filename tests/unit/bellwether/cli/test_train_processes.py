"""Two processes share the texts of each step, and what they make is what one makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from typer.testing import CliRunner

from bellwether.cli.app import app

ROOT = Path(__file__).parents[4]


def test_two_cpu_processes_of_torchrun_end_as_one_does(
    tiny_encoder: Path, tmp_path: Path, moods: dict[str, list[str]]
) -> None:
    rows = [{"text": f"{text} {n}", "label": mood} for mood, texts in moods.items() for text in texts for n in range(5)]
    (tmp_path / "mood.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "r.toml").write_text(
        'name = "r"\nkind = "full"\nencoder = "minilm-en"\nepochs = 3\nlearning_rate = 1e-4\nhidden_dropout = 0.0\n'
        "batch_tokens = 70\naccumulate = 2\npatience = 3\n"  # some steps have fewer texts than there are parts
    )

    def command(out: Path) -> list[str]:
        data = ["--recipe", tmp_path / "r.toml", "--data", tmp_path / "mood.jsonl", "--encoder", tiny_encoder]
        return [
            *map(str, ["train", *data, "--out", out]),
            "--precision",
            "fp32",
            "--no-baselines",
            "--track",
            "none",
            "--json",
        ]

    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "bellwether", *command(tmp_path / "two")],
        cwd=ROOT, env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}, capture_output=True,
        text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads(done.stdout)  # one object: only the main process tells
    one = json.loads(CliRunner().invoke(app, command(tmp_path / "one")).stdout)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["steps"] == two["steps"] > 5
    start = load_file(tiny_encoder / "model.safetensors")
    for file in ("encoder.safetensors", "heads.safetensors"):
        mine, theirs = (load_file(tmp_path / name / file) for name in ("one", "two"))
        assert mine.keys() == theirs.keys()
        for name, values in mine.items():
            np.testing.assert_allclose(theirs[name], values, atol=2e-5, err_msg=name)
    moved = load_file(tmp_path / "one" / "encoder.safetensors")["bert.encoder.layer.0.output.dense.weight"]
    assert np.abs(moved - start["encoder.layer.0.output.dense.weight"]).max() > 2e-4
