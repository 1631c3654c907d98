"""`bellwether bench choose`: whether `label next` saves labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def choose(
    *,
    data: Annotated[Path, typer.Option(help="JSON Lines with `text` and `label`.")],
    before: Annotated[Path | None, typer.Option(help="What the first model learns from, if other data.")] = None,
    start: Annotated[int, typer.Option(min=50, help="Labels that the first model learns from.")] = 600,
    labels: Annotated[int, typer.Option(min=10, help="Labels that are added.")] = 300,
    audit: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of them drawn at random.")] = 0.2,
    seeds: Annotated[int, typer.Option(min=2, help="How often, each time with another split.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Macro-F1 after labels chosen by `label next`, beside as many and twice as many taken at random.

    The learner is TF-IDF with logistic regression, not the transformer, so that it takes a minute: what it says of the
    choice need not hold for the transformer. With --before the texts to choose from are those after a drift.

    Example: `bellwether bench choose --data labelled.jsonl`
    """
    from bellwether.bench import choose as bench

    def tell(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    found = bench.measure(bench.Order(data, before, start, labels, audit, seeds, tell))
    typer.echo(json.dumps(found) if as_json else bench.as_markdown(found))
