"""The public data sets train the model; not one sentence of them is in the repository."""

import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LENGTH = 45
"""Characters that two texts share before it is no accident: a usual headline has 60 to 120."""


@pytest.mark.data
def test_no_sentence_of_the_data_sets_is_tracked():
    folder = os.environ.get("BELLWETHER_DATA")
    if not folder:
        pytest.skip("set BELLWETHER_DATA to the folder of the public data sets to check that none of it is committed")
    starts = set()
    for path in Path(folder).glob("*/*.jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts = (json.loads(line).get("text", "") for line in lines)
            starts.update(text[:LENGTH] for text in texts if len(text) >= LENGTH)
    assert len(starts) > 10_000, f"{folder} holds too few texts to be the data sets"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    leaks = []
    for name in filter(None, tracked.split("\0")):
        file = ROOT / name
        if not file.is_file() or file.suffix in {".safetensors", ".png", ".gz", ".bin"}:
            continue
        body = file.read_text(encoding="utf-8", errors="ignore")
        if any(body[at : at + LENGTH] in starts for at in range(max(0, len(body) - LENGTH + 1))):
            leaks.append(name)
    assert not leaks
