"""`bellwether bench line`: the whole line against its engine, and the platform's own cost."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer


def line(
    *,
    model: Annotated[
        str | None, typer.Option(help="Alias, version name or folder; `noop` measures the platform's cost alone.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Which engine; the best for this machine by default.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the engine; all by default.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Real texts (JSON Lines with `text`); else the built-in stream.")
    ] = None,
    events: Annotated[int, typer.Option(min=100, help="Events for the real engine, evenly taken.")] = 4_000,
    noop_events: Annotated[int, typer.Option(min=0, help="300-byte events for the no-op engine; 0: none.")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each variant is measured, in turn.")] = 3,
    bootstrap: Annotated[
        str | None, typer.Option(help="An empty broker to use; by default one is started and ended.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Events per second through Kafka beside the bare engine, and events per CPU-second without a model.

    Both variants see the same texts, batch rule and threads, in turn; the input lies in Kafka beforehand.

    Example: `bellwether bench line --data headlines.jsonl.gz --events 4000`
    """
    from bellwether.bench import line as bench
    from bellwether.bench.engine import texts_of
    from models.engines.openvino_int8 import available_threads
    from runtime import settings

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that broker and worker end with us
    where = settings.load(model=model, engine=engine, threads=threads)
    where = where.model_copy(update={"threads": where.threads or available_threads()})
    order = bench.Order(
        settings=where,
        texts=[] if where.model == "noop" else texts_of(data, events),
        noop_events=noop_events,
        rounds=rounds,
        bootstrap=bootstrap,
        tell=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    found = bench.measure(order)
    typer.echo(json.dumps(found) if as_json else bench.as_text(found))
