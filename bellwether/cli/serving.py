"""Who serves what, and who is tried beside: `bellwether models served` and `challenge`."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from runtime import clock, settings
from runtime.errors import InputError

if TYPE_CHECKING:
    from bellwether.moves import Seen

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


class Mode(StrEnum):
    """What a challenger does."""

    shadow = "shadow"
    canary = "canary"


def register(app: typer.Typer) -> None:
    """Add the commands to `bellwether models`."""
    for command in (served, challenge):
        app.command()(command)


def served(
    bootstrap: Annotated[
        str | None, typer.Option(help="Kafka's address; BELLWETHER_BOOTSTRAP otherwise.", show_default=False)
    ] = None,
    silent: Annotated[bool, typer.Option("--silent", help="Show workers too that have been silent for long.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which worker serves which version since when, and what it refused.

    Workers say it on a topic whenever it changes, and twice a minute. One that said nothing for 90 seconds was killed
    or cannot reach the broker; it is left out without --silent.

    Example: `bellwether models served --json`
    """
    from bellwether import moves

    where = settings.load(bootstrap=bootstrap)
    now = clock.now()
    seen = [one for one in moves.served(where.bootstrap, now) if silent or not one.is_silent]
    if as_json:
        typer.echo(json.dumps({"workers": [_plain(one) for one in seen]}))
    elif not seen:
        typer.echo(f"no worker at {where.bootstrap} says that it serves; start one with `bellwether worker`")
    else:
        _table(seen, now)


def challenge(
    version: Annotated[
        str | None,
        typer.Argument(help="Alias or version name; it is published where it is not yet.", show_default=False),
    ] = None,
    *,
    why: Annotated[str, typer.Option(help="The reason, for those who read the log later.")] = "",
    mode: Annotated[
        Mode, typer.Option(help="shadow: scores beside, for nobody's eyes. canary: serves some of the keys.")
    ] = Mode.shadow,
    share: Annotated[
        float,
        typer.Option(help="Of the time that a shadow's engine may work, or of the keys that a canary serves; 0 to 1."),
    ] = 0.1,
    end: Annotated[bool, typer.Option("--end", help="Try no version any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try a version beside the champion, on the same events.

    A shadow's scores go to news.article.shadowed.v1. A canary really serves: choose it for a version that a shadow has
    shown to be sound.

    Example: `bellwether models challenge v-0123456789 --mode canary --share 0.05 --why "a week as a shadow"`
    """
    from bellwether.cli import registry
    from models import pointer
    from models.pointer import Pointer, Policy

    if end == (version is not None):
        raise InputError("name a version to try, or say --end to try none any more")

    def change(now: Pointer, name: str) -> Pointer:
        return pointer.unchallenged(now) if end else pointer.challenged(now, name, Policy(mode.value, share))

    registry.moved(version, change, "challenge", why, as_json)


def _plain(seen: Seen) -> dict[str, object]:
    return {**msgspec.to_builtins(seen.served), "seen": seen.at.isoformat(), "silent": seen.is_silent}


def _table(seen: list[Seen], now: datetime) -> None:
    from rich.table import Table

    from bellwether.cli.console import tables

    table = Table()
    for name in ("worker", "version", "engine", "since", "generation", "ready", "challenger", "refused", "last heard"):
        table.add_column(name)
    for one in seen:
        said = one.served
        refused = "; ".join(f"{found.version}: {found.reason}" for found in said.refused)
        heard = f"{(now - one.at).total_seconds():.0f} s ago"
        since = said.since.isoformat(timespec="seconds")
        table.add_row(
            said.worker, said.version, said.engine, since, str(said.generation or "-"), said.ready or "-",
            said.challenger or "-", refused or "-", f"[red]{heard}[/red]" if one.is_silent else heard,
        )  # fmt: skip
    tables().print(table)
