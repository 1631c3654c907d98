"""The change detectors that a signal can be watched with, by name: river's, at settings that were measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from runtime.errors import SettingsError

KSWIN_SEED = 7
"""KSWIN draws what it compares with; a fixed seed lets a restart go on exactly."""


class Detector(Protocol):
    """What every detector of river does."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value gave an alarm."""
        ...

    def update(self, x: Any) -> Any:
        """Take the next value, in [0, 1]."""
        ...


class _Hits:
    """FHDDM watches for fewer ones, as of right answers (Pesaranghader & Viktor 2016); ours are of wrong ones."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def drift_detected(self) -> bool:
        return bool(self._detector.drift_detected)

    def update(self, x: float) -> None:
        self._detector.update(1 - x)


def _adwin(delta: float) -> Callable[[], Detector]:
    def build() -> Detector:
        from river import drift

        return drift.ADWIN(delta=delta)

    return build


def _page_hinkley(threshold: float) -> Callable[[], Detector]:
    def build() -> Detector:
        from river import drift

        return drift.PageHinkley(threshold=threshold, delta=0.01)

    return build


def _kswin(alpha: float, window: int) -> Callable[[], Detector]:
    def build() -> Detector:
        from river import drift

        return drift.KSWIN(alpha=alpha, window_size=window, stat_size=window // 3, seed=KSWIN_SEED)

    return build


def _binary(name: str, **settings: Any) -> Callable[[], Detector]:
    def build() -> Detector:
        from river.drift import binary

        made = getattr(binary, name)(**settings)
        return _Hits(made) if name == "FHDDM" else made

    return build


ANY: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {
        "adwin-1e-2": _adwin(1e-2),
        "adwin-2e-3": _adwin(2e-3),
        "adwin-1e-4": _adwin(1e-4),
        "adwin-1e-6": _adwin(1e-6),
        "page-hinkley-10": _page_hinkley(10.0),
        "page-hinkley-20": _page_hinkley(20.0),
        "page-hinkley-30": _page_hinkley(30.0),
        "page-hinkley-50": _page_hinkley(50.0),
        "hddm-a-1e-3": _binary("HDDMA", drift_confidence=1e-3, two_sided_test=True),
        "hddm-a-1e-6": _binary("HDDMA", drift_confidence=1e-6, warning_confidence=1e-3, two_sided_test=True),
        "hddm-w-1e-3": _binary("HDDMW", drift_confidence=1e-3, two_sided_test=True),
    }
)
"""For any value in [0, 1], two-sided. Hoeffding's and McDiarmid's bounds hold for bounded values, not only for bits."""

VALUES: Mapping[str, Callable[[], Detector]] = MappingProxyType({"kswin-1e-4": _kswin(1e-4, 300)})
"""For values that are spread; a Kolmogorov-Smirnov test of bits is none. Hundreds of times as dear."""

ERRORS: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {
        "ddm-3": _binary("DDM"),
        "eddm": _binary("EDDM"),
        "fhddm-100": _binary("FHDDM"),
        "fhddm-400": _binary("FHDDM", sliding_window_size=400),
    }
)
"""For right and wrong answers; they see a rise of the error and no fall."""


def build(name: str) -> Detector:
    """A fresh detector.

    Raises:
        SettingsError: there is none of this name.
    """
    known = {**ANY, **VALUES, **ERRORS}
    if name not in known:
        raise SettingsError(f"no detector {name!r}; known: {', '.join(known)}")
    return known[name]()
