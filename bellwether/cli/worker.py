"""`bellwether worker`: scores what is published, until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import Settings


def worker(  # noqa: PLR0917 (typer calls by name)
    bootstrap: Annotated[str | None, typer.Option(help="Kafka's address, `host:port[,host:port]`.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="What serves: `champion` (as promoted), `accurate`, `fast`, a version or folder; `noop` for tests."
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Engine of the version; by default the best here.")] = None,
    threads: Annotated[int | None, typer.Option(min=0, help="Processor threads of the engine; 0 = all cores.")] = None,
    group: Annotated[str | None, typer.Option(help="Consumer group; two groups each score everything.")] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Run so many workers under a parent that starts them again when they end."),
    ] = None,
    http_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of /healthz, /readyz, /metrics; 0 takes a free one.")
    ] = None,
    port_file: Annotated[Path | None, typer.Option(help="File that receives the port taken.")] = None,
    accept_expired: Annotated[
        bool, typer.Option("--accept-expired", help="Go on although the log dropped inputs before they were read.")
    ] = False,
    accept_reset: Annotated[
        bool,
        typer.Option(
            "--accept-reset",
            help="Go on with another log than before: another cluster, or a topic that was made anew. Starts at its "
            "beginning where the group has no offset in it.",
        ),
    ] = False,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Score what is published: read, decode, clean, predict, write, and acknowledge only what the broker has.

    SIGTERM finishes the work in flight, commits and ends with 0 within 10 s. `/healthz`, `/readyz` and `/metrics`
    answer on loopback. Each option is also a setting, see `runtime/settings.py`.

    Exit codes beside 0, 1 and 2: 75 when Kafka does not answer and a later start may succeed (`--processes` keeps
    trying), 70 for a bug of ours. What was not acknowledged comes again.

    Example: `bellwether worker --processes 2 --http-port 9100`
    """
    from runtime import log, settings
    from streams.classify import processes as family

    flags = {
        "bootstrap": bootstrap,
        "model": model,
        "engine": engine,
        "threads": threads,
        "group": group,
        "http_port": http_port,
        "port_file": port_file,
    }
    chosen = settings.load(**flags)
    log.configure(chosen.log_level)
    consent = [
        flag for flag, given in (("--accept-expired", accept_expired), ("--accept-reset", accept_reset)) if given
    ]
    if processes is not None:
        shared = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items() if value is not None]
        commands = [family.command([*shared, *consent, *_own(chosen, number)]) for number in range(processes)]
        raise typer.Exit(family.Processes(commands).run())
    from streams.classify import line
    from streams.classify import worker as one

    if supervised:
        family.end_with_parent()
    sys.exit(one.run(chosen, line.Consent(expired=accept_expired, reset=accept_reset)))


def _own(chosen: Settings, number: int) -> list[str]:
    """A child's own port and port file: the first keeps what was asked for, the others count up."""
    port: int = chosen.http_port
    file: Path | None = chosen.port_file
    own = [f"--http-port={port + number if port else 0}"]
    if file is not None:
        own.append(f"--port-file={file if number == 0 else file.with_name(f'{file.name}.{number}')}")
    return own
