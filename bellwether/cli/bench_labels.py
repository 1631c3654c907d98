"""`bellwether bench labels`: what of poisoned labels gets through, and how much of a stream is set aside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def labels(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Batches for each attack.")] = 20,
    texts: Annotated[
        list[int] | None, typer.Option(min=200, help="From which all labellers draw; repeat. 600, 1,500, 6,000.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Labelled files to count what is set aside of; repeat.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Poison invented batches with one and with three labellers among twelve honest ones, and count what is learnt.

    A second table says of the built-in stream and of each file how much is set aside, and how much is like that.

    Example: `bellwether bench labels --seeds 5`
    """
    import msgspec

    from bellwether.bench import aside, poison

    sides = aside.measure(data or [])
    rows = poison.measure(seeds, texts or poison.TEXTS, lambda name: print(name, file=sys.stderr, flush=True))
    if as_json:
        typer.echo(json.dumps({**poison.as_json(rows, seeds), "aside": msgspec.to_builtins(sides)}))
    else:
        typer.echo(f"{poison.as_markdown(rows, seeds)}\n\n{aside.as_markdown(sides)}")
