"""Which labels a run learns from, and which only its gate sees."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from runtime import clock, log
from trainer.dataset import part_of, read_file
from trainer.gate.evidence import GOLDEN, OLD, RARE
from trainer.labels.admission import admit
from trainer.labels.aside import Guard, apart, is_aside
from trainer.labels.effective import Subject
from trainer.labels.gold import questions
from trainer.labels.policy import Policy
from trainer.labels.recognised import recognised
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
        self._policy = policy
        self._now = now
        self._deciding = Guard()
        self._deciding.add(GOLDEN, _texts(place.golden))
        self._deciding.add(RARE, _texts(place.rare))
        self._deciding.add(OLD, [text for path in place.base for text in _texts(path, part="test")])
        self._known = frozenset(row.key for path in place.base for row in read_file(path, is_kept_from=is_aside).rows)

    def sort(self, labels: Iterable[LabelSubmitted]) -> Sorted:
        """All labels of the store, told apart; what is refused is counted by its reason."""
        everything, unknown = recognised(labels)
        admission = admit(everything, self._policy, questions(everything, self._policy), self._now())
        guard = copy.deepcopy(self._deciding)  # it learns what is set aside this time
        found = apart(admission.kept, guard, known=self._known)
        refused: Counter[str] = admission.refused + found.refused + unknown
        _log.info(
            "labels_sorted",
            learnt=len(found.learn),
            aside=len(found.aside),
            refused=dict(refused),
            quarantined=dict(admission.quarantined),
        )
        return Sorted(
            kept={subject: one.label for subject, one in found.learn.items()},
            aside={subject: one.label for subject, one in found.aside.items()},
            weights={subject: one.weight for subject, one in found.learn.items()},
        )

    def believed(self, labels: Iterable[LabelSubmitted]) -> list[LabelSubmitted]:
        """The labels that are not refused, with what the same labeller said before, for measures of the field.

        What was said first tells which version's answer was seen, and how the event was chosen.
        """
        everything, _ = recognised(labels)
        until = admit(everything, self._policy, questions(everything, self._policy), self._now()).words
        own = ((label, until.get((Subject(label.event_id, label.task), label.labeller))) for label in everything)
        return [label for label, last in own if last is not None and label.labelled_at <= last]


def _texts(path: Path | None, part: str | None = None) -> list[tuple[None, str]]:
    if path is None:
        return []
    rows = read_file(path).rows
    return [(None, row.text) for row in rows if part is None or part_of(row.key) == part]
