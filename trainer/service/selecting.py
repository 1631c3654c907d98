"""Which labels a run learns from, and which only its gate sees."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from runtime import clock, log
from trainer.dataset import part_of, read_file
from trainer.gate.evidence import GOLDEN, OLD, RARE
from trainer.labels.admission import Admission, admit
from trainer.labels.aside import Guard, apart, is_aside
from trainer.labels.effective import Subject
from trainer.labels.gold import questions
from trainer.labels.policy import Policy
from trainer.labels.recognised import recognised
from trainer.service.folder import digest_of
from trainer.service.parts import Sorted
from trainer.service.place import Place
from wire.events import LabelSubmitted

_log = log.get(__name__)


class Selection:
    """Sorts labels: who is believed, what is set aside, what is like something that decides.

    Args:
        place: names the files that decide.
        policy: of labellers.
        now: the wall clock.

    Raises:
        InputError: one of the files cannot be read.
    """

    def __init__(self, place: Place, policy: Policy, now: clock.Now = clock.now) -> None:
        self._place = place
        self._policy = policy
        self._now = now
        self._read: str | None = None
        self._look()

    def _look(self) -> None:
        """Read the files, where they are not as they were: the gate will read them as they are then."""
        place = self._place
        files = [path for path in (place.golden, place.rare, *place.base) if path is not None]
        digests = ", ".join(digest_of([path]) for path in files)
        if digests == self._read:
            return
        self._deciding = Guard()
        self._deciding.add(GOLDEN, _texts(place.golden))
        self._deciding.add(RARE, _texts(place.rare))
        self._deciding.add(OLD, [text for path in place.base for text in _texts(path, part="test")])
        self._known = frozenset(row.key for path in place.base for row in read_file(path, is_kept_from=is_aside).rows)
        self._read = digests

    def sort(self, labels: Iterable[LabelSubmitted]) -> Sorted:
        """All labels of the store, told apart; what is refused is counted by its reason.

        Raises:
            InputError: a file that decides was changed, and cannot be read now.
        """
        self._look()
        everything, unknown = recognised(_with_texts(list(labels)))
        admission = admit(everything, self._policy, questions(everything, self._policy), self._now())
        guard = copy.deepcopy(self._deciding)  # it learns what is set aside this time
        found = apart(admission.kept, guard, known=self._known)
        refused: Counter[str] = admission.refused + found.refused + unknown
        drawn = _first(everything, admission)
        _log.info(
            "labels_sorted",
            learnt=len(found.learn),
            aside=len(found.aside),
            refused=dict(refused),
            quarantined=dict(admission.quarantined),
        )
        return Sorted(
            kept={subject: one.label for subject, one in found.learn.items()},
            aside={
                subject: msgspec.structs.replace(one.label, sampling_probability=drawn[subject].sampling_probability)
                for subject, one in found.aside.items()
            },
            weights={subject: one.weight for subject, one in found.learn.items()},
        )

    def believed(self, labels: Iterable[LabelSubmitted]) -> list[LabelSubmitted]:
        """The labels that are not refused, with what the same labeller said before, for measures of the field.

        What was said first tells which version's answer was seen, and how the event was chosen.
        """
        everything, _ = recognised(labels)
        return _until(everything, admit(everything, self._policy, questions(everything, self._policy), self._now()))


def _until(everything: Iterable[LabelSubmitted], admission: Admission) -> list[LabelSubmitted]:
    """The labels up to the last word of each labeller that was not refused."""
    own = ((label, admission.words.get((Subject(label.event_id, label.task), label.labeller))) for label in everything)
    return [label for label, last in own if last is not None and label.labelled_at <= last]


def _first(everything: Iterable[LabelSubmitted], admission: Admission) -> dict[Subject, LabelSubmitted]:
    """The first label of each subject: how likely its event was chosen is known of that one, whoever corrects it."""
    ordered = sorted(_until(everything, admission), key=lambda label: label.labelled_at, reverse=True)
    return {Subject(label.event_id, label.task): label for label in ordered}


def _with_texts(labels: Sequence[LabelSubmitted]) -> Iterator[LabelSubmitted]:
    """Labels with the text that another of the same event brought along; those of which nobody did count nothing."""
    known = {label.event_id: label for label in labels if label.text is not None}
    for label in labels:
        if label.text is not None:
            yield label
        elif (other := known.get(label.event_id)) is not None:
            yield msgspec.structs.replace(label, text=other.text, published_at=other.published_at, source=other.source)


def _texts(path: Path | None, part: str | None = None) -> list[tuple[None, str]]:
    if path is None:
        return []
    rows = read_file(path).rows
    return [(None, row.text) for row in rows if part is None or part_of(row.key) == part]
