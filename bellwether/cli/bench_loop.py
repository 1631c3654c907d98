"""`bellwether bench loop`: the whole loop on real text, from a drift to a better model that serves."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime import settings
from runtime.errors import InputError

if TYPE_CHECKING:
    from bellwether.loop.run import Outcome

OLD = "twitter-financial-news-sentiment/train.jsonl.gz"
NEW = "sentfin-1.0/all.jsonl.gz"


def loop(
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the public data sets; BELLWETHER_DATA by default.", show_default=False),
    ] = None,
    recipe: Annotated[str, typer.Option(help="Of champion and ceiling; the trainer's is `update`.")] = "fast",
    labels: Annotated[int, typer.Option(min=1, help="New labels that begin a run.")] = 1_000,
    labels_per_s: Annotated[float, typer.Option(min=0.1, help="How fast people label.")] = 25.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of the order of the texts.")] = 0,
    plots: Annotated[Path | None, typer.Option(help="Folder for a picture of the score over time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Train a champion on tweets alone, let the stream drift to headlines, label them, and see how much comes back.

    Everything runs for real: Kafka, a worker, a trainer with its gate, a swap. All scores after the drift are macro-F1
    on one fixed test of headlines. Takes about a quarter of an hour on two cores.

    Example: `bellwether bench loop --data data --plots plots`
    """
    from bellwether.cli.models import quiet_libraries
    from bellwether.loop import champion, material, run
    from bellwether.loop.screen import choose

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that all that was started ends with us
    where = settings.load()
    folder = data or where.data
    if folder is None:
        raise InputError(
            "no folder of real text is known; give it with --data or BELLWETHER_DATA, or see the same on invented text "
            "with `bellwether demo --learn`"
        )
    for name in (OLD, NEW):
        if not (folder / name).is_file():
            raise InputError(f"{folder} holds no {name}; name the folder of the public data sets with --data")
    quiet_libraries()
    with tempfile.TemporaryDirectory(prefix="bellwether-loop-data-") as work:
        shown = material.real(folder / OLD, folder / NEW, Path(work), seed)
        order = run.Order(
            material=shown,
            champion=champion.trained(shown.base, recipe, where.cache, Path(work)),
            recipe=recipe,
            rate=rate,
            labels=labels,
            labels_per_s=labels_per_s,
            longest_s=1_200.0,
            cache=where.cache,
        )
        show(run.run(order, choose()), f"{shown.name}: the running score", plots, as_json)


def show(outcome: Outcome, title: str, plots: Path | None, as_json: bool) -> None:
    """Draw what came of a loop where a folder is given, and print it."""
    from bellwether.loop import picture

    if plots is not None:
        drawn = picture.save(outcome.points, outcome.moments, outcome.scores, title, plots)
        typer.echo(f"drawn: {drawn}", err=True)
    if as_json:
        typer.echo(json.dumps(outcome.figures.plain()))
        return
    found, record = outcome.figures, outcome.record
    for name, value in found.plain().items():
        typer.echo(f"{name:<28} {value}")
    if record is not None:
        typer.echo(f"the trigger: {record.why}")
        for reason in record.judgement.reasons:
            typer.echo(f"the gate: {reason}")
