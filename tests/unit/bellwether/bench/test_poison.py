import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app


def test_what_gets_through_is_printed_for_a_script(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text("".join(f'{{"text": "plant {n} of {n * 3} opens", "label": "neutral"}}\n' for n in range(50)))
    result = CliRunner().invoke(
        app, ["bench", "labels", "--seeds", "1", "--texts", "300", "--data", str(file), "--json"]
    )
    found = json.loads(result.stdout)
    assert len(found["rows"]) == 1 + 2 * 9
    assert found["poisoned_worst_mean"] < max(row["unguarded"] for row in found["rows"])
    stream, own = found["aside"]
    assert 0.15 < stream["aside"] < 0.25
    assert own["texts"] == 50
    assert own["learnt"] + own["aside"] + own["refused"] == pytest.approx(1)
