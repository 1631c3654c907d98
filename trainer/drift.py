"""Watches four signals for change: confidence, class shares, novelty of the texts, and the prequential error.

Nothing is saved: who begins anew feeds it what the topics still hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from models.text import clean
from trainer import detectors
from trainer.novelty import Reference
from trainer.prequential import Outcome
from trainer.triggers import Alarm

MEMORY = 5_000
"""Values that a detector remembers at least, and twice as many at most: how slow a drift can be to be seen. At the
double it starts again from the last `MEMORY`."""

MOST_ALARMS = 100
"""Alarms that are remembered."""

CHOSEN: Mapping[str, str] = MappingProxyType(
    {"confidence": "page-hinkley-10", "share": "page-hinkley-50", "novelty": "page-hinkley-10", "error": "adwin-1e-2"}
)
"""The detector of each signal, by two runs of `bellwether bench drift` that docs/learning.md holds: at most one false
alarm in 10,000 events with both models, then the fewest changes missed, then the soonest."""


class Said(Protocol):
    """One task's answer; probabilities are integers of 1/10,000."""

    @property
    def label(self) -> str:
        """The class with the highest probability."""
        ...

    @property
    def probabilities(self) -> Mapping[str, int]:
        """Of all classes."""
        ...


class Answered(Protocol):
    """What is needed of a scored event."""

    @property
    def model_version(self) -> str:
        """Who answered."""
        ...

    @property
    def text(self) -> str:
        """Of the event."""
        ...

    @property
    def tasks(self) -> Mapping[str, Said]:
        """By name."""
        ...


class Watch:
    """A detector with the values since its last alarm.

    Args:
        name: of the detector, see `trainer.detectors`.
        values: to begin with, replayed in silence.

    Raises:
        SettingsError: there is no such detector.
    """

    def __init__(self, name: str, values: Iterable[float] = ()) -> None:
        self.name = name
        self._begin(values)

    def update(self, value: float) -> bool:
        """Take the next value, in [0, 1]; True at an alarm, after which all begins anew."""
        self.values.append(value)
        self._detector.update(value)
        if self._detector.drift_detected:
            self._begin(())
            return True
        if len(self.values) >= 2 * MEMORY:
            self._begin(self.values[-MEMORY:])
        return False

    def _begin(self, values: Iterable[float]) -> None:
        self._detector, self.values = detectors.build(self.name), list(values)
        for value in self.values:
            self._detector.update(value)


class Monitor:
    """The four signals of one task under one version.

    Args:
        task: whose answers are watched.
        version: the champion; what another version answered is no change of this one's signals and is left out.
        labels: the task's, one share each.
        reference: of the texts that the champion was trained on; without one, novelty is not watched.
        chosen: detector of each signal.
    """

    def __init__(
        self,
        task: str,
        version: str,
        labels: Sequence[str],
        reference: Reference | None = None,
        chosen: Mapping[str, str] = CHOSEN,
    ) -> None:
        self.task, self.version, self.alarms = task, version, list[Alarm]()
        self._reference = reference
        signals = {"confidence": chosen["confidence"], "error": chosen["error"]}
        signals |= {} if reference is None else {"novelty": chosen["novelty"]}
        signals |= {f"share:{label}": chosen["share"] for label in sorted(labels)}
        self._watches = {signal: Watch(detector) for signal, detector in signals.items()}

    def scored(self, events: Sequence[Answered], at: datetime) -> list[Alarm]:
        """Take scored events in, in their order, each once (a reader knows a repeat by its source offset).

        Args:
            events: of any version.
            at: the broker's time of the batch, or the clock; the time of what is raised.

        Returns:
            the alarms that they raised, which are also kept in `alarms`.
        """
        own = [one for one in events if one.model_version == self.version and self.task in one.tasks]
        far: list[float] = []
        if self._reference is not None and own:
            far = self._reference.distances([clean(one.text) for one in own]).tolist()
        raised: list[Alarm] = []
        for place, event in enumerate(own):
            score = event.tasks[self.task]
            values = {"confidence": max(score.probabilities.values(), default=0) / 10_000}
            values |= {"novelty": round(far[place], 4)} if far else {}
            values |= {signal: float(signal == f"share:{score.label}") for signal in self._watches if ":" in signal}
            raised += self._update(values, at)
        return raised

    def labelled(self, outcome: Outcome | None, at: datetime) -> list[Alarm]:
        """Take an outcome in that `trainer.prequential.Ledger.add` told of; None and other versions' are no news."""
        if outcome is None or (outcome.task, outcome.version) != (self.task, self.version):
            return []
        return self._update({"error": float(outcome.is_wrong)}, at)

    def _update(self, values: Mapping[str, float], at: datetime) -> list[Alarm]:
        raised = [Alarm(signal, at) for signal, value in values.items() if self._watches[signal].update(value)]
        self.alarms = [*self.alarms, *raised][-MOST_ALARMS:]
        return raised
