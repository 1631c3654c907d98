"""Draws how opinion went over event time: overall, and for the entities that matter in this run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bellwether.demo.board import Shares
from bellwether.demo.source import Source
from runtime.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE_NAME = "demo-sentiment.png"
_COLOURS = {"negative": "#d1495b", "neutral": "#c9ced6", "positive": "#4f9d69"}
_INK = "#30343b"
_BARS = 140
"""Bars of the number of texts: six hours each for 35 days."""
_LEAST_TEXTS, _MOST_TEXTS = 18, 150
"""Texts that a share rests on, about: fewer shake, more hide a shock."""
_OTHERS = 3
"""Entities shown where nothing was planted: those with most texts."""


@dataclass(frozen=True)
class _Opinion:
    """Sentiments of one subject, in order of event time."""

    name: str
    times: list[datetime]
    labels: list[str]


def save(messages: Sequence[Mapping[str, Any]], source: Source, folder: Path) -> Path:
    """Draw a run's scored messages and return the picture's path.

    Args:
        messages: scored messages as read from the topic.
        source: what was replayed; what was planted in it is shaded.
        folder: created where it does not exist.

    Raises:
        InputError: the folder cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    subjects = _subjects(messages, source)
    figure, axes = plt.subplots(
        len(subjects), 1, figsize=(12, 1.2 + 2.1 * len(subjects)), sharex=True, layout="constrained", squeeze=False
    )
    try:
        for axis, subject in zip(axes[:, 0], subjects, strict=True):
            _draw(axis, subject, source)
        handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in _COLOURS.values()]
        figure.legend(handles, list(_COLOURS), loc="outside upper right", ncols=3, frameon=False)
        figure.suptitle(
            f"Share of sentiment in event time: {source.name}", x=0.01, ha="left", color=_INK, weight="bold"
        )
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE_NAME
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise InputError(f"cannot write the picture to {folder}: {error.strerror}; choose another --plots") from error
    finally:
        plt.close(figure)
    return path


def _subjects(messages: Sequence[Mapping[str, Any]], source: Source) -> list[_Opinion]:
    ordered = sorted(messages, key=lambda message: str(message["published_at"]))
    counts = Counter(entity["id"] for message in ordered for entity in message.get("entities", ()))
    planted = [shock.entity for shock in source.truth.shocks]
    shown = planted or [name for name, _ in counts.most_common(_OTHERS)]
    all_texts = _opinion("all texts", ordered)
    about = [_opinion(name, [m for m in ordered if _is_about(m, name)]) for name in shown]
    return [all_texts, *(opinion for opinion in about if opinion.times)]


def _is_about(message: Mapping[str, Any], name: str) -> bool:
    return any(entity["id"] == name for entity in message.get("entities", ()))


def _opinion(name: str, messages: Sequence[Mapping[str, Any]]) -> _Opinion:
    return _Opinion(
        name,
        [datetime.fromisoformat(message["published_at"]) for message in messages],
        [message["tasks"]["sentiment"]["label"] for message in messages],
    )


def running_shares(labels: Sequence[str]) -> npt.NDArray[np.float64]:
    """The shares after each text, as the live view keeps them: newer texts weigh more.

    Returns:
        float64 [sentiments, texts], columns sum to 1.
    """
    remembered = min(max(_LEAST_TEXTS, len(labels) / 40), _MOST_TEXTS)
    shares = Shares(2 / (remembered + 1))
    for label in labels[: int(remembered)]:  # else the first text alone would be the whole opinion
        shares.add(label)
    rows = []
    for label in labels:
        shares.add(label)
        rows.append([shares.now[name] for name in _COLOURS])
    return np.array(rows).T


def _draw(axis: Axes, subject: _Opinion, source: Source) -> None:
    dates = _dates()
    times = np.array(dates.date2num(subject.times), dtype=np.float64)
    axis.stackplot(times, running_shares(subject.labels), colors=list(_COLOURS.values()), linewidth=0)
    axis.set_ylim(0, 1)
    if source.first is not None and source.last is not None:
        axis.set_xlim(float(dates.date2num(source.first)), float(dates.date2num(source.last)))
    axis.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axis.set_title(f"{subject.name}  ·  {len(times):,} texts", loc="left", fontsize=10, color=_INK)
    axis.tick_params(length=0, colors=_INK, labelsize=8)
    axis.xaxis.set_major_locator(dates.AutoDateLocator(minticks=4, maxticks=10))
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(axis.xaxis.get_major_locator()))
    for side in axis.spines.values():
        side.set_visible(False)
    _draw_counts(axis, times)
    _mark_truth(axis, subject.name, source)


def _dates() -> Any:
    # Any: matplotlib's date functions carry no types.
    from matplotlib import dates

    return dates


def _draw_counts(axis: Axes, times: npt.NDArray[np.float64]) -> None:
    counts = axis.twinx()
    counts.hist(times, bins=_BARS, color=_INK, alpha=0.45, linewidth=0)
    counts.set_ylim(0, counts.get_ylim()[1] * 4)  # in the lower quarter, so that the shares stay readable
    counts.tick_params(length=0, colors=_INK, labelsize=7)
    counts.set_ylabel("texts", fontsize=7, color=_INK)
    for side in counts.spines.values():
        side.set_visible(False)


def _mark_truth(axis: Axes, name: str, source: Source) -> None:
    dates = _dates()
    for shock in source.truth.shocks:
        if shock.entity == name:
            begins = float(dates.date2num(shock.begins))
            axis.axvline(begins, color=_INK, linewidth=1, linestyle=":")
            told = f"planted: {shock.stories} stories, {shock.points:+.0f} points negative "
            axis.annotate(told, (begins, 0.93), ha="right", va="top", fontsize=8, color=_INK)
    drift = source.truth.drift
    if drift is not None and name == "all texts":
        begins = float(dates.date2num(drift.begins))
        axis.axvline(begins, color=_INK, linewidth=1, linestyle=":")
        axis.annotate("planted: new vocabulary ", (begins, 0.93), ha="right", va="top", fontsize=8, color=_INK)
