import json

from bellwether.loop.trainer_log import TrainerLog


def line(**fields: str) -> str:
    return json.dumps({"timestamp": "2026-01-05T12:00:00Z", **fields}) + "\n"


def test_steps_move_a_bar_and_phases_keep_their_first_time(tmp_path) -> None:
    path = tmp_path / "trainer.log"
    whole = line(event="run_said", said="training") + line(event="run_said", said="step 3 of 40, loss 0.9, 9 s left")
    path.write_text("a library's own words\n" + whole + '{"event": "half')
    log = TrainerLog(path)
    told = log.read()
    assert (told.said, told.step) == (["training"], (3, 40))
    assert log.times == {"training": 1767614400000}
    with path.open("a") as file:
        file.write('", "timestamp": "2026-01-05T12:00:09Z"}\n' + line(event="run_said", said="training"))
    assert log.read().said == ["half", "training"]
    assert log.times == {"training": 1767614400000}
    assert log.read().said == []
