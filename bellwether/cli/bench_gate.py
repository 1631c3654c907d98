"""`bellwether bench gate`: how often the gate lets a bad challenger through, and keeps a good one out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def gate(
    *,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each kind.")] = 200,
    challengers: Annotated[int, typer.Option(min=1, help="Planted challengers of each kind.")] = 5,
    texts: Annotated[int, typer.Option(min=100, help="Texts drawn in each trial.")] = 3_000,
    seed: Annotated[int, typer.Option(min=0, help="Of split, challengers and draws.")] = 0,
    limits: Annotated[
        Path | None, typer.Option(help="The gate's numbers as TOML; its defaults otherwise.", show_default=False)
    ] = None,
    level: Annotated[
        list[float] | None,
        typer.Option(help="Judge every trial by this `non_inferiority`, too; repeat for several.", show_default=False),
    ] = None,
    generated: Annotated[
        bool, typer.Option("--generated", help="Texts of the built-in stream, although BELLWETHER_DATA is set.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a picture here (PNG).", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """The gate's own error rates, per kind of planted challenger: bad ones that pass, good ones that are refused.

    Real texts of BELLWETHER_DATA; without it, generated ones. Champions and challengers are small networks on what a
    frozen encoder makes of the texts, each trained in seconds. About 20 minutes of one core.

    Example: `bellwether bench gate --trials 40 --plot gate.png`
    """
    from bellwether.bench.gate import picture, run, tally
    from bellwether.cli.bars import Bars
    from bellwether.cli.models import quiet_libraries
    from runtime import settings
    from trainer.gate import limits as gate_limits

    where = settings.load()
    quiet_libraries()
    with Bars() as bars:
        order = run.Order(
            data=None if generated else where.data,
            cache=where.cache,
            trials=trials,
            challengers=challengers,
            texts=texts,
            seed=seed,
            limits=gate_limits.load(limits) if limits else gate_limits.Limits(),
            levels=level or (),
            tell=bars.tell,
            advance=bars.advance,
        )
        if order.data is None:
            print("no BELLWETHER_DATA: all figures are of GENERATED texts, easier than real ones", file=sys.stderr)
        found = run.measure(order)
    if plot is not None:
        picture.save(found, plot)
    typer.echo(json.dumps(found) if as_json else tally.as_markdown(found))
