"""A run's folder on the trainer's machine: its order, what is learnt from, and how far its process has come.

Texts lie in it, so it goes as soon as the run is over: an erased text must not be found here.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from runtime import whole_file
from runtime.errors import InputError
from trainer.labels.effective import Subject
from trainer.service.records import Judgement
from wire.events import LabelSubmitted

_ORDER, _FOUND = "order.json", "found.json"

_T = TypeVar("_T")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to do; the fields that a record has too mean the same there.

    Attributes:
        given: see `trainer.service.rules.Recipe`.
        may_be_same: the verdict `same` is enough to promote: the champion is old.
    """

    number: int
    why: str
    may_be_same: bool
    began: str
    position: int
    labels: int
    data: str
    recipe: str
    parent: str | None
    generation: int
    seed: int
    seconds: dict[str, float]
    given: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run's process has come.

    Attributes:
        trained: the training result is whole.
        version: that was built.
        failures: how often the process ended without a result.
        error: why it did last, where it could say so.
        will_pass: that is nothing that trying again later cannot mend, as a store that does not answer.
        seconds: of each phase that is done.
    """

    trained: bool = False
    version: str | None = None
    judgement: Judgement | None = None
    failures: int = 0
    error: str = ""
    will_pass: bool = False
    seconds: dict[str, float] = {}


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def number(self) -> int:
        """Of the run."""
        return int(self.path.name)

    @property
    def kept(self) -> Path:
        """Labels to learn from, JSON Lines: `text`, a field of the task's name and `weight`, a line for each label."""
        return self.path / "labels.jsonl"

    @property
    def aside(self) -> Path:
        """Labels that nothing is trained on, JSON Lines: as they were submitted."""
        return self.path / "aside.jsonl"

    @property
    def base(self) -> Path:
        """The folder of base files of which not all is learnt."""
        return self.path / "base"

    @property
    def trained(self) -> Path:
        """The folder of the training result."""
        return self.path / "trained"

    @property
    def lock(self) -> Path:
        """Held by the one process that works here."""
        return self.path / "lock"

    def write_order(self, order: Order) -> None:
        """From here on the run exists on this machine."""
        whole_file.write(self.path / _ORDER, msgspec.json.encode(order))

    def order(self) -> Order | None:
        """None where the run was not collected whole."""
        return _read(self.path / _ORDER, Order)

    def write_found(self, found: Found) -> None:
        """See `Found`."""
        whole_file.write(self.path / _FOUND, msgspec.json.encode(found))

    def found(self) -> Found:
        """See `Found`."""
        return _read(self.path / _FOUND, Found) or Found()

    def collect(
        self,
        kept: Iterable[tuple[Subject, LabelSubmitted]],
        aside: Iterable[LabelSubmitted],
        base: Sequence[Path],
        weights: Mapping[Subject, float] = MappingProxyType({}),
    ) -> tuple[str, int]:
        """Write what is learnt from.

        Args:
            kept: effective labels to learn from.
            aside: those that only the gate sees.
            base: labelled files that are learnt from again; they stay where they are.
            weights: what labels count; 1 for who is not named.

        Returns:
            the SHA-256 of all that is learnt from, and how many labels that are.

        Raises:
            InputError: a file of `base` cannot be read.
        """
        rows = {
            subject: {**_about(label), subject.task: label.label, "weight": weights.get(subject, 1.0)}
            for subject, label in kept
        }
        lines = [msgspec.json.encode(row, order="sorted") + b"\n" for _, row in sorted(rows.items())]
        whole_file.write(self.kept, b"".join(lines))
        whole_file.write(self.aside, b"".join(sorted(msgspec.json.encode(label) + b"\n" for label in aside)))
        return digest_of([self.kept, *base]), len(rows)

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.path, ignore_errors=True)


def folders(state: Path) -> list[RunFolder]:
    """The runs that lie in a trainer's folder, by number."""
    return [RunFolder(path) for path in sorted(state.glob("runs/[0-9]*"))]


def folder_of(state: Path, number: int) -> RunFolder:
    """The folder of a run, made where it is not there."""
    path = state / "runs" / f"{number:06d}"
    path.mkdir(parents=True, exist_ok=True)
    return RunFolder(path)


def _about(label: LabelSubmitted) -> dict[str, Any]:
    """The text of a label's event, its domain and its age."""
    about: dict[str, Any] = {"text": label.text or ""}
    if label.source:
        about["source"] = label.source
    if label.published_at is not None:
        about["published_at"] = label.published_at.isoformat()
    return about


def digest_of(files: Sequence[Path]) -> str:
    """SHA-256 of files, the first one and the others in any order.

    Raises:
        InputError: one cannot be read.
    """
    digests = []
    for path in files:
        try:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}; name labelled files that are there") from error
    return hashlib.sha256("\n".join([*digests[:1], *sorted(digests[1:])]).encode()).hexdigest()


def _read(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
