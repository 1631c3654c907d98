"""`bellwether bench labels`: what of poisoned labels gets through."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def labels(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Batches for each attack.")] = 20,
    texts: Annotated[
        list[int] | None, typer.Option(min=200, help="From which all labellers draw; repeat. 600, 1,500, 6,000.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Poison invented batches with one and with three labellers among twelve honest ones, and count what is learnt.

    Example: `bellwether bench labels --seeds 5`
    """
    from bellwether.bench import poison

    rows = poison.measure(seeds, texts or poison.TEXTS, lambda name: print(name, file=sys.stderr, flush=True))
    typer.echo(json.dumps(poison.as_json(rows, seeds)) if as_json else poison.as_markdown(rows, seeds))
