"""`bellwether demo`: everything at once, with real processes, counted at the end."""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from bellwether.demo.stream import DAYS, PER_DAY, SEED
from runtime import clock
from runtime.errors import PromiseError

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


class Victim(StrEnum):
    """What `--kill` may name."""

    WORKER = "worker"
    ENGINE = "engine"


Days = Annotated[int, typer.Option(min=1, help="Days of event time of the built-in stream; shocks from 5 on.")]
PerDay = Annotated[int, typer.Option(min=1, help="Stories a day of the built-in stream, on average.")]
Seed = Annotated[int, typer.Option(help="Same seed, same stream, byte by byte.")]


@app.callback()
def demo(
    context: typer.Context,
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Replay this JSON Lines, CSV or Parquet file (gzip too) instead of the built-in stream."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Replay at most so many events.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model: an alias, a version, a folder, or `noop`; default: the settings'."),
    ] = None,
    speed: Annotated[
        str | None, typer.Option(help="Replay by event time: `60x`, or `max`; default: what `--seconds` asks for.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="How long the replay shall take; default: 1 s for 125 events, 40 s in all."),
    ] = None,
    kill: Annotated[
        list[Victim] | None,
        typer.Option(
            help="SIGKILL the worker's or its engine's process after a third of the events; given twice, the second "
            "one after two thirds."
        ),
    ] = None,
    learn: Annotated[
        bool,
        typer.Option(
            "--learn",
            help="Instead: the stream drifts, people label, a trainer learns, a gate decides, a better version serves. "
            "Takes a few minutes; `--model`, `--plots`, `--seed` and `--json` go with it.",
        ),
    ] = False,
    bootstrap: Annotated[
        str | None, typer.Option(help="Use this Kafka, host:port, instead of starting one in a temporary folder.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for a picture of sentiment over event time.")] = None,
    days: Days = DAYS,
    per_day: PerDay = PER_DAY,
    seed: Seed = SEED,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, and nothing else.")
    ] = False,
) -> None:
    """Real text through a real Kafka, scored by the model, watched live and counted at the end.

    Starts Kafka and a worker, replays the built-in stream (or `--data FILE`), shows rate, lag and running sentiment,
    and ends with a count by an independent reader of the topics. Exits 1 if anything was lost or counted twice.

    Example: `bellwether demo --kill worker --plots plots` or `bellwether demo --data tweets.jsonl.gz --limit 10000`
    """
    if context.invoked_subcommand is not None:
        return
    from bellwether.demo.run import Options, run
    from bellwether.demo.screen import choose

    for number in (signal.SIGTERM, signal.SIGHUP):  # a plain `kill`, or a terminal that is closed, ends all in order
        signal.signal(number, _interrupt)
    if learn:
        from bellwether.cli.demo_learn import learn as show_learning

        show_learning(model or "fast", seed, plots, as_json)
        return
    victims = tuple(victim.value for victim in kill or ())
    options = Options(data, limit, model, speed, seconds, bootstrap, victims, plots, days, per_day, seed)
    summary = run(options, choose(clock.monotonic))
    if as_json:
        sys.stdout.write(json.dumps(summary.as_json()) + "\n")
    else:
        from rich.console import Console

        Console().print(summary.draw())
    if summary.tally.broken:
        raise PromiseError("; ".join(summary.tally.broken))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@app.command()
def stream(
    out: Annotated[Path, typer.Option(help="File that receives the stream as JSON Lines.")],
    *,
    days: Days = DAYS,
    per_day: PerDay = PER_DAY,
    seed: Seed = SEED,
) -> None:
    """Write the built-in stream to a file, each row with its truth: `label`, `topic`, `mentions`.

    Example: `bellwether demo stream --out stream.jsonl --days 7 --seed 3`
    """
    from bellwether.demo.stream import generate, write

    count = write(generate(days, per_day, seed), out)
    sys.stdout.write(f"wrote {count:,} stories to {out}\n")
