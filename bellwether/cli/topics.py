"""`bellwether topics`: the topics as code, on any cluster."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bellwether.cli.console import tables
from runtime import settings

if TYPE_CHECKING:
    from bellwether.topic_differences import Difference

app = typer.Typer(
    help="The topics as code: plan shows what differs, create does it, check fails on any difference.",
    no_args_is_help=True,
)

BootstrapOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        help="Kafka's address, host:port[,host:port]. Default: BELLWETHER_BOOTSTRAP, else 127.0.0.1:9092.",
        show_default=False,
    ),
]
PartitionsOption = Annotated[
    int | None,
    typer.Option(
        "--partitions",
        min=1,
        help="Of the topics that share one number; fixed at creation, it bounds how many workers share the load. "
        "Default: what exists, else 12.",
        show_default=False,
    ),
]
ReplicasOption = Annotated[
    int | None,
    typer.Option(
        "--replicas",
        min=1,
        help="Copies of each record; with 3, one broker may be lost. Default: what exists, else 3 or one per broker.",
        show_default=False,
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option("--group", help="Consumer group of the workers. Default: BELLWETHER_GROUP.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


@app.callback()
def topics() -> None:
    """The topics as code: plan shows what differs, create does it, check fails on any difference."""


@app.command()
def plan(
    bootstrap: BootstrapOption = None,
    partitions: PartitionsOption = None,
    replicas: ReplicasOption = None,
    group: GroupOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what `create` would do, and what it cannot; changes nothing.

    Example: `bellwether topics plan --bootstrap kafka:9092 --replicas 3`
    """
    where, found = _differences(bootstrap, partitions, replicas, group)
    _show(where, found, as_json, title="to do")


@app.command()
def create(
    bootstrap: BootstrapOption = None,
    partitions: PartitionsOption = None,
    replicas: ReplicasOption = None,
    group: GroupOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create missing topics, set differing settings, commit the start for the workers' group; repeatable.

    Existing numbers of partitions and replicas, and offsets that a group has, are never changed.

    Example: `bellwether topics create --partitions 12`
    """
    from bellwether import topics as existing

    chosen = settings.load(bootstrap=bootstrap, group=group)
    found = existing.create(chosen.bootstrap, partitions=partitions, replicas=replicas, group=chosen.group)
    _show(chosen.bootstrap, [one for one in found if one.is_curable], as_json, title="done")
    left = [one for one in found if not one.is_curable]
    for one in left:
        typer.echo(f"still differs: {one}", err=True)
    raise typer.Exit(1 if left else 0)


@app.command()
def check(
    bootstrap: BootstrapOption = None,
    partitions: PartitionsOption = None,
    replicas: ReplicasOption = None,
    group: GroupOption = None,
    as_json: JsonOption = False,
) -> None:
    """Exit with 1 when anything differs, each with its cure; changes nothing.

    Example: `bellwether topics check && bellwether worker`
    """
    where, found = _differences(bootstrap, partitions, replicas, group)
    _show(where, found, as_json, title="differs")
    raise typer.Exit(1 if found else 0)


def _differences(
    bootstrap: str | None, partitions: int | None, replicas: int | None, group: str | None
) -> tuple[str, list[Difference]]:
    from bellwether import topics as existing

    chosen = settings.load(bootstrap=bootstrap, group=group)
    found = existing.plan(chosen.bootstrap, partitions=partitions, replicas=replicas, group=chosen.group)
    return chosen.bootstrap, found


def _show(where: str, found: list[Difference], as_json: bool, *, title: str) -> None:
    if as_json:
        typer.echo(json.dumps({"bootstrap": where, "differences": [asdict(one) for one in found]}))
        return
    if not found:
        typer.echo(f"nothing differs at {where}" if title != "done" else f"nothing to do at {where}")
        return
    from rich.table import Table

    table = Table("topic", "what", "found", "wanted", "cure", title=f"{title}: {len(found)} at {where}")
    for one in found:
        table.add_row(one.topic, one.what, one.found, one.wanted, one.cure)
    tables().print(table)
