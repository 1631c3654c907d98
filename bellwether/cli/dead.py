"""`bellwether dead list|show|requeue`: what could not be scored, why, and once more."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from bellwether.cli.console import tables
from runtime import log, settings
from runtime.errors import InputError
from streams.dead import letters, requeue
from streams.dead.letter import Letter
from streams.dead.preview import preview, printable
from streams.dead.reader import LogReader, open_log
from wire.topics import DEAD, PUBLISHED

app = typer.Typer(
    name="dead",
    help="Look at the inputs that could not be scored, and send them once more.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_AT_ONCE = 100
"""Letters held in memory at once: 200 MiB if every one is as large as the topic allows."""
_SHOWN_OF_EXCEPTION = 200
"""Characters in the table; `dead show` has them all."""

Bootstrap = Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")]


@app.callback()
def root() -> None:
    """Look at the inputs that could not be scored, and send them once more."""


@app.command("list")
def list_(
    *,
    bootstrap: Bootstrap = None,
    reason: Annotated[str | None, typer.Option(help="Only letters of this reason, e.g. `invalid_json`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and nothing else.")] = False,
) -> None:
    """List the dead letters: place, reason, stage, exception, time and attempt.

    Example: `bellwether dead list --reason invalid_json --json`
    """
    with _open(bootstrap) as log_:
        if as_json:
            for letter in letters.every(log_, reason):
                sys.stdout.write(msgspec.json.encode(letter.as_json()).decode() + "\n")
            return
        table = _table(letters.every(log_, reason))
    console = tables()
    console.print(table if table.row_count else "no dead letters" + (f" of reason {reason}" if reason else ""))


@app.command()
def show(
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0)],
    *,
    bootstrap: Bootstrap = None,
    raw: Annotated[Path | None, typer.Option(help="File that receives the value, byte for byte.")] = None,
) -> None:
    """Show one letter: its headers, and its value as text or as a dump.

    Example: `bellwether dead show 3 1742 --raw letter.bin`
    """
    with _open(bootstrap) as log_:
        letter = letters.at(log_, partition, offset)
    sys.stdout.write(f"letter {partition}:{offset} of {DEAD.name}, {letter.time.isoformat()}\n")
    sys.stdout.write(f"key: {preview(letter.key)}\n")
    for name, content in letter.headers:
        sys.stdout.write(f"{printable(name)}: {preview(content)}\n")
    sys.stdout.write(f"\n{preview(letter.value)}\n")
    if raw is not None:
        try:
            raw.write_bytes(letter.value or b"")
        except OSError as error:
            raise InputError(f"--raw {raw}: {error.strerror}; name a file that can be written") from error


@app.command("requeue")
def requeue_(
    places: Annotated[list[str] | None, typer.Argument(metavar="PARTITION:OFFSET…")] = None,
    *,
    bootstrap: Bootstrap = None,
    reason: Annotated[str | None, typer.Option(help="With --all: only letters of this reason.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every letter (of --reason, where given).")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Also letters older than the published topic reaches back.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end and nothing else.")] = False,
) -> None:
    """Send letters once more as new inputs: same event id, one more attempt; no input is requeued twice.

    Example: `bellwether dead requeue --reason timeout --all --yes`
    """
    if bool(places) == all_ or (reason is not None and not all_):
        raise InputError("name letters as PARTITION:OFFSET, or say --all, or --all with --reason; exactly one of them")
    address = settings.load(bootstrap=bootstrap).bootstrap
    wanted = [letters.parse_place(place) for place in places or []]
    with _open(bootstrap) as log_:
        # Places, not letters: a topic full of letters of 1 MiB does not fit into memory.
        wanted = wanted or [(letter.partition, letter.offset) for letter in letters.every(log_, reason)]
        if wanted and not yes:
            typer.confirm(f"send {len(wanted):,} letters to {PUBLISHED.name} once more?", abort=True, err=True)
        requeued = refused = 0
        for start in range(0, len(wanted), _AT_ONCE):
            some = [letters.at(log_, *place) for place in wanted[start : start + _AT_ONCE]]
            outcome = requeue.requeue(address, some, may_be_unproven=unproven)
            requeued, refused = requeued + len(outcome.requeued), refused + len(outcome.refused)
            _tell(outcome, as_json)
    if as_json:
        sys.stdout.write(msgspec.json.encode({"requeued": requeued, "refused": refused}).decode() + "\n")
    else:
        sys.stdout.write(f"requeued {requeued:,}, not requeued {refused:,}\n")
    if places and refused:
        raise typer.Exit(1)


def _tell(outcome: requeue.Outcome, as_json: bool) -> None:
    for error in outcome.refused:
        sys.stderr.write(f"not requeued: {error}\n")
    for item, offset in () if as_json else outcome.requeued:
        letter = item.letter
        sys.stdout.write(f"{letter.partition}:{letter.offset} -> {PUBLISHED.name}:{item.partition}:{offset}\n")


@contextmanager
def _open(bootstrap: str | None) -> Iterator[LogReader]:
    configured = settings.load(bootstrap=bootstrap)
    log.configure(configured.log_level)
    if configured.log_level != "DEBUG":
        # The client reports each try to connect on several lines; what a person needs is in our own errors.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
    with open_log(configured.bootstrap, DEAD.name) as log_:
        yield log_


def _table(found: Iterable[Letter]) -> Table:
    table = Table()
    for column in ("partition", "offset", "reason", "stage", "exception", "time", "attempt"):
        is_long = column == "exception"
        table.add_column(
            column, no_wrap=column in ("partition", "offset"), overflow="fold", min_width=30 if is_long else None
        )
    for letter in found:
        said = letter.said
        table.add_row(
            str(letter.partition),
            str(letter.offset),
            escape(printable(letter.reason)),
            escape(printable(said.stage)) if said else "",
            escape(printable((said.exception if said else letter.fault)[:_SHOWN_OF_EXCEPTION])),
            f"{letter.time:%Y-%m-%d %H:%M:%S}",
            str(said.attempt) if said else "",
        )
    table.caption = f"{table.row_count:,} letters; `bellwether dead show PARTITION OFFSET` tells all of one"
    return table
