"""`bellwether bench`: the figures that the README quotes, measured on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bellwether.cli.bench_choose import choose
from bellwether.cli.bench_continual import continual
from bellwether.cli.bench_drift import drift
from bellwether.cli.bench_gate import gate
from bellwether.cli.bench_labels import labels
from bellwether.cli.bench_line import line
from bellwether.cli.bench_loop import loop
from bellwether.cli.bench_shadow import shadow
from bellwether.cli.bench_swap import swap
from bellwether.cli.bench_versions import versions
from runtime import settings

app = typer.Typer(help="Measure the engine and the whole line on this machine.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the engine and the whole line on this machine."""


app.command()(continual)
app.command()(drift)
app.command()(choose)
app.command()(gate)
app.command()(labels)
app.command()(line)
app.command()(loop)
app.command()(shadow)
app.command()(swap)
app.command()(versions)


@app.command()
def engine(
    *,
    model: Annotated[
        str | None, typer.Option(help="Alias, version name or folder; BELLWETHER_MODEL, else `accurate`.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--engine", help="Which engine; the best for this machine by default.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Real texts (JSON Lines with `text`); else the built-in stream.")
    ] = None,
    count: Annotated[int, typer.Option("--texts", min=8, help="How many texts, evenly taken.")] = 512,
    rounds: Annotated[int, typer.Option(min=1, help="How often each variant is measured, in turn.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of every variant; all by default.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="All runtimes instead, in one run, with the accuracy that each loses.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Texts per second of the engine, beside transformers' `pipeline` and the machine's matrix-product limit.

    With `--compare` and a labelled `--data`, the table shows the accuracy of each runtime on it, too.

    Example: `bellwether bench engine --data headlines.jsonl.gz`
    """
    from bellwether.bench import engine as bench_engine
    from bellwether.bench import runtimes
    from bellwether.cli.models import quiet_libraries
    from models import keys
    from models.engines.openvino_int8 import available_threads

    where = settings.load(model=model, engine=name)
    quiet_libraries()
    order = bench_engine.Order(
        version=where.model,
        registry=where.registry_folder,
        trust=where.keys_folder / keys.TRUST_FILE,
        texts=bench_engine.texts_of(data, count),
        engine=where.engine,
        threads=threads or where.threads or available_threads(),
        rounds=rounds,
        tell=lambda number: print(f"round {number} of {rounds}", file=sys.stderr, flush=True),
    )
    if compare:
        table = runtimes.compare(order, data)
        typer.echo(runtimes.as_json(table) if as_json else runtimes.as_markdown(table))
        return
    found = bench_engine.measure(order)
    typer.echo(bench_engine.as_json(found) if as_json else bench_engine.as_text(found))
