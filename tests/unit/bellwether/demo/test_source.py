import gzip
import json
from datetime import UTC, datetime

import pytest

from bellwether.demo import picture, source
from bellwether.demo.count import Tally
from bellwether.demo.quality import agreement
from bellwether.demo.source import Labels
from bellwether.demo.summary import Killed, Summary
from runtime.errors import InputError

TALLY = Tally(
    events=4, scored=3, dead=1, lost=0, duplicates=0, repeats=2, phantoms=0, misplaced=0, mixed_batches=0,
    producer_repeats=0, served_by={"v-1 noop": 3},
)  # fmt: skip


def write(path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def row(minute: int, **fields) -> dict[str, object]:
    return {"id": f"r{minute}", "text": f"text {minute}", "published_at": f"2026-01-01T00:{minute:02d}:00Z"} | fields


def test_the_built_in_stream_has_truth_for_every_event(tmp_path) -> None:
    built = source.built_in(tmp_path, days=6, per_day=20, seed=1)
    assert built.events == len(built.labels) == 120
    assert built.is_ordered
    assert built.truth.shocks


def test_a_limit_holds_for_both(tmp_path) -> None:
    assert source.built_in(tmp_path, days=6, per_day=20, seed=1, limit=7).events == 7
    assert source.look_through(tmp_path / "stream.jsonl", 5).events == 5


def test_the_pace_fills_the_wanted_time(tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, [row(0), row(10)])
    assert source.look_through(path, None).speed(60) == "10.000x"


@pytest.mark.parametrize("rows", [[row(10), row(0)], [{"text": "no time"}, {"text": "none"}], [row(1)]])
def test_rows_without_order_or_time_have_no_pace(tmp_path, rows) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, rows)
    assert source.look_through(path, None).speed(60) == "max"


def test_only_real_sentiments_are_truth(tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, [row(0, event_id="a", label="negative"), row(1, event_id="b", label="mixed"), row(2, topic="IPO")])
    labels = source.look_through(path, None).labels
    assert labels["a"] == Labels("negative", None)
    assert "b" not in labels
    assert Labels(None, "IPO") in labels.values()


def test_rows_that_ingest_refuses_are_not_expected(tmp_path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "good"}\nnot json\n{"text": 7}\n'))
    assert source.look_through(path, None).events == 1


def test_a_file_without_any_event_is_refused(tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("[]\n")
    with pytest.raises(InputError, match=r"rows\.jsonl: no row is an event with a text; `bellwether ingest file`"):
        source.look_through(path, None)


def message(event_id: str, sentiment: str, topic: str, minute: int = 0, entity: str = "X") -> dict[str, object]:
    return {
        "event_id": event_id,
        "published_at": datetime(2026, 1, 1, 0, minute, tzinfo=UTC).isoformat(),
        "tasks": {"sentiment": {"label": sentiment}, "topic": {"label": topic}},
        "entities": [{"id": entity}],
    }


def test_agreement_is_measured_where_truth_is_known() -> None:
    labels = {"a": Labels("negative", "IPO"), "b": Labels("positive", None), "c": Labels("neutral", "IPO")}
    messages = [message("a", "negative", "IPO"), message("b", "negative", "IPO"), message("z", "neutral", "Macro")]
    found = agreement(messages, labels)
    assert (found["sentiment"].n, found["sentiment"].accuracy) == (2, 0.5)
    # negative: precision 1/2, recall 1 gives 2/3; positive: 0
    assert found["sentiment"].macro_f1 == pytest.approx(1 / 3)
    assert (found["topic"].n, found["topic"].accuracy) == (1, 1.0)


def test_without_truth_there_is_nothing_to_agree_with() -> None:
    assert agreement([message("a", "neutral", "IPO")], {}) == {}


def test_the_picture_is_drawn_with_and_without_planted_shocks(tmp_path) -> None:
    built = source.built_in(tmp_path, days=6, per_day=40, seed=1)
    rows = [json.loads(line) for line in built.path.read_text().splitlines()]
    messages = [
        message(r["event_id"], r["label"], r["topic"], entity=r.get("key", "")) | {"published_at": r["published_at"]}
        for r in rows
    ]
    path = picture.save(messages, built, tmp_path / "plots")
    assert path.read_bytes().startswith(b"\x89PNG")
    other = source.look_through(built.path, None)
    assert picture.save(messages, other, tmp_path / "plots").stat().st_size > 10_000


def test_a_folder_that_cannot_hold_the_picture_is_named(tmp_path) -> None:
    built = source.built_in(tmp_path, days=1, per_day=4, seed=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write the picture to .*file: .*; choose another --plots"):
        picture.save([message("a", "neutral", "IPO")], built, tmp_path / "file")


def test_running_shares_sum_to_one() -> None:
    shares = picture.running_shares(["negative"] * 40 + ["positive"] * 60)
    assert shares.shape == (3, 100)
    assert shares.sum(axis=0) == pytest.approx(1.0)
    assert shares[0, 0] > 0.9
    assert shares[2, -1] > 0.9


def summary(tally: Tally = TALLY) -> Summary:
    return Summary("rows", tally, 2.0, 1, 0.1, 0.2, 0, (Killed("worker", 99, 7),), {}, "x.png")


def test_the_summary_has_the_keys_that_scripts_rely_on() -> None:
    told = json.loads(json.dumps(summary().as_json()))
    assert {
        "events": 4, "scored": 3, "dead": 1, "lost": 0, "duplicates": 0, "seconds": 2.0, "events_per_second": 2.0,
    }.items() <= told.items()  # fmt: skip
    assert told["killed"] == [{"what": "worker", "pid": 99, "after_events": 7}]


def test_the_summary_for_a_person_says_whether_the_promises_were_kept() -> None:
    from dataclasses import replace

    from rich.console import Console

    def shown(tally: Tally) -> str:
        console = Console(width=120, color_system=None)
        with console.capture() as captured:
            console.print(summary(tally).draw())
        return captured.get()

    assert "kept" in shown(TALLY)
    assert "worker process 99 (SIGKILL) after 7 events" in shown(TALLY)
    lost = shown(replace(TALLY, lost=2, lost_places=((0, 3),)))
    assert "broken" in lost
    assert "2 of 4 events have no output" in lost


def test_the_alias_table_knows_every_mention_that_is_no_cashtag(tmp_path) -> None:
    from models import entities

    built = source.built_in(tmp_path, days=6, per_day=60, seed=1)
    aliases = entities.load(built.aliases)
    for line in built.path.read_text().splitlines():
        story = json.loads(line)
        found = {entity.id for entity in entities.link(story["text"], aliases)}
        assert found == set(story.get("mentions", [])), story["text"]
