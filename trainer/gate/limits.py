"""What a challenger must hold to get through, as numbers that an operator may set in a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.errors import InputError
from trainer.gate.evidence import GOLDEN, OLD

Level = Annotated[float, Meta(gt=0, lt=1)]
Points = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The gate's numbers. Points are hundredths of a share: 0.5 points of macro-F1 are 0.005."""

    later_texts: Count = 200
    """Fewer texts set aside, and the verdict is `same`, reason `too few`."""

    required: tuple[str, ...] = (GOLDEN, OLD)
    """Slices without which nothing is better: who leaves one out learns nothing of what it would have shown."""

    required_texts: Count = 100
    """Fewer texts of such a slice count as none."""

    superiority: Level = 0.95
    """One-sided confidence with which macro-F1 on the later slice must have risen."""

    macro_f1_points: Points = 0.5
    """Loss of macro-F1 on a slice that still counts as none."""

    recall_points: Points = 3.0
    """Loss of one class's recall on a slice that still counts as none."""

    recall_texts: Count = 100
    """A class with fewer texts in a slice is not judged there: a text more or less would be a point of recall."""

    non_inferiority: Level = 0.1
    """One-sided confidence that a loss on a slice is smaller than its margin: 0.5 decides by the estimate itself, more
    asks for proof (and refuses most good ones), less lets noise excuse: at 0.1 a loss counts against a challenger that
    is superior now once it exceeds its margin with 90 % confidence. Chosen by measurement: docs/learning.md."""

    non_inferiority_together: Level = 0.5
    """The same for each class's recall over all slices together, where texts are many: the estimate decides."""

    ece: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Calibration error on the later slice that is always good enough."""

    ece_more: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Calibration error above the champion's that is: one who is badly calibrated himself keeps nobody out by it."""

    speed_ratio: Annotated[float, Meta(gt=0)] = 0.7
    """Least share of the champion's texts per second."""

    behaviour_share: Annotated[float, Meta(ge=0, le=1)] = 0.9
    """Share of the cases of a behavioural check that is always good enough."""

    behaviour_points: Points = 5.0
    """Points below the champion's share that are: where he fails, nobody is kept out by failing alike."""

    resamples: Count = 2_000
    """Bootstrap resamples."""


def load(path: Path) -> Limits:
    """Read limits from TOML; what it does not name keeps its default.

    Raises:
        InputError: no such file, no TOML, or a field that is unknown or out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Limits)
    except OSError as error:
        raise InputError(f"no limits {path}: {error.strerror}; leave them out to take the defaults") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: {error}; the fields are explained in trainer/gate/limits.py") from error
