"""`bellwether trainer run|status|runs`: the service that learns from labels, and what became of its runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from runtime import clock, one_line, settings
from trainer.service.rules import WATCH_S
from wire.topics import TRAINER_GROUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.pointer import Pointer
    from trainer.service.records import RunRecord
    from wire.events import LabelSubmitted

app = typer.Typer(help="The service that learns from labels.", no_args_is_help=True)

Bootstrap = Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")]
Group = Annotated[str, typer.Option(help="Consumer group: of its trainers one leads.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


@app.callback()
def root() -> None:
    """The service that learns from labels: one trainer leads, others stand by."""


@app.command()
def run(
    *,
    recipe: Annotated[
        str,
        typer.Option(help="What is learnt: a TOML file or a shipped name; `update` goes on from the champion."),
    ] = "update",
    base: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled file of what the champion knows: replayed, and its test part is the gate's old domain; "
            "repeat for several.",
            exists=True,
        ),
    ] = None,
    golden: Annotated[
        Path | None,
        typer.Option(help="Labelled file that only the gate sees; without it nothing promotes by itself.", exists=True),
    ] = None,
    rare: Annotated[
        Path | None, typer.Option(help="Labelled file of rare classes that only the gate sees.", exists=True)
    ] = None,
    limits: Annotated[Path | None, typer.Option(help="The gate's numbers as TOML.", exists=True)] = None,
    rules: Annotated[Path | None, typer.Option(help="When runs begin, as TOML.", exists=True)] = None,
    labels: Annotated[
        int | None, typer.Option(min=1, help="New labels that begin a run; the rules' by default, 1,000.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Processor threads of a run; 0 = all cores.")] = 0,
    shadow_s: Annotated[
        float,
        typer.Option(min=0, help="Seconds that a better version scores beside the champion before it serves; 0: none."),
    ] = 600.0,
    watch_s: Annotated[
        float, typer.Option(min=0, help="Seconds after which a new champion is no longer taken back by itself.")
    ] = WATCH_S,
    group: Group = TRAINER_GROUP,
    bootstrap: Bootstrap = None,
    http_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of /metrics; 0 takes a free one.")
    ] = None,
    port_file: Annotated[Path | None, typer.Option(help="File that receives the port taken.")] = None,
) -> None:
    """Store labels as they come, train when a trigger says so, judge, and promote what is better, until told to stop.

    Any number may run; the broker lets one lead, and another takes over when it is gone. SIGTERM ends the run's
    process; whoever leads next goes on from its checkpoint on this machine, or starts over on another.

    Example: `bellwether trainer run --base known.jsonl.gz --golden golden.jsonl --labels 500`
    """
    import socket

    from bellwether.cli.trainer_service import Chosen, serve
    from runtime import log

    where = settings.load(bootstrap=bootstrap, http_port=http_port, port_file=port_file)
    log.configure(where.log_level)
    who = f"trainer@{socket.gethostname()}"
    chosen = Chosen(recipe, tuple(base or ()), golden, rare, limits, rules, labels, seed, threads, shadow_s, watch_s)
    serve(where, chosen, group, who, announce=announced, submit=submitted)


@app.command()
def status(group: Group = TRAINER_GROUP, bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Show who leads, how many labels wait for it, and what became of the last run.

    Example: `bellwether trainer status --json`
    """
    from models import pointer
    from models.store import open_store
    from trainer.service import records
    from trainer.service.group import look
    from trainer.service.promotion import next_step

    where = settings.load(bootstrap=bootstrap)
    store = open_store(where.store_url)
    found, last, moves = look(where.bootstrap, group), records.last(store), pointer.moves(store)
    step = next_step(last, moves, clock.now()).why if last else "no run yet"
    waiting = found.end - (found.committed or 0)
    if as_json:
        told = {
            "leader": found.leader, "members": found.members, "labels_end": found.end, "labels_waiting": waiting,
            "champion": moves[-1].pointer.champion if moves else None, "next": step,
            "last_run": msgspec.to_builtins(last),
        }  # fmt: skip
        typer.echo(json.dumps(told))
        return
    typer.echo(f"leads: {found.leader or 'nobody'}; {len(found.members)} in group {group}")
    typer.echo(f"labels: {found.end:,} records, {waiting:,} of them not stored yet")
    typer.echo(one_line.shown(_line(last) if last else "no run yet"))
    typer.echo(one_line.shown(f"now: {step}"))


@app.command()
def runs(as_json: Json = False) -> None:
    """Show every run: when, why, on how many labels, and the verdict with its reasons.

    Example: `bellwether trainer runs --json`
    """
    from models.store import open_store
    from trainer.service import records

    store = open_store(settings.load().store_url)
    found = records.every(store)
    if as_json:
        typer.echo(json.dumps({"store": store.url, "runs": msgspec.to_builtins(found)}))
        return
    if not found:
        typer.echo(f"no run in {store.url} yet; `bellwether trainer run` makes the first")
    for record in found:
        typer.echo(one_line.shown(_line(record)))


def announced(bootstrap: str, pointer: Pointer) -> None:
    """Tell the workers."""
    from bellwether.moves import announce

    announce(bootstrap, pointer)


def submitted(bootstrap: str, labels: Sequence[LabelSubmitted]) -> None:
    """Produce labels, all of them acknowledged.

    Raises:
        BrokerError: one was not.
    """
    from bellwether.labels.topic import submit
    from runtime.errors import BrokerError

    refused: list[Exception] = []
    submit(bootstrap, labels, lambda _, error: None if error is None else refused.append(error))
    if refused:
        raise BrokerError(f"{len(refused)} labels were not acknowledged: {refused[0]}; they are tried again")


def _line(record: RunRecord) -> str:
    judgement, took = record.judgement, sum(record.seconds.values())
    return (
        f"{record.number:>6}  {record.ended}  {judgement.verdict:<18} {record.version or '-'}  "
        f"{record.labels:,} labels, {took:.0f} s, because {record.why}: {'; '.join(judgement.reasons)}"
    )
