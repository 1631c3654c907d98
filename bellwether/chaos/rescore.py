"""Score a sample of the scored events again, in this process, and say which scores do not come out."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models import fakes, manifest, registry, text
from models.batching import SPECIAL_TOKENS
from models.engine import Engine
from models.engines.openvino_int8 import TOKENS_STEP
from runtime.errors import ModelError

LABEL_GAP = 0.02
"""A label may differ where the best two are nearer than this: rounding decides between them."""

ROUNDING = 1e-4
"""Shares are whole 1/10,000; the largest-remainder rule moves one by less than that."""

REPEATS_WITHIN: Mapping[str, float] = {"torch-fp32": 1e-4, "torch-bf16": 0.02, "openvino-int8": 0.005}
"""How far one engine may be from itself when it scores the same text again, at one of the lengths it may be padded to.

Measured with both shipped versions on 3,000 headlines and long texts, alone and in batches of 2 to 253:
`openvino-int8` gives the same bits whatever stands beside a text, as long as it is padded to the same length. Other
lengths sum in another order, and an activation then rounds to its next step: 1 to 3 % of the texts moved, by 0.026 at
most.
`torch-fp32` moved by 1e-6. `torch-bf16`: 0.008 in docs/engines.md. A manifest's own `tolerance` is the distance to full
precision (0.10 to 0.18 for int8), far too lax for the same engine again: the smaller of the two counts, but for full
precision, whose distance to itself is 0.
"""

WORD = "1 "
"""One token in every BERT-like vocabulary, of any language."""


_FAKES: Mapping[str, Callable[[str], Engine]] = {
    "noop": lambda _: fakes.NoopEngine(),
    "scripted": lambda version: fakes.ScriptedEngine(version=version),
}
_HARMLESS = "[[slow]]"

_UNUSABLE = (AttributeError, KeyError, TypeError, ValueError, ModelError)
"""What an event without a field or with a field of another type leads to, and an engine that fails on its text."""

Event = Mapping[str, Any]
"""A scored event as JSON."""


def may_be_sampled(event: Event) -> bool:
    """Whether it can be scored here: the scripted engine obeys what texts tell it, here too."""
    return event["engine"] not in _FAKES or "[[" not in event["text"].replace(_HARMLESS, "")


class Sample:
    """A fair choice among all that it is offered, without keeping them (Vitter's algorithm R).

    Args:
        size: how many are kept.
        chance: decides.
    """

    def __init__(self, size: int, chance: random.Random) -> None:
        self.kept: list[Event] = []
        self._size = size
        self._chance = chance
        self._offered = 0

    def offer(self, event: Event) -> None:
        """One that may be kept."""
        self._offered += 1
        if len(self.kept) < self._size:
            self.kept.append(event)
        elif (place := self._chance.randrange(self._offered)) < self._size:
            self.kept[place] = event


def wrong(events: Sequence[Event], registry_folder: Path, trust: Path) -> list[str]:
    """What is wrong, one sentence for each event whose named version, engine and cleaning do not give its scores.

    Args:
        events: scored events.
        registry_folder: of model versions.
        trust: file of trusted keys.
    """
    by_engine: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        by_engine[event["model_version"], event["engine"]].append(event)
    found: list[str] = []
    for (version, name), own in sorted(by_engine.items()):
        try:
            engine, tolerance = _open(version, name, registry_folder, trust)
        except _UNUSABLE as error:
            found += [f"{_name(event)}: {name} of {version} cannot be loaded: {error}" for event in own]
            continue
        try:
            # One by one: how a batch was put together is not on record, and must not matter.
            sentences = ((event, _said_of(event, engine, tolerance)) for event in own)
            found += [f"{_name(event)}: {sentence}" for event, sentence in sentences if sentence]
        finally:
            engine.close()
    return found


def _said_of(event: Event, engine: Engine, tolerance: float) -> str:
    try:
        return difference(event, engine, tolerance)
    except _UNUSABLE as error:
        return f"cannot be scored again: {type(error).__name__}: {error}"


def _open(version: str, name: str, registry_folder: Path, trust: Path) -> tuple[Engine, float]:
    if name in _FAKES:
        return _FAKES[name](version), ROUNDING
    engine = registry.open_engine(version, registry=registry_folder, trust=trust, engine=name, threads=1)
    stated = manifest.read(registry.resolve(version, registry_folder)).engines[name].tolerance
    return engine, tolerance_of(name, stated)


def tolerance_of(engine: str, stated: float) -> float:
    """How far a probability of a scored event may be from the engine's own now.

    Args:
        engine: its name; one that nobody measured is held to what its manifest says.
        stated: the manifest's distance to full precision.
    """
    repeats_within = REPEATS_WITHIN.get(engine, stated)
    return ROUNDING + (min(repeats_within, stated) if stated else repeats_within)


def difference(event: Event, engine: Engine, tolerance: float) -> str:
    """In what an event differs from what an engine says of its text now; empty where in nothing."""
    known = fakes.FAKE_CLEANING if engine.name in _FAKES else text.CLEANING
    if event["cleaning"] != known:
        return f"cleaning {event['cleaning']!r} is not known here, only {known!r}"
    if event["model_version"] != engine.version:
        return f"version {event['model_version']!r}, but the registry's is {engine.version!r}"
    cleaned = text.clean(event["text"])
    if not cleaned:
        return "nothing is left of its text after cleaning"
    if set(event["tasks"]) != set(engine.tasks):
        return f"tasks {sorted(event['tasks'])}, but the engine has {sorted(engine.tasks)}"
    alone = _scores_difference(event, engine, [cleaned], tolerance)
    # What a text was padded to is not on record: it is right where one of the lengths gives its scores.
    if alone and engine.name not in _FAKES:
        padded = (_scores_difference(event, engine, texts, tolerance) for texts in _padded(engine, cleaned))
        return alone if all(padded) else ""
    return alone


def _padded(engine: Engine, cleaned: str) -> Iterator[list[str]]:
    """A text with what makes an engine pad it to the next length, and the next, up to where it truncates.

    The longer text goes first into a pass, whose room is all tokens of the call by the longest text's: enough copies
    of the shorter one let it in.
    """
    own = before = engine.token_counts([cleaned])[0]
    for words in itertools.count(TOKENS_STEP - SPECIAL_TOKENS, TOKENS_STEP):
        mate = WORD * words
        tokens = engine.token_counts([mate])[0]
        if tokens > before:
            yield [cleaned] * math.ceil(tokens / own) + [mate]
        elif tokens < words:
            return
        before = max(before, tokens)


def _scores_difference(event: Event, engine: Engine, texts: Sequence[str], tolerance: float) -> str:
    """In what an event differs from what an engine says of the first of some texts, which it scores together."""
    scores = engine.score(texts)
    for name, task in engine.tasks.items():
        row = dict(zip(task.labels, map(float, scores[name][0]), strict=True))
        if sentence := _task_difference(event["tasks"][name], row, tolerance):
            return f"{name}: {sentence}"
    return ""


def _task_difference(said: Mapping[str, Any], row: Mapping[str, float], tolerance: float) -> str:
    shares = {label: share / 10_000 for label, share in said["probabilities"].items()}
    if set(shares) != set(row):
        return f"labels {sorted(shares)}, but the version has {sorted(row)}"
    best, second = sorted(row, key=row.__getitem__, reverse=True)[:2]
    if said["label"] != best and row[best] - row[second] > LABEL_GAP:
        return f"label {said['label']!r}, but {best!r} leads by {row[best] - row[second]:.3f}"
    off, label = max((abs(shares[label] - row[label]), label) for label in row)
    if off > tolerance:
        return f"{label} {shares[label]:.4f}, but {row[label]:.4f} now, which is more than {tolerance:.4f} apart"
    return ""


def _name(event: Event) -> str:
    return f"{event['event_id']} ({event['source_partition']}:{event['source_offset']})"
