import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine import Task
from streams.classify.outputs import MAX_OUTPUT_BYTES, Writer, shares, task_scores
from streams.classify.prepare import prepare
from streams.classify.records import Output, Ready, Refused, Scores, Serving
from wire import deadletter

WHEN = datetime(2024, 1, 1, tzinfo=UTC)
TASK = Task("sentiment", ("negative", "neutral", "positive"), abstain_below=0.6)
SERVING = Serving("v-1", "scripted", "1", (TASK,), "host:1:0")


def by_hamilton(row) -> list[int]:
    """One row, by the book: whole parts first, what is missing to those with the largest remainders."""
    exact = [probability * 10_000 for probability in row]
    whole = [int(value) for value in exact]
    for index in sorted(range(len(row)), key=lambda i: whole[i] - exact[i])[: 10_000 - sum(whole)]:
        whole[index] += 1
    return whole


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(
        st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).filter(lambda row: sum(row) > 1e-6),
        min_size=1,
        max_size=8,
    )
)
def test_shares_are_whole_not_negative_sum_to_ten_thousand_and_follow_hamilton(rows) -> None:
    matrix = np.array([[value / sum(row) for value in row] for row in rows])
    found = shares(matrix)
    assert all(sum(row) == 10_000 and min(row) >= 0 for row in found)
    assert [row for row, exact in zip(found, matrix.tolist(), strict=True) if row != by_hamilton(exact)] == []


def test_shares_of_a_row_that_sums_to_a_hair_above_one_are_trimmed_at_the_top() -> None:
    assert shares(np.array([[1.0, 0.00035]])) == [[9997, 3]]


def test_a_top_probability_under_the_threshold_abstains() -> None:
    unsure, sure = task_scores(TASK, np.array([[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]], dtype=np.float32))
    assert (unsure.label, unsure.abstained) == ("positive", True)
    assert (sure.label, sure.abstained) == ("positive", False)


def write(item: Ready, named=()) -> Output | Refused:
    rows = {"sentiment": np.array([[0.1, 0.2, 0.7]], dtype=np.float32)}
    (made,) = Writer().scores(Scores(0, [item], rows, [named], SERVING, "host:1:0-7"), WHEN)
    return made


def test_a_scored_event_says_who_scored_what_and_from_where(record) -> None:
    output = write(prepare(record(41, partition=3)), named=(("ACME", "alias"),))
    assert isinstance(output, Output)
    event = json.loads(output.value)
    assert (event["source_partition"], event["source_offset"], output.partition) == (3, 41, 3)
    assert (event["model_version"], event["engine"], event["cleaning"]) == ("v-1", "scripted", "1")
    assert (event["batch_id"], event["worker"]) == ("host:1:0-7", "host:1:0")
    assert event["entities"][0]["sentiment"] == event["tasks"]["sentiment"]
    assert dict(output.headers)["ce_id"] == b"e3-41"
    assert output.key == b"k"


def test_a_scored_event_that_does_not_fit_is_refused(record) -> None:
    article = json.loads(record().value) | {"event_id": "i" * 900_000, "url": "u" * 900_000}
    refused = write(prepare(record(value=json.dumps(article).encode())))
    assert isinstance(refused, Refused)
    assert refused.reason == "too_large"
    assert "send less beside the text" in refused.exception


def letter(record) -> tuple[Output, deadletter.DeadLetter]:
    output = Writer().letter(Refused(record, "invalid_json", "decode", "InvalidJsonError: no"))
    return output, deadletter.parse(output.headers)


def test_a_letter_keeps_key_value_and_headers(record) -> None:
    output, told = letter(record(5, value=b"{nope", headers=[("mine", b"1"), ("bw_attempt", b"2")], partition=1))
    assert (output.key, output.value) == (b"k", b"{nope")
    assert ("mine", b"1") in output.headers
    assert (told.coordinates, told.attempt) == ("news.article.published.v1:1:5", 2)


def size(output: Output) -> int:
    return len(output.key or b"") + len(output.value or b"") + sum(len(k) + len(v) for k, v in output.headers)


@pytest.mark.parametrize(
    "hostile",
    [
        {"value": b"x" * 5_000_000},
        {"value": b"x" * 1_800_000, "key": b"k" * 900_000},
        {"value": b"x" * 1_000_000, "headers": [(f"h{n}", b"v" * 1000) for n in range(1500)]},
        {"value": b"x" * 1_800_000, "key": b"k" * 900_000, "headers": [("h", b"v" * 900_000)]},
    ],
)
def test_a_letter_always_fits(record, hostile) -> None:
    output, told = letter(record(**hostile))
    assert size(output) <= MAX_OUTPUT_BYTES
    assert told.length == len(hostile["value"])
    assert len(told.sha256) == 64
