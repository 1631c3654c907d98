from models.engine import CallReport
from streams.classify.lag import PartitionLag
from streams.classify.metrics import Metrics
from streams.classify.records import Output, Refused, Serving


def test_events_age_and_stages_are_exposed_without_ids(record) -> None:
    metrics = Metrics()
    metrics.serves(Serving("v-1", "scripted", "1", (), "host:1:0"))
    metrics.prepared(0.01)
    metrics.predicted(8, CallReport(0.1, 0.2, 100, 128))
    outputs = [Output("scored", 0, None, b"", [], 1.0), Output("dead", 0, None, b"", [], 2.5)]
    metrics.delivered([(outputs, 3.0)], [Refused(record(), "crash", "predict", "gone", "secret-id")], 0.05)
    metrics.expired.inc(3)
    metrics.watch_lag(lambda: [PartitionLag(2, 17, 4.5)], lambda: [2])
    text = metrics.exposition().decode()
    for line in (
        'bellwether_events_total{outcome="scored",reason=""} 1.0',
        'bellwether_events_total{outcome="dead",reason="crash"} 1.0',
        "bellwether_event_age_seconds_sum 2.5",
        "bellwether_batch_tokens_sum 128.0",
        'bellwether_stage_seconds_sum{stage="predict"} 0.2',
        "bellwether_expired_total 3.0",
        'bellwether_lag_records{partition="2"} 17.0',
        'bellwether_lag_seconds{partition="2"} 4.5',
        "bellwether_stalled_partitions 1.0",
        'bellwether_serving_info{cleaning="1",engine="scripted",version="v-1",worker="host:1:0"} 1.0',
    ):
        assert line in text
    assert "secret-id" not in text
