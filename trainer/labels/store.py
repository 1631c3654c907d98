"""The label store: all labels of the topic in one SQLite file, with the place up to which it was read.

The topic alone rebuilds it: a lost file costs a reading from the beginning, and nothing in it is not in the topic.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

from runtime import clock
from runtime.errors import InputError
from trainer.labels.effective import effective
from wire import codec, labels
from wire.events import LabelSubmitted

FORMAT = 4
"""Of the file, in its `user_version`."""

_TABLES = (
    "CREATE TABLE label (key BLOB PRIMARY KEY, event_id TEXT NOT NULL, task TEXT NOT NULL, labelled_at_us INTEGER "
    "NOT NULL, has_text INTEGER NOT NULL, first_offset INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX label_subject ON label (event_id, task, labelled_at_us)",  # asked for each new label
    "CREATE INDEX label_order ON label (has_text, first_offset, event_id, task)",  # asked at each turn of the trainer
    "CREATE TABLE place (topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL, read_at TEXT NOT NULL) WITHOUT ROWID",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(msgspec.Struct, frozen=True):
    """A record of the topic.

    Attributes:
        offset: its place; there is one partition.
        key: as written; what it erases where there is no label.
        label: None for a tombstone.
    """

    offset: int
    key: bytes
    label: LabelSubmitted | None


class Unreadable(msgspec.Struct, frozen=True):
    """A record of the topic that is no label of ours, and why: it changes no label, and stays where it is."""

    offset: int
    problem: str


def entry_of(offset: int, key: bytes | None, value: bytes | None) -> Entry | Unreadable:
    """The entry of a record as the topic has it."""
    if value is None:
        return Entry(offset, key or b"", None)
    try:
        label = _decoded(value)
    except codec.UNDECODABLE as error:
        return Unreadable(offset, str(error))
    return Entry(offset, key or labels.key(label), label)


@dataclass
class Counts:
    """What became of the entries of one call.

    Attributes:
        new: labels that were not there.
        repeated: the same label again, word for word.
        replaced: another label under a key that was there: the same labeller, at the same instant, said two things.
        joined: parked labels that came again with their text, see `trainer.labels.unpark`.
        late: new ones for a subject that has a label of a later time.
        contradicting: new ones that say otherwise than the label that counted before.
        parked: new ones without a text.
        erased: labels that a tombstone took away.
        unreadable: records that are no labels.
    """

    new: int = 0
    repeated: int = 0
    replaced: int = 0
    joined: int = 0
    late: int = 0
    contradicting: int = 0
    parked: int = 0
    erased: int = 0
    unreadable: int = 0


@dataclass
class LabelStore:
    """One file; `with` closes it.

    Args:
        path: of the file, made where it is not there.
        ranks: of labellers, see `effective`.
        now: the wall clock.

    Raises:
        InputError: the file is none of ours, or of another release.
    """

    path: Path
    ranks: Mapping[str, int] = field(default_factory=dict)
    now: clock.Now = clock.now

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._base = sqlite3.connect(self.path, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")  # offsets are committed after this file has the labels
            self._base.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
            self._prepare()
            self._overwrite()  # what a process before could not, or was killed before it did
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{self.path} is no label store: {error}; move it away, and the topic rebuilds it"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def next_offset(self, topic: str) -> int:
        """Where to go on reading; 0 at the beginning."""
        row = self._base.execute("SELECT next_offset FROM place WHERE topic = ?", (topic,)).fetchone()
        return int(row[0]) if row else 0

    def read_at(self, topic: str) -> datetime | None:
        """When records of the topic were taken over last; None where none were."""
        row = self._base.execute("SELECT read_at FROM place WHERE topic = ?", (topic,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def apply(self, topic: str, entries: Iterable[Entry | Unreadable]) -> Counts:
        """Take over records and their place, all or nothing; what is behind the place already is taken once more.

        What is erased is overwritten before this returns; where another process reads the file, at the next call or
        opening that finds it unread.

        Args:
            topic: where they were read.
            entries: in the order of their offsets; none where all was read and nothing has come.
        """
        counts = Counts()
        with self._transaction():
            last = -1
            for entry in entries:
                last = entry.offset
                if isinstance(entry, Unreadable):
                    counts.unreadable += 1
                elif entry.label is None:
                    self._erase(entry.key, counts)
                else:
                    self._take(entry, entry.label, counts)
            self._base.execute(
                "INSERT INTO place VALUES (?1, ?2, ?3) ON CONFLICT (topic) DO UPDATE "
                "SET next_offset = max(next_offset, ?2), read_at = ?3",
                (topic, last + 1, self.now().isoformat()),
            )
        if counts.erased or not self._is_overwritten:
            self._overwrite()
        return counts

    def labels(self, *, event_id: str | None = None) -> Iterator[LabelSubmitted]:
        """All labels, or those of one event, by key."""
        where, given = ("WHERE event_id = ?", (event_id,)) if event_id is not None else ("", ())
        for (value,) in self._base.execute(f"SELECT value FROM label {where} ORDER BY key", given):
            yield _decoded(value)

    def count_since(self, offset: int) -> int:
        """Of how many events and tasks a label with a text was said at this offset of the topic or later.

        However many people say it: five on 200 texts teach 200 things.
        """
        own = "SELECT DISTINCT event_id, task FROM label WHERE has_text = 1 AND first_offset >= ?"
        return int(self._base.execute(f"SELECT count(*) FROM ({own})", (offset,)).fetchone()[0])

    def parked(self) -> list[str]:
        """Ids of events that are labelled and have no text yet."""
        return [row[0] for row in self._base.execute("SELECT DISTINCT event_id FROM label WHERE has_text = 0")]

    def erase(self, event_id: str) -> int:
        """Remove all labels of an event, and their texts from the file; returns how many there were.

        What the topic still holds of it comes back when it is read from the beginning: erase it there first.

        Raises:
            InputError: another process uses the file, so that labels cannot be removed or overwritten now.
        """
        again = "do it again when the process that uses it has ended or waits"
        try:
            with self._transaction():
                erased = self._base.execute("DELETE FROM label WHERE event_id = ?", (event_id,)).rowcount
        except sqlite3.OperationalError as error:
            raise InputError(f"{self.path}: labels of {event_id!r} stay in it: {error}; {again}") from error
        if not self._overwrite():
            raise InputError(f"{self.path}: {erased} labels were erased, and their old bytes not overwritten; {again}")
        return erased

    def _overwrite(self) -> bool:
        """Until then the write-ahead log, and pages that nobody uses any more, hold what was erased."""
        self._is_overwritten = False
        (is_busy, *_) = self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._is_overwritten = not is_busy
        return self._is_overwritten

    def _take(self, entry: Entry, label: LabelSubmitted, counts: Counts) -> None:
        value = msgspec.json.encode(label)
        before = self._base.execute("SELECT value, first_offset FROM label WHERE key = ?", (entry.key,)).fetchone()
        first = entry.offset
        if before is None:
            self._count_new(label, counts)
        else:
            first = before[1] if before[0] == value else first
            _count_again(_decoded(before[0]), label, counts)
        self._base.execute(
            "INSERT OR REPLACE INTO label VALUES (?, ?, ?, ?, ?, ?, ?)",
            (entry.key, label.event_id, label.task, _microseconds(label), label.text is not None, first, value),
        )
        if label.text is not None:
            self._unpark(label)

    def _unpark(self, label: LabelSubmitted) -> None:
        """A label that came complete is parked no more, under whatever key it came without its text."""
        asked = "SELECT key, value FROM label WHERE event_id = ? AND task = ? AND labelled_at_us = ? AND has_text = 0"
        rows = self._base.execute(asked, (label.event_id, label.task, _microseconds(label))).fetchall()
        gone = [(key,) for key, value in rows if _decoded(value).labeller == label.labeller]
        self._base.executemany("DELETE FROM label WHERE key = ?", gone)

    def _count_new(self, label: LabelSubmitted, counts: Counts) -> None:
        counts.new += 1
        counts.parked += label.text is None
        own, subject = "FROM label WHERE event_id = ? AND task = ?", (label.event_id, label.task)
        (last,) = self._base.execute(f"SELECT max(labelled_at_us) {own}", subject).fetchone()
        if last is None:
            return
        counts.late += last > _microseconds(label)
        rows = self._base.execute(f"SELECT value {own} AND labelled_at_us = ?", (*subject, last))
        (counted,) = effective((_decoded(value) for (value,) in rows), self.ranks).values()
        counts.contradicting += counted.label != label.label

    def _erase(self, key: bytes, counts: Counts) -> None:
        counts.erased += self._base.execute("DELETE FROM label WHERE key = ?", (key,)).rowcount

    def _prepare(self) -> None:
        found = self._base.execute("PRAGMA user_version").fetchone()[0]
        if found == FORMAT:
            return
        if found or self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise InputError(
                f"{self.path} is a database of format {found}, this release reads {FORMAT}; move it away, and the "
                "topic rebuilds it"
            )
        with self._transaction():
            for table in _TABLES:
                self._base.execute(table)
            self._base.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with closing(self._base.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")


def _count_again(before: LabelSubmitted, label: LabelSubmitted, counts: Counts) -> None:
    if before == label:
        counts.repeated += 1
    elif before.text is None and label.text is not None and before.label == label.label:
        counts.joined += 1
    else:
        counts.replaced += 1


def _microseconds(label: LabelSubmitted) -> int:
    return (label.labelled_at - _EPOCH) // timedelta(microseconds=1)


def _decoded(value: bytes) -> LabelSubmitted:
    return msgspec.json.decode(value, type=LabelSubmitted)
