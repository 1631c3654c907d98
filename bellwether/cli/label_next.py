"""`bellwether label next`: the events that are most worth a person's time."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from bellwether.cli.console import reading, tables
from runtime import settings
from runtime.errors import InputError

_SHOWN_TEXT = 100
"""Characters of a text in the table; `--jsonl` has all of it."""


def next_(
    wanted: Annotated[int, typer.Argument(min=1, metavar="N", help="How many events.")],
    *,
    task: Annotated[str, typer.Option(help="For which of the model's tasks.")] = "sentiment",
    audit: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share that is drawn at random, at least one event.")
    ] = 0.2,
    recent: Annotated[int, typer.Option(min=1, help="Of how many of the newest scored events.")] = 20_000,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")] = None,
    as_lines: Annotated[
        bool, typer.Option("--jsonl", help="A file to fill in: a line for each event, its `label` empty.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Choose what to label next: events that the model is unsure of and that differ, and a random audit slice.

    Fill in the `label` of each line and give the file to `bellwether label import`; lines without one are refused
    there and harm nothing. Leave `sampling_probability` as it is: it keeps metrics honest. What is labelled already is
    not offered again.

    Example: `bellwether label next 100 --jsonl > todo.jsonl`
    """
    if as_lines and as_json:
        raise InputError("--jsonl and --json exclude each other; take one")
    from bellwether.labels import recent as source
    from bellwether.labels import topic
    from trainer.labels.choose import choose

    where = settings.load(bootstrap=bootstrap).bootstrap
    done = source.labelled(topic.present(where).labels.values(), task)
    with reading("scored events") as tell:
        events = source.scored(where, recent, tell)
    pool = source.candidates(events, task, done)
    rows = [
        {
            "event_id": choice.event_id,
            "task": task,
            "label": "",
            "text": (event := events[choice.event_id]).text,
            "published_at": event.published_at,
            "source": event.source,
            "model_version": event.model_version,
            "probabilities": event.tasks[task].probabilities,
            "sampling_probability": choice.sampling_probability,
            "why": choice.why,
            "margin": round(choice.margin, 4),
        }
        for choice in choose(pool, wanted, audit, random.SystemRandom(), done.texts)
    ]
    if not rows:
        print(f"no scored event is left to be labelled for {task} among the newest {recent:,}", file=sys.stderr)
    _tell(rows, {"task": task, "candidates": len(pool), "read": len(events)}, as_lines, as_json)


def _tell(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], as_lines: bool, as_json: bool) -> None:
    import msgspec

    if as_json:
        typer.echo(msgspec.json.encode({**facts, "chosen": rows}).decode())
        return
    if as_lines:
        sys.stdout.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)
        return
    from rich.markup import escape
    from rich.table import Table

    from streams.dead.preview import printable

    table = Table("event", "why", "chance", "the model says", "text")
    for row in rows:
        said: Mapping[str, int] = row["probabilities"]
        top = max(said, key=said.__getitem__)
        table.add_row(
            escape(printable(row["event_id"])),
            row["why"],
            f"{row['sampling_probability']:.2%}",
            f"{escape(printable(top))} {said[top] / 10_000:.0%}",
            escape(printable(row["text"][:_SHOWN_TEXT])),
        )
    kinds = Counter(row["why"] for row in rows)
    told = ", ".join(f"{number} {why}" for why, number in sorted(kinds.items()))
    table.caption = f"{told or 'none'}, of {facts['candidates']:,} without a label; --jsonl gives them to fill in"
    tables().print(table)
