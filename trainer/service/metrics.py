"""What a trainer tells Prometheus, on a loopback port of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from runtime import clock, whole_file
from runtime.errors import SettingsError
from trainer.field_metrics import FieldMetrics
from trainer.labels.metrics import LabelMetrics
from trainer.labels.store import Counts

PHASES = ("standby", "idle", "collected", "training", "building", "judging", "stage", "shadow", "wait", "promote")


class Metrics:
    """All metrics of one trainer, in a registry of its own.

    Args:
        now: the wall clock.
    """

    def __init__(self, now: clock.Now = clock.now) -> None:
        self.registry = CollectorRegistry()
        self._now = now
        self._last: datetime | None = None
        self._labels = LabelMetrics(self.registry)
        self.field = FieldMetrics()
        self.registry.register(self.field)
        self._runs = Counter(
            "bellwether_trainer_runs", "Runs recorded by this process, by verdict.", ["verdict"], registry=self.registry
        )
        self._leads = Gauge("bellwether_trainer_is_leader", "1 while this trainer leads.", registry=self.registry)
        self._phase = Gauge("bellwether_trainer_phase", "1 for what it does.", ["phase"], registry=self.registry)
        self._waiting = Gauge(
            "bellwether_trainer_labels_since_run", "Labels since the last run's position.", registry=self.registry
        )
        age = Gauge(
            "bellwether_trainer_since_last_run_seconds",
            "Seconds since a run was judged; not a number before the first.",
            registry=self.registry,
        )
        age.set_function(self._since)
        self.is_in("standby")

    def took(self, counts: Counts, waiting: int) -> None:
        """Labels were stored; so many events wait for their text."""
        self._labels.took(counts, waiting)

    def ended(self, verdict: str) -> None:
        """A run was recorded."""
        self._runs.labels(verdict).inc()

    def last_run(self, ended: str | None) -> None:
        """When the newest run was judged, RFC 3339; whoever ran it."""
        self._last = datetime.fromisoformat(ended) if ended else None

    def waiting(self, labels: int) -> None:
        """How many labels came since the last run."""
        self._waiting.set(labels)

    def is_in(self, phase: str) -> None:
        """What the trainer does now, one of `PHASES`."""
        self._leads.set(phase != "standby")
        for name in PHASES:
            self._phase.labels(name).set(name == phase)

    def _since(self) -> float:
        return (self._now() - self._last).total_seconds() if self._last else float("nan")


@contextmanager
def served(metrics: Metrics, host: str, port: int, port_file: Path | None) -> Iterator[int]:
    """Answer `/metrics`; yields the port, which the port file holds meanwhile.

    Raises:
        SettingsError: the port is taken, or the file cannot be written.
    """
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --http-port, 0 takes a free one"
        ) from error
    try:
        if port_file is not None:
            _write(port_file, server.server_port)
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        if port_file is not None:
            with contextlib.suppress(OSError):
                port_file.unlink()


def _write(path: Path, port: int) -> None:
    try:
        whole_file.write(path, b"%d\n" % port)
    except OSError as error:
        raise SettingsError(f"cannot write the port to {path}: {error.strerror}; choose another --port-file") from error
