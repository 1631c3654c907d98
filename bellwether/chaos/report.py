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


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _repeats(row: Row) -> str:
    return "–" if row.duplicates is None else f"{row.duplicates:,} ({_number(row.duplicates_allowed)})"


_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("scenario", lambda row: row.name),
    ("model", lambda row: row.model),
    ("events", lambda row: f"{row.events:,}"),
    ("lost", lambda row: _number(row.lost)),
    ("phantom", lambda row: _number(row.phantom)),
    ("both", lambda row: _number(row.both)),
    ("repeats (most)", _repeats),
    ("repeats read", lambda row: _number(row.duplicates_read)),
    ("reordered", lambda row: _number(row.reordered)),
    ("mixed", lambda row: _number(row.mixed)),
    ("wrong", lambda row: _number(row.wrong)),
    ("stuck", lambda row: _number(row.stuck)),
    ("recovery s", lambda row: row.slowest),
    ("dead letters", lambda row: _number(row.dead)),
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
        table.add_row(one.name, one.catches, str(one.count), one.result)
    return table


def caught_markdown(found: Sequence[Caught]) -> str:
    """The same for a document."""
    lines = ["| broken build | what is broken | anomaly | count | result |", "| --- | --- | --- | ---: | --- |"]
    for one in found:
        result = one.result if one.caught else f"**{one.result.lower()}**"
        lines.append(f"| {one.name} | {one.about} | {one.catches} | {one.count} | {result} |")
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


def update(file: Path, rows: Sequence[Row], head: str) -> None:
    """Replace single rows of the table of rows, and say so; a row that it does not have comes last.

    Args:
        file: the document.
        rows: of a run of some scenarios.
        head: when, on what, with which seed.

    Raises:
        InputError: the file has no such marks.
    """
    begin, end = marks(ROWS)
    before, after = _around(file, ROWS)
    current = file.read_text(encoding="utf-8")[len(before) + len(begin) : -len(after) - len(end)].strip().splitlines()
    at = next((number for number, line in enumerate(current) if line.startswith("|")), None)
    if at is None:
        write(file, ROWS, as_markdown(rows), head)
        return
    fresh = {_name(line): line for line in as_markdown(rows).splitlines() if _name(line) in {row.name for row in rows}}
    table = [fresh.pop(_name(line), line) for line in current[at:]]
    last = max(number for number, line in enumerate(table) if line.startswith("|"))
    table[last + 1 : last + 1] = fresh.values()
    told = [*current[:at], f"Run anew: {', '.join(row.name for row in rows)}: {head}", ""]
    file.write_text("\n".join([before + begin, *told, *table, end]) + after, encoding="utf-8")


def _name(line: str) -> str:
    """The scenario that a line of the table is about."""
    cells = line.split(" | ")
    return cells[1] if line.startswith("|") and len(cells) > 1 else ""


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
