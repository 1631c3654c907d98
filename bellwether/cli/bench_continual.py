"""`bellwether bench continual`: ways to learn from labels that keep coming."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def continual(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the public data sets; BELLWETHER_DATA, else the built-in stream.", show_default=False
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(help="What the arms train; a TOML file or one that ships.")] = "update",
    encoder: Annotated[
        str | None, typer.Option(help="Known name or folder; the recipe's by default.", show_default=False)
    ] = None,
    chunks: Annotated[int, typer.Option(min=2, help="Times that labels arrive.")] = 10,
    first: Annotated[
        int, typer.Option(min=10, help="Labels of the first chunk: what there is to be forgotten.")
    ] = 1_000,
    labels: Annotated[int, typer.Option(min=10, help="Labels of each other chunk.")] = 200,
    tests: Annotated[int, typer.Option(min=10, help="Unseen texts of a chunk's mixture.")] = 200,
    seeds: Annotated[int, typer.Option(min=1, help="Streams; each arm gets the same.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; the seconds are of one core.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="Write the forgetting matrices here (PNG).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Warm start, warm start with replay, from scratch, and a frozen encoder with an online classifier, on a drift.

    Takes about an hour of one core. Seconds are of a core and of training alone, without calibration and build.

    Example: `bellwether bench continual --first 500 --labels 100 --seeds 1 --plot forgetting.png`
    """
    import torch

    from bellwether.bench import continual as bench
    from bellwether.bench import continual_picture, drifting
    from bellwether.cli.models import quiet_libraries
    from models import encoders
    from runtime import settings
    from trainer.recipe import load

    quiet_libraries()
    torch.set_num_threads(threads)
    where = settings.load()
    chosen = load(recipe)[0]
    order = bench.Order(
        given=drifting.domains(data or where.data),
        recipe=bench.plain(chosen),
        encoder=encoders.resolve(encoder or chosen.encoder, where.cache),
        chunks=chunks,
        first=first,
        labels=labels,
        tests=tests,
        seeds=seeds,
        tell=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    found = bench.measure(order)
    if plot is not None:
        continual_picture.save(found, plot)
    typer.echo(json.dumps(found) if as_json else bench.as_text(found))
