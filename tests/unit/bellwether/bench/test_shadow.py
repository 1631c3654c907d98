import json
import subprocess
import sys

from bellwether.bench import shadow
from runtime.settings import Settings


def test_a_champion_is_measured_alone_and_beside_a_challenger_that_really_scores(tmp_path) -> None:
    order = shadow.Order(
        settings=Settings(home=tmp_path), champion="noop", challenger="noop", shares=(0.25, 1.0),
        texts=[f"text {number}" for number in range(12_800)], rounds=1,
    )  # fmt: skip
    found = shadow.measure(order)
    assert (found["texts"], found["rounds"]) == (12_800, 1)
    assert [(row["share"], row["floor"]) for row in found["rows"]] == [(0.25, 0.75), (1.0, 0.0)]
    for row in found["rows"]:
        assert row["shadow_texts_per_second"] > 0
        assert row["ratio"] > 0
    assert len(shadow.as_text(found).splitlines()) == 4 + len(found["rows"])


def test_the_command_says_one_json_object_and_nothing_else() -> None:
    words = [
        "bench",
        "shadow",
        "--champion",
        "noop",
        "--challenger",
        "noop",
        "--rounds",
        "1",
        "--texts",
        "64",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bellwether", *words], capture_output=True, text=True, timeout=120, check=True
    )
    assert [row["share"] for row in json.loads(done.stdout)["rows"]] == [0.1, 0.25, 0.5]
