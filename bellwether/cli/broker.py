"""`bellwether broker`: a real Kafka on this machine, without Java or Docker installed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from runtime import settings

DEFAULT_PORT = 9092
"""Kafka's usual port, so that other tools find the broker without being told."""

app = typer.Typer(
    help="A real Apache Kafka on this machine: start, stop, status. Needs no Java and no Docker.",
    no_args_is_help=True,
)

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="Data, logs and settings of the broker; a second folder is a second broker. "
        "Default: this user's data folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


def default_folder() -> Path:
    """Where the user's own broker lives."""
    return settings.load().home / "broker"


@app.callback()
def broker() -> None:
    """A real Apache Kafka on this machine: start, stop, status. Needs no Java and no Docker."""


@app.command()
def start(
    folder: FolderOption = None,
    nodes: Annotated[int, typer.Option(help="1, or 3 for replicated topics; fixed at the folder's first start.")] = 1,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="Of the first node (others take the next ones); 0 takes free ports. "
            f"Default: the port it had before, at first {DEFAULT_PORT}.",
            show_default=False,
        ),
    ] = None,
    wait_s: Annotated[
        float, typer.Option(min=1, help="Seconds it may take to answer (without the first download).")
    ] = 120.0,
    as_json: JsonOption = False,
) -> None:
    """Start the broker and return when it really answers; it goes on running after this command.

    The first start fetches 43 MB of Kafka's jars, each checked by its digest. Data survives stop, start and kill -9.

    Example: `bellwether broker start --nodes 3 --port 0 --json`
    """
    from bellwether.broker import blueprint, cluster

    where = (folder or default_folder()).absolute()
    if port is None:
        known = blueprint.read(where)
        port = (known.nodes[0].client_port if known else 0) or DEFAULT_PORT
    began = time.monotonic()
    with _progress() as announce:
        running = cluster.start(where, nodes=nodes, port=port, wait_s=wait_s, announce=announce)
    if as_json:
        facts = {"bootstrap": running.bootstrap, "folder": str(running.folder), "nodes": running.nodes}
        typer.echo(json.dumps(facts | {"pids": running.pids, "seconds": round(time.monotonic() - began, 2)}))
        return
    typer.echo(f"Kafka answers at {running.bootstrap} after {time.monotonic() - began:.1f} s; data in {running.folder}")
    typer.echo("next: `bellwether topics create`; end it with `bellwether broker stop`")


@app.command()
def stop(
    folder: FolderOption = None,
    wait_s: Annotated[
        float, typer.Option(min=0, help="Seconds it may take to stop by itself; then it is killed. Its data survives.")
    ] = 30.0,
) -> None:
    """Stop the broker; its data stays for the next start.

    Example: `bellwether broker stop --folder ./kafka`
    """
    from bellwether.broker import cluster

    where = folder or default_folder()
    cluster.stop(where, wait_s=wait_s)
    typer.echo(f"the broker in {where} does not run; its data stays there", err=True)


@app.command()
def status(folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """Say whether the broker runs and answers: exit code 0 when it does, else 1.

    Example: `bellwether broker status --json`
    """
    from bellwether.broker import cluster

    found = cluster.status(folder or default_folder())
    if as_json:
        facts = {"bootstrap": found.bootstrap, "folder": str(found.folder), "nodes": found.nodes}
        typer.echo(json.dumps(facts | {"pids": found.pids, "answers": found.answers}))
    elif found.bootstrap is None:
        typer.echo(f"no broker in {found.folder}; make one with `bellwether broker start`")
    else:
        pids = ", ".join(map(str, found.pids)) or "none"
        state = "answers" if found.answers else "does not answer"
        typer.echo(
            f"Kafka at {found.bootstrap} {state}; {len(found.pids)} of {found.nodes} nodes run (process ids: {pids}); "
            f"data in {found.folder}, log {found.log}"
        )
    raise typer.Exit(0 if found.answers else 1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    # On stderr: stdout belongs to the result. Off a terminal a spinner would only be noise.
    if not sys.stderr.isatty():
        yield lambda sentence: typer.echo(sentence, err=True)
        return
    from rich.console import Console

    with Console(stderr=True).status("looking at the broker's folder") as spinner:
        yield spinner.update
