"""What the gate decides by is never learnt: labels set aside on arrival, and the guard of all such texts. Pure.

Which texts are set aside depends on a hash of their fingerprint alone: on every machine, at every time and under every
id the same, so that a copy that comes a month later is on the same side.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from models.alike import Alike
from models.text import UNSPACED, fingerprint
from trainer.labels.admission import Weighted
from trainer.labels.effective import Subject
from wire.events import LabelSubmitted

SHARE = 0.2

ASIDE = "set aside"
"""Name of the slice, and the reason for which what is like it is not learnt."""

_UNSPACED = re.compile(f"[{UNSPACED}]")

NO_TEXT, KNOWN = "no text", "learnt from a file already"


def is_aside(text: str, share: float = SHARE) -> bool:
    """Whether a text belongs to what is set aside on arrival.

    The hash is another than that of `trainer.dataset.part_of`: what remains still has its parts for training,
    validation and test.

    >>> is_aside("acme up 5") == is_aside("RT @jane: $ACME up 5! https://t.co/x1")
    True
    """
    digest = hashlib.sha256(b"aside:" + fingerprint(text).encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def texts_aside(aside: Mapping[Subject, LabelSubmitted]) -> int:
    """Different texts that are set aside for the task that has most of them: what a gate can judge by."""
    found: dict[str, set[str]] = {}
    for subject, label in aside.items():
        found.setdefault(subject.task, set()).add(fingerprint(label.text or ""))
    return max(map(len, found.values()), default=0)


class Guard:
    """Knows the texts that decide, by slice: by id, by fingerprint, and by words where one was changed a little."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._prints: dict[str, str] = {}
        self._alike: dict[str, Alike] = {}

    def add(self, name: str, texts: Iterable[tuple[str | None, str]]) -> None:
        """Protect a slice.

        Args:
            name: of the slice, which a refusal gives as its reason.
            texts: event id (None where there is none) and text.
        """
        alike = self._alike.setdefault(name, Alike())
        for event_id, text in texts:
            if event_id is not None:
                self._ids.setdefault(event_id, name)
            key = fingerprint(text)
            if key not in self._prints:
                self._prints[key] = name
                alike.add(_words(key))

    def slice_of(self, event_id: str | None, text: str) -> str | None:
        """The slice that a text, or a near-copy of it, belongs to; None where it may be learnt.

        A near-copy has the same fingerprint or shares `models.alike.ALIKE` of its words.
        """
        key = fingerprint(text)
        if event_id is not None and event_id in self._ids:
            return self._ids[event_id]
        if key in self._prints:
            return self._prints[key]
        words = _words(key)
        return next((name for name, alike in self._alike.items() if alike.has(words)), None)


@dataclass(frozen=True)
class Apart:
    """Admitted labels, told apart.

    Attributes:
        learn: what may be learnt.
        aside: what only the gate sees.
        refused: by reason, what is neither: it is like something that decides, or has no text.
    """

    learn: Mapping[Subject, Weighted]
    aside: Mapping[Subject, Weighted]
    refused: Counter[str]


def apart(
    kept: Mapping[Subject, Weighted], guard: Guard, share: float = SHARE, known: Collection[str] = frozenset()
) -> Apart:
    """Tell what may be learnt from what is set aside.

    Set aside first, because what is learnt must be like nothing of that either; and of that nothing that a slice of
    the guard holds, so that no text decides twice.

    Args:
        kept: labels that were admitted.
        guard: holds the golden set, the rare classes and the old domain; it learns of what is set aside here.
        share: of the texts that are set aside.
        known: fingerprints of what every run learns from files: such a text cannot decide.
    """
    learn: dict[Subject, Weighted] = {}
    aside: dict[Subject, Weighted] = {}
    refused: Counter[str] = Counter()
    texts = {subject: one.label.text for subject, one in kept.items() if one.label.text}
    refused[NO_TEXT] += len(kept) - len(texts)
    later = sorted(subject for subject, text in texts.items() if is_aside(text, share))
    for subject in later:
        name = guard.slice_of(subject.event_id, texts[subject])
        if name is not None:
            refused[f"like a text of {name}"] += 1
        elif fingerprint(texts[subject]) in known:
            refused[KNOWN] += 1
        else:
            aside[subject] = kept[subject]
    guard.add(ASIDE, [(subject.event_id, texts[subject]) for subject in aside])
    for subject in sorted(texts.keys() - set(later)):
        name = guard.slice_of(subject.event_id, texts[subject])
        if name is None:
            learn[subject] = kept[subject]
        else:
            refused[f"like a text of {name}"] += 1
    return Apart(learn, aside, +refused)  # plus drops the reasons without a label


def _words(key: str) -> frozenset[str]:
    """The words of a fingerprint; of scripts without spaces each two signs beside each other, else a text were one."""
    found: list[str] = []
    for word in key.split():
        found += map("".join, pairwise(word)) if _UNSPACED.search(word) and len(word) > 1 else [word]
    return frozenset(found)
