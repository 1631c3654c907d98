import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from runtime.errors import InputError
from trainer.run import Progress


def ran(*arguments: object) -> tuple[str, str]:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout, result.stderr


@pytest.fixture
def given(tmp_path: Path, moods: dict[str, list[str]]) -> list[object]:
    rows = [{"text": f"{text} {n}", "label": mood} for mood, texts in moods.items() for text in texts for n in range(5)]
    (tmp_path / "mood.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "r.toml").write_text('name = "r"\nencoder = "minilm-en"\nepochs = 1\nlearning_rate = 1e-3\n')
    return ["--recipe", tmp_path / "r.toml", "--data", tmp_path / "mood.jsonl", "--out", tmp_path / "out"]


def test_a_model_is_trained_and_told_about(given, tiny_encoder: Path, tmp_path: Path) -> None:
    out, err = ran(*given, "--encoder", tiny_encoder, "--precision", "fp32", "--no-baselines", "--json")
    assert json.loads(out)["name"] == "r"
    assert "training r on" in err
    assert (tmp_path / "out" / "README.md").is_file()


def test_an_unknown_precision_is_refused(given) -> None:
    with pytest.raises(InputError, match="--precision 'int8' is unknown; choose auto, fp32 or bf16"):
        ran(*given, "--precision", "int8")


def test_lines_of_progress_carry_loss_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    from bellwether.cli.train import shown_progress

    with shown_progress() as (report, tell):
        report(Progress(step=3, steps=9, loss=0.5, seconds_left=3_661))
        tell("a sentence")
    assert capsys.readouterr().err == "step 3 of 9, loss 0.500, 1:01:01 left\na sentence\n"
