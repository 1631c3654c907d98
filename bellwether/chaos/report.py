"""The table of a run: for a terminal, for a script, and for docs/reliability.md. Pure but for writing the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from bellwether.chaos.judge import Row, broken
from runtime.errors import InputError

if TYPE_CHECKING:
    from bellwether.chaos.broken import Caught

ROWS = "rows"
BROKEN = "broken builds"
"""The tables of docs/reliability.md, as their marks name them."""

_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("scenario", lambda row: row.name),
    ("model", lambda row: row.model),
    ("events", lambda row: f"{row.events:,}"),
    ("lost", lambda row: str(row.lost)),
    ("phantom", lambda row: str(row.phantom)),
    ("both", lambda row: str(row.both)),
    ("repeats (most)", lambda row: f"{row.duplicates:,} ({row.duplicates_allowed:,})"),
    ("repeats read", lambda row: str(row.duplicates_read)),
    ("reordered", lambda row: str(row.reordered)),
    ("mixed", lambda row: str(row.mixed)),
    ("wrong", lambda row: str(row.wrong)),
    ("stuck", lambda row: str(row.stuck)),
    ("recovery s", lambda row: row.slowest),
    ("dead letters", lambda row: f"{row.dead:,}"),
    ("result", lambda row: "not run" if row.skipped else "passed" if row.passed else "**broken**"),
)


def as_json(rows: Sequence[Row], seed: int, *, is_complete: bool = True) -> str:
    """One object: `seed`, `scenarios` (one object a row) and `passed`, which a run that ended early did not."""
    found: list[dict[str, Any]] = msgspec.to_builtins(rows)
    return json.dumps({"seed": seed, "passed": is_complete and not broken(rows), "scenarios": found}, indent=1)


def as_table(rows: Sequence[Row], seed: int) -> Table:
    """For a terminal."""
    table = Table(title=f"seed {seed}", title_justify="left", box=None, pad_edge=False)
    for name, _ in _COLUMNS:
        table.add_column(name, justify="left" if name in ("scenario", "model", "result") else "right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def as_markdown(rows: Sequence[Row]) -> str:
    """For a document, with what each row does below its name."""
    names = ["what goes wrong", *(name for name, _ in _COLUMNS)]
    lines = ["| " + " | ".join(names) + " |", "| --- | --- | --- |" + " ---: |" * (len(names) - 3)]
    for row in rows:
        cells = [row.about, *_cells(row)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    skipped = [f"- not run: `{row.name}`: {row.skipped}" for row in rows if row.skipped is not None]
    return "\n".join([*lines, *(["", *skipped] if skipped else [])])


def caught_table(found: Sequence[Caught], seed: int) -> Table:
    """What the bookkeeper said of builds that are broken on purpose, for a terminal."""
    table = Table("broken build", "anomaly", "count", "result", title=f"seed {seed}", title_justify="left", box=None)
    for one in found:
        table.add_row(one.name, one.catches, str(one.count), "caught" if one.caught else "MISSED")
    return table


def caught_markdown(found: Sequence[Caught]) -> str:
    """The same for a document."""
    lines = ["| broken build | what is broken | anomaly | count | result |", "| --- | --- | --- | ---: | --- |"]
    for one in found:
        lines.append(
            f"| {one.name} | {one.about} | {one.catches} | {one.count} | {'caught' if one.caught else '**missed**'} |"
        )
    return "\n".join(lines)


def marks(table: str) -> tuple[str, str]:
    """What stands before and behind a table in a document."""
    return f"<!-- {table}: begin, written by `make chaos` -->", f"<!-- {table}: end -->"


def check(file: Path, table: str) -> None:
    """See to it that a document has a place for a table, before anything is run for it.

    Raises:
        InputError: the file has no such marks.
    """
    _around(file, table)


def write(file: Path, table: str, content: str, head: str) -> None:
    """Replace one table between its marks in a document.

    Args:
        file: the document.
        table: which of its tables.
        content: as Markdown.
        head: a line above it: when, on what, with which seed.

    Raises:
        InputError: the file has no such marks.
    """
    begin, end = marks(table)
    before, after = _around(file, table)
    file.write_text(f"{before}{begin}\n{head}\n\n{content}\n{end}{after}", encoding="utf-8")


def _around(file: Path, table: str) -> tuple[str, str]:
    begin, end = marks(table)
    try:
        before, rest = file.read_text(encoding="utf-8").split(begin, 1)
        _, after = rest.split(end, 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} has no table to replace: it needs the lines {begin!r} and {end!r}") from error
    return before, after


def _cells(row: Row) -> list[str]:
    if row.skipped is not None:
        return [row.name, row.model, *["" for _ in _COLUMNS[3:]], "not run"]
    return [cell(row) for _, cell in _COLUMNS]
