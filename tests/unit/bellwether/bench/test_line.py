import json

import msgspec
import pytest

from bellwether.bench import bare, line, traffic
from models.fakes import NoopEngine
from models.specs import NoopSpec
from wire import codec


def test_noop_events_have_exactly_the_stated_size_and_are_articles() -> None:
    values = list(line.sized(50))
    assert {len(value) for value in values} == {line.NOOP_BYTES}
    assert len(set(values)) == 50
    assert codec.decode_published(values[7]).article.event_id == "noop-00000007"


def test_articles_carry_the_texts_in_order() -> None:
    values = [json.loads(value)["text"] for value in line.articles(["a", "b"])]
    assert values == ["a", "b"]


def test_the_bare_engine_scores_every_text_and_leaves_the_first_tenth_out() -> None:
    ticks = iter(range(10_000))

    class Counting(NoopEngine):
        seen = 0

        def score(self, texts):
            Counting.seen += len(texts)
            return super().score(texts)

    speed = bare.measure(Counting(), ["a text"] * 100, 10, lambda: next(ticks))
    assert Counting.seen == 100
    assert speed == pytest.approx(90 / 19)  # nine calls: two looks at the clock each, one at the end


def test_an_order_survives_its_file() -> None:
    order = bare.Order(NoopSpec(), ["a"], 256)
    assert msgspec.json.decode(msgspec.json.encode(order), type=bare.Order) == order


def test_the_rate_leaves_the_beginning_out() -> None:
    assert traffic.rate([0.0, 10.0, 11.0, 12.0, 13.0, 14.0], skipped=0.2) == pytest.approx(1.0)


def test_figures_name_what_they_were_measured_with() -> None:
    text = line.as_text(
        {
            "engine": "openvino-int8", "model_version": "v-1", "ratio_to_engine": 0.95, "line_texts_per_second": 95.0,
            "engine_texts_per_second": 100.0, "events": 4000, "rounds": 3, "noop_events_per_cpu_second": 9000,
            "noop_events_per_second": 5000, "noop_event_bytes": 300,
        }
    )  # fmt: skip
    assert "95% arrives (median of 3 rounds, 4000 events)" in text
    assert "9000 events of 300 bytes per CPU-second" in text
