"""What a run's version is judged on: labels set aside, the golden set, the old domain; and what becomes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from models.engine import Engine
from models.text import clean, fingerprint
from trainer.dataset import merge, part_of, read_file
from trainer.gate.evidence import GOLDEN, LATER, OLD, RARE, Evidence
from trainer.gate.gather import Labelled, gather
from trainer.gate.judge import judge
from trainer.gate.limits import Limits
from trainer.gate.verdict import Verdict
from trainer.service.records import Forecast, Judgement
from wire.events import LabelSubmitted

Slices = Mapping[str, Sequence[Labelled]]

MOST = 3_000
"""Texts set aside, and of the old domain: both models score so many in some 6 s on two cores (961 a second,
docs/engines.md). Twice as many take twice as long and narrow a bound by three tenths, as it shrinks by their root; a
whole trial of `bench gate`, by which the gate's own errors are known, has no more."""


def slices(aside: Path, base: Sequence[Path], golden: Path | None, rare: Path | None, task: str) -> Slices:
    """The texts of one task that nothing was trained on.

    Args:
        aside: labels set aside, as they were submitted, JSON Lines; of copies the newest, and of all the newest.
        base: files that runs learn from again; of them the part that the split keeps from training.
        golden: labelled file of texts that people chose.
        rare: labelled file of the rare classes.
        task: which.

    Raises:
        InputError: a file cannot be read.
    """
    labels = [msgspec.json.decode(line, type=LabelSubmitted) for line in aside.read_bytes().splitlines()]
    return {
        LATER: _newest([one for one in labels if one.task == task]),
        OLD: _drawn([row for path in base for row in _rows(path, task, part="test")]),
        GOLDEN: [] if golden is None else _rows(golden, task),
        RARE: [] if rare is None else _rows(rare, task),
    }


def _newest(labels: Sequence[LabelSubmitted]) -> list[Labelled]:
    ordered = sorted(labels, key=lambda one: (one.published_at or one.labelled_at, one.event_id), reverse=True)
    found: dict[str, Labelled] = {}
    for one in ordered:
        if (text := clean(one.text or "")) and len(found) < MOST:
            found.setdefault(fingerprint(text), Labelled(text, one.label, one.weight))
    return list(found.values())


def _drawn(rows: Sequence[Labelled]) -> list[Labelled]:
    """By a hash of the text, so that each of several files has its share."""
    return sorted(rows, key=lambda row: hashlib.sha256(row.text.encode()).digest())[:MOST]


def _rows(path: Path, task: str, part: str | None = None) -> list[Labelled]:
    rows = [row for row in read_file(path).rows if row.task == task and part in {None, part_of(row.key)}]
    return [Labelled(example.text, example.labels[task]) for example in merge(rows)[0]]


def judged(
    champion: Engine,
    challenger: Engine,
    of: Callable[[str], Slices],
    limits: Limits,
    tell: Callable[[str], None] = lambda _: None,
) -> Judgement:
    """Judge all tasks of the champion: the one with most labels set aside decides, the others may lose nothing.

    A task of which there are fewer texts than a slice must have may have lost anything: then nothing is `better`.

    Args:
        champion: who serves; closed here.
        challenger: who wants to; closed here.
        of: the slices of a task.
        limits: the gate's.
        tell: takes a sentence.
    """
    with closing(champion), closing(challenger):
        found = {task: _answerable(of(task), entry.labels, task, tell) for task, entry in champion.tasks.items()}
        chief = max(found, key=lambda task: len(found[task][LATER]))
        evidence = {
            task: gather(champion, challenger, own, task, tell=tell) for task, own in found.items() if any(own.values())
        }
    verdicts = {task: judge(one, limits) for task, one in evidence.items()}
    if chief not in verdicts:
        return Judgement(verdict="same", reasons=("too few: no label was set aside",), is_sound=False)
    forecast = {chief: _forecast(evidence[chief], found[chief][LATER])} if LATER in evidence[chief].slices else {}
    texts = {task: sum(map(len, own.values())) for task, own in found.items()}
    unseen = {task: texts[task] for task in sorted(texts) if task != chief and texts[task] < limits.required_texts}
    return _all(chief, verdicts, unseen, forecast)


def _answerable(of: Slices, labels: Sequence[str], task: str, tell: Callable[[str], None]) -> Slices:
    """The texts whose label the engines can give; how many are left out is told."""
    found = {name: [row for row in rows if row.label in labels] for name, rows in of.items()}
    for name, rows in of.items():
        if left := len(rows) - len(found[name]):
            tell(f"{left} texts of the slice '{name}' are left out: their label is none of {task}'s")
    return found


def _all(
    chief: str, verdicts: Mapping[str, Verdict], unseen: Mapping[str, int], forecast: dict[str, Forecast]
) -> Judgement:
    deciding = verdicts[chief]
    lost = {task: one for task, one in verdicts.items() if task != chief and one.is_loss_possible}
    worst = "regression" if any(one.is_loss_proven for one in lost.values()) else "worse within noise"
    reasons = [f"{task}: {reason}" for task, one in lost.items() for reason in one.reasons]
    reasons += [
        f"too few: {texts} texts of the task {task} do not show what was lost there; name labelled files of it with "
        "--golden and --base"
        for task, texts in unseen.items()
    ]
    best = "same" if unseen and deciding.name == "better" else deciding.name
    return Judgement(
        verdict=worst if lost else best,
        reasons=(*reasons, *deciding.reasons),
        is_sound=deciding.is_sound and not lost and not unseen,
        numbers={task: one.numbers for task, one in verdicts.items()},
        foreseen=forecast,
    )


def _forecast(evidence: Evidence, later: Sequence[Labelled]) -> Forecast:
    """How the challenger answers to what is like the stream now; by the whole weights, which the gate trims."""
    guesses = evidence.slices[LATER].challenger.argmax(axis=1)
    weights = np.array([row.weight for row in later])
    total = float(weights.sum())
    shares = {
        label: round(float(weights[guesses == column].sum()) / total, 4) for column, label in enumerate(evidence.labels)
    }
    return Forecast(shares, round(total**2 / float((weights**2).sum()), 1))
