"""`bellwether bench shadow`: what a challenger in the shadow takes from the champion."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def shadow(
    *,
    champion: Annotated[str, typer.Option(help="Version that serves; alias or name.")] = "accurate",
    challenger: Annotated[str, typer.Option(help="Version that scores beside it.")] = "fast",
    share: Annotated[
        list[float] | None,
        typer.Option(min=0.01, max=1.0, help="Of the time that the challenger may work; repeat. 0.1, 0.25, 0.5."),
    ] = None,
    count: Annotated[int, typer.Option("--texts", min=64, help="Texts of the built-in stream a turn.")] = 4_096,
    rounds: Annotated[int, typer.Option(min=1, help="How often each share is measured, in turn.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of each engine; all by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """A champion that has no time to spare, alone and beside a shadow: texts/s of both, and what the share promises.

    Example: `bellwether bench shadow --share 0.2`
    """
    from bellwether.bench import shadow as bench
    from bellwether.bench.engine import texts_of
    from bellwether.cli.models import quiet_libraries
    from runtime import log, settings

    quiet_libraries()
    log.configure("WARNING")
    base = texts_of(None, 512)
    order = bench.Order(
        settings=settings.load(threads=threads),
        champion=champion,
        challenger=challenger,
        shares=sorted(set(share or (0.1, 0.25, 0.5))),
        texts=[base[number % len(base)] for number in range(count)],
        rounds=rounds,
        tell=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    found = bench.measure(order)
    typer.echo(json.dumps(found) if as_json else bench.as_text(found))
