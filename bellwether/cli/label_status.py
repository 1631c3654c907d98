"""`bellwether label status`: who is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

Labellers = Annotated[
    Path | None, typer.Option(help="TOML file of whom you trust; default: the settings', else nobody.")
]


def status(
    *,
    labellers: Labellers = None,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Each labeller's labels, agreement with gold questions, weight, and quarantine with its reason.

    All labels of the topic are looked at as one batch, as a training run would.

    Example: `bellwether label status --labellers labellers.toml`
    """
    from bellwether.cli.console import tables
    from bellwether.labels import status as found
    from bellwether.labels import topic
    from runtime import clock, settings
    from trainer.labels import policy

    where = settings.load(bootstrap=bootstrap, labellers=labellers)
    rules = policy.load(where.labellers)
    present = topic.present(where.bootstrap)
    admission = found.found(present.labels.values(), rules, clock.now())
    if as_json:
        typer.echo(json.dumps(found.as_json(admission, present.unreadable)))
    else:
        tables().print(found.as_table(admission, present.unreadable))
