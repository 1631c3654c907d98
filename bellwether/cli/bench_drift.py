"""`bellwether bench drift`: which detector watches which signal."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from runtime.errors import InputError

TWEETS_ONLY = "tfidf"


def drift(
    *,
    model: Annotated[
        str,
        typer.Option(
            help="Alias, version name or folder; or `tfidf`, trained here on tweets alone, so that headlines are new."
        ),
    ] = "fast",
    rounds: Annotated[int, typer.Option(min=1, help="Seeded permutations of each stream.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the permutations.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a picture here (PNG).", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """False alarms per 10,000 events of a stream that does not change, and events until a planted change is seen.

    With BELLWETHER_DATA on real texts: held-out tweets, which become held-out headlines, a forum of 2020, a third of
    it, twice as many of the rarest class, or 10 points more errors; and the tweets of a year in their own order.
    Without, on the built-in stream. For each signal the detector is chosen that keeps to one false alarm per 10,000
    events, misses least and sees soonest. Takes about a quarter of an hour.

    Example: `bellwether bench drift --plot drift.png`
    """
    from bellwether.bench import drift as bench
    from bellwether.bench import drift_changes, drift_picture, drift_pools
    from bellwether.cli.models import quiet_libraries
    from models import keys, registry
    from runtime import settings

    def tell(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    where = settings.load(model=model)
    quiet_libraries()
    with contextlib.ExitStack() as stack:
        if model == TWEETS_ONLY:
            if where.data is None:
                raise InputError(
                    f"--model {TWEETS_ONLY} learns from the data sets; set BELLWETHER_DATA to their folder"
                )
            scorer = drift_pools.tweets_only(where.data)
        else:
            engine = registry.open_engine(
                where.model,
                registry=where.registry_folder,
                trust=where.keys_folder / keys.TRUST_FILE,
                engine=where.engine,
                threads=where.threads or None,
            )
            stack.callback(engine.close)
            scorer = drift_pools.of_engine(engine)
        pools = drift_pools.real(where.data, scorer, tell) if where.data else drift_pools.built_in(scorer, tell)
    rows = bench.measure(bench.Order(pools, rounds, seed, tell))
    chosen, levels = bench.choose(rows), drift_changes.levels(pools)
    if plot is not None:
        drift_picture.save(rows, chosen, plot)
    if as_json:
        facts = {"model_version": scorer.name, "rounds": rounds, "seed": seed}
        typer.echo(json.dumps(facts | {"texts": levels, "rows": [row.plain() for row in rows], "chosen": chosen}))
    else:
        typer.echo(bench.as_markdown(rows, chosen, levels))
