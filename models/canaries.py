"""Whether an engine says of a version's canary texts what its manifest states: the last look before it may serve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.engines.padded import PaddedEngine
from models.manifest import Manifest
from runtime.errors import CorruptVersionError, EngineError

SLACK = 0.25
"""How much farther than its stated tolerance a logit may be on another processor, whose int8 instructions round
otherwise."""

MOST = 2.0
"""The largest tolerance that a manifest may state: logits of one text span about 5, so that one that allows more could
not be told from another version. The shipped ones state 0.5 and 0.6 for int8."""


def hold(engine: PaddedEngine, manifest: Manifest) -> None:
    """Ask an engine for the logits of the manifest's canaries.

    Raises:
        CorruptVersionError: there are none, they cannot be scored, or a logit is farther from full precision's than
            tolerance and slack allow.
    """
    if not manifest.canaries:
        raise CorruptVersionError(f"version {manifest.version} states no canaries to check it by; build it again")
    tolerance = manifest.engines[engine.name].logit_tolerance
    if not 0 <= tolerance <= MOST:
        raise CorruptVersionError(
            f"version {manifest.version} allows {engine.name} to be {tolerance:.3f} off in a logit, at most {MOST} "
            "means anything; build it again, or choose another engine"
        )
    try:
        found = engine.logits([canary.text for canary in manifest.canaries])
    except EngineError as error:
        raise CorruptVersionError(f"the canaries cannot be scored: {error}; build the version again") from error
    for name in manifest.tasks:
        _require_near(engine, name, found[name], _stated(manifest, name), tolerance + SLACK)


def _stated(manifest: Manifest, name: str) -> npt.NDArray[np.float64]:
    """Full precision's logits of one task, [canaries, classes]."""
    labels = manifest.tasks[name].labels
    stated = [canary.logits.get(name, {}) for canary in manifest.canaries]
    if any(set(one) != set(labels) for one in stated):
        raise CorruptVersionError(
            f"a canary of {manifest.version} states other labels than task {name!r} has; build the version again"
        )
    return np.array([[one[label] for label in labels] for one in stated])


def _require_near(
    engine: PaddedEngine,
    name: str,
    found: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float64],
    allowed: float,
) -> None:
    off = _farthest(found, expected)
    if not off <= allowed:
        permuted = _farthest(np.sort(found), np.sort(expected)) <= allowed
        raise CorruptVersionError(
            f"{engine.name} of {engine.version} scores a canary of task {name!r} {off:.3f} off, at most {allowed:.3f} "
            f"is allowed{'; its labels seem to be in another order' if permuted else ''}; build the version again, or "
            "choose another engine"
        )


def _farthest(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float64]) -> float:
    """Largest difference of a logit; both [canaries, classes]."""
    return float(np.abs(found - expected).max())
