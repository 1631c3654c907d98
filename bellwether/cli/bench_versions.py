"""`bellwether bench versions`: what to choose between versions by."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def versions(
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Alias, version name or folder; repeat for several. `accurate` and `fast` by default."),
    ] = None,
    count: Annotated[int, typer.Option("--texts", min=8, help="Texts of the built-in stream, evenly taken.")] = 512,
    labels: Annotated[int, typer.Option(min=0, help="Labels that each recipe is trained on; 0: no training.")] = 1_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each figure is measured, in turn.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Versions side by side: accuracy and macro-F1 per task, texts/s, memory, training and loading seconds.

    Accuracy is what each manifest says of texts that were not trained on. Training is by the version's own recipe, all
    epochs, in float32, on labels of the built-in stream. Loading is from the start of the engine's process until warm.

    Example: `bellwether bench versions --json`
    """
    from bellwether.bench import versions as bench
    from bellwether.bench.engine import texts_of
    from bellwether.cli.models import quiet_libraries
    from models import keys
    from models.engines.openvino_int8 import available_threads
    from runtime import settings

    where = settings.load(threads=threads)
    quiet_libraries()
    order = bench.Order(
        models=model or ["accurate", "fast"],
        registry=where.registry_folder,
        trust=where.keys_folder / keys.TRUST_FILE,
        texts=texts_of(None, count),
        labels=labels,
        threads=where.threads or available_threads(),
        rounds=rounds,
        cache=where.cache,
        tell=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    found = bench.measure(order)
    typer.echo(json.dumps(found) if as_json else bench.as_markdown(found))
