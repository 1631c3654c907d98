"""What the worker tells Prometheus. Texts, ids and free entities never become label values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from models.engine import CallReport
from streams.classify.delivery import Delivered
from streams.classify.records import Refused, Serving

AGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
"""Seconds: from a quiet worker's reply to a day of backlog."""

STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds per batch; the aim is 0.4, the longest deadline 30."""


class Lag(Protocol):
    """One partition's distance to the end of its log."""

    @property
    def partition(self) -> int:
        """Partition of the input topic."""
        ...

    @property
    def records(self) -> int:
        """Records that are in the log and not acknowledged."""
        ...

    @property
    def seconds(self) -> float:
        """Age of the newest acknowledged record while there is lag, else 0."""
        ...


class Metrics:
    """All metrics of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "bellwether_events", "Inputs that ended, by how.", ["outcome", "reason"], registry=self.registry
        )
        self._batch = Histogram(
            "bellwether_batch_size",
            "Texts per model call.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
            registry=self.registry,
        )
        self._tokens = Histogram(
            "bellwether_batch_tokens",
            "Tokens per model call, padding included.",
            buckets=(16, 64, 256, 1024, 2048, 4096, 8192, 16384, 32768),
            registry=self.registry,
        )
        self._stage = Histogram(
            "bellwether_stage_seconds",
            "Time of one batch by stage.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        stages = ("decode", "tokenise", "predict", "produce")
        self._decode, self._tokenise, self._predict, self._produce = (self._stage.labels(stage) for stage in stages)
        self._age = Histogram(
            "bellwether_event_age_seconds",
            "The broker's time of the output less its time of the input.",
            buckets=AGE_BUCKETS,
            registry=self.registry,
        )
        self.expired = Counter(
            "bellwether_expired", "Inputs that the log dropped before they were read.", registry=self.registry
        )
        self.repeats = Counter(
            "bellwether_repeated_inputs", "Inputs that the transport handed over twice.", registry=self.registry
        )
        self.dropped = Counter(
            "bellwether_dropped_inputs", "Inputs given back un-acknowledged at a rebalance.", registry=self.registry
        )
        self.engine_restarts = Counter(
            "bellwether_engine_restarts", "Engine processes replaced after a crash or time-out.", registry=self.registry
        )
        self.producers_replaced = Counter(
            "bellwether_producers_replaced", "Producers given up after an error.", registry=self.registry
        )
        self.rebalances = Counter("bellwether_rebalances", "Rebalances seen by this worker.", registry=self.registry)
        self.shadow_scored = Counter(
            "bellwether_shadow_scored", "Texts that a shadow challenger scored.", registry=self.registry
        )
        self.shadow_skipped = Counter(
            "bellwether_shadow_skipped", "Texts that it left out, to stay within its share.", registry=self.registry
        )
        self.swaps = Counter("bellwether_swaps", "Times that another version began to serve.", registry=self.registry)
        self.refused = Counter(
            "bellwether_refused_versions",
            "Versions that the pointer named and that did not serve.",
            registry=self.registry,
        )
        self.generation = Gauge(
            "bellwether_pointer_generation", "Move of the pointer that this worker follows.", registry=self.registry
        )
        self._stalled = Gauge(
            "bellwether_stalled_partitions",
            "Partitions with lag that stand still: without an excuse for half of what ends the worker, or for all of "
            "it behind other partitions' backlog.",
            registry=self.registry,
        )
        self._info = Gauge(
            "bellwether_serving_info",
            "1 for what serves now.",
            ["version", "engine", "cleaning", "worker"],
            registry=self.registry,
        )
        self._scored = self._events.labels("scored", "")

    def serves(self, serving: Serving) -> None:
        """Say who scores from now on."""
        self._info.clear()
        self._info.labels(serving.version, serving.engine, serving.cleaning, serving.worker).set(1)

    def prepared(self, seconds: float) -> None:
        """A batch was decoded and cleaned."""
        self._decode.observe(seconds)

    def predicted(self, texts: int, call: CallReport) -> None:
        """A model call succeeded."""
        self._batch.observe(texts)
        self._tokens.observe(call.padded_tokens or call.tokens)
        self._tokenise.observe(call.tokenise_s)
        self._predict.observe(call.predict_s)

    def delivered(self, delivered: Sequence[Delivered], refused: Sequence[Refused], seconds: float) -> None:
        """The broker acknowledged a batch's outputs."""
        self._produce.observe(seconds)
        observe = self._age.observe
        total = 0
        for outputs, time_s in delivered:
            total += len(outputs)
            if time_s is not None:
                for output in outputs:
                    observe(max(0.0, time_s - output.time_s))
        for one in refused:
            self._events.labels("dead", one.reason).inc()
        self._scored.inc(total - len(refused))

    def watch_lag(self, lags: Callable[[], Iterable[Lag]], stalls: Callable[[], Sized]) -> None:
        """Export what `lags` and `stalls` say whenever somebody scrapes."""
        self.registry.register(_LagCollector(lags))
        self._stalled.set_function(lambda: len(stalls()))

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _LagCollector(Collector):
    def __init__(self, lags: Callable[[], Iterable[Lag]]) -> None:
        self._lags = lags

    def collect(self) -> Iterable[Metric]:
        records = GaugeMetricFamily("bellwether_lag_records", "Inputs not yet acknowledged.", labels=["partition"])
        seconds = GaugeMetricFamily(
            "bellwether_lag_seconds", "How far the last acknowledged input lies back.", labels=["partition"]
        )
        for lag in self._lags():
            records.add_metric([str(lag.partition)], lag.records)
            seconds.add_metric([str(lag.partition)], lag.seconds)
        return [records, seconds]
