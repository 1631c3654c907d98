"""What a probe of the faster precision found is found again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer import precision


class Model:
    def __init__(self, weights: int) -> None:
        self._weights = weights

    def parameters(self):
        return iter([torch.zeros(self._weights)])


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the next probes find; each takes one away."""
    found = ["bf16", "fp32", "fp32"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "measured", lambda *_: found.pop(0))
    return found


def test_it_is_measured_once_for_a_machine_and_a_size_of_model(probed: list[str], tmp_path: Path) -> None:
    memory = tmp_path / "cache" / precision.FILE
    assert [precision.faster(Model(9), None, memory) for _ in range(3)] == ["bf16"] * 3  # type: ignore[arg-type]
    assert precision.faster(Model(8), None, memory) == "fp32"  # type: ignore[arg-type]
    assert len(probed) == 1
    assert [path.name for path in memory.parent.iterdir()] == [precision.FILE]


def test_a_damaged_memory_or_none_costs_a_measurement(probed: list[str], tmp_path: Path) -> None:
    memory = tmp_path / precision.FILE
    memory.write_bytes(b"{")
    assert precision.faster(Model(9), None, memory) == "bf16"  # type: ignore[arg-type]
    assert precision.faster(Model(9), None) == "fp32"  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    assert precision.faster(Model(9), None, tmp_path / "file" / "m.json") == "fp32"  # type: ignore[arg-type]
    assert not probed
