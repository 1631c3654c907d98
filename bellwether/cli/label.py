"""`bellwether label add|import|export|next|status`: labels of people between persons, files and the topic."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bellwether.cli.label_next import next_
from bellwether.cli.label_status import Labellers, status
from runtime import clock, settings
from runtime.errors import InputError, PromiseError

if TYPE_CHECKING:
    from bellwether.labels.rows import Defaults
    from wire.events import LabelSubmitted

app = typer.Typer(help="Labels of people: bring them into Kafka, and out of it.", no_args_is_help=True)

SHOWN = 5
"""Refused rows that are told one by one; `--json` and the count tell of all."""

Bootstrap = Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]

app.command(name="next")(next_)
app.command()(status)


class Format(StrEnum):
    """What a file of labels may be."""

    jsonl = "jsonl"
    csv = "csv"
    label_studio = "label-studio"


@app.callback()
def root() -> None:
    """Labels of people: bring them into Kafka, and out of it."""


@app.command()
def add(
    event_id: Annotated[str, typer.Argument(help="Of the event, as its scored event names it.")],
    label: Annotated[str, typer.Argument(help="What it should have said.")],
    *,
    labeller: Annotated[str, typer.Option(help="Who says so.")],
    task: Annotated[str | None, typer.Option(help="Default: the task that has this label.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Of the event, where the scored topic does not have it any more.")
    ] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Label one event. Its text and the model's answer are taken from the scored topic and go with the label.

    Example: `bellwether label add 5f1c0d9e negative --labeller ana`
    """
    import msgspec

    from bellwether.labels import topic
    from bellwether.labels.rows import Defaults, label_of
    from trainer.labels.join import completed
    from trainer.labels.unpark import Search

    where = settings.load(bootstrap=bootstrap).bootstrap
    row = {"event_id": event_id, "label": label, "task": task, "text": text}
    made = label_of(row, Defaults(labeller, clock.now()))
    seen = None if text else Search(where).find([event_id]).get(event_id)
    if seen is None and text is None:
        raise InputError(f"no scored event {event_id!r} at {where}; check the id, or give the event's --text")
    if seen is not None:
        made = completed(made, seen)
    failed: list[Exception] = []
    topic.submit(where, [made], lambda _, error: failed.append(error) if error else None)
    if failed:
        raise failed[0]
    said = "" if made.probabilities is None else f"; {made.model_version} said {_top(made.probabilities)}"
    typer.echo(msgspec.json.encode(made).decode() if as_json else f"{event_id}: {made.task} {made.label}{said}")


@app.command(name="import")
def import_(
    path: Annotated[Path, typer.Argument(help="JSON Lines, CSV (gzip too) or Label Studio's JSON export.")],
    *,
    format_: Annotated[Format | None, typer.Option("--format", help="Default: by the name's ending.")] = None,
    labeller: Annotated[str | None, typer.Option(help="Who labelled rows that do not say so.")] = None,
    dated: Annotated[
        bool, typer.Option("--now", help="Take the present for rows that do not say when they were labelled.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any row was refused.")] = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Publish the labels of a file; each row is a label with fields `event_id text task label labeller labelled_at`.

    Without `event_id` the text identifies the event, without `task` the label's name tells it. The text goes with the
    label, so that nothing later depends on how long the scored topic is kept.

    Example: `bellwether label import labels.csv --labeller desk --now`
    """
    from bellwether.labels import topic
    from bellwether.labels.rows import Defaults

    defaults = Defaults(labeller, clock.now() if dated else None)
    refused: list[str] = []
    counts = {"published": 0, "failed": 0}

    def settled(label: LabelSubmitted, error: Exception | None) -> None:
        counts["published" if error is None else "failed"] += 1
        if error is not None:
            print(f"{label.event_id}: {error}", file=sys.stderr)

    found = _labels(path, format_ or _format_of(path), defaults, refused)
    topic.submit(settings.load(bootstrap=bootstrap).bootstrap, found, settled)
    for sentence in refused[:SHOWN]:
        print(sentence, file=sys.stderr)
    told = {**counts, "refused": len(refused)}
    typer.echo(json.dumps(told) if as_json else f"{path}: " + ", ".join(f"{n:,} {what}" for what, n in told.items()))
    if counts["failed"] or (strict and refused):
        raise PromiseError(f"{counts['failed']} labels were not acknowledged, {len(refused)} rows were refused")


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="File to write, JSON Lines or .parquet; it must not be there yet.")],
    *,
    every: Annotated[bool, typer.Option("--all", help="Every label, not only the one that counts.")] = False,
    labellers: Labellers = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Write the labels of the topic: for each event and task the one that counts, which is the last by label time.

    Of labels of the same instant it is that of the higher rank in the --labellers file, as for the trainer.

    Example: `bellwether label export labels.parquet`
    """
    from bellwether.labels import export as files
    from bellwether.labels import topic
    from trainer.labels import policy
    from trainer.labels.effective import effective

    where = settings.load(bootstrap=bootstrap, labellers=labellers)
    ranks = policy.load(where.labellers).ranks
    labels = [label for _, label in sorted(topic.present(where.bootstrap).labels.items())]
    chosen = labels if every else list(effective(labels, ranks).values())
    files.write(path, chosen)
    told = {"written": len(chosen), "labels": len(labels)}
    typer.echo(json.dumps(told) if as_json else f"{path}: {len(chosen):,} of {len(labels):,} labels")


def _top(probabilities: Mapping[str, int]) -> str:
    label = max(probabilities, key=probabilities.__getitem__)
    return f"{label} ({probabilities[label] / 10_000:.0%})"


def _labels(path: Path, format_: Format, defaults: Defaults, refused: list[str]) -> Iterator[LabelSubmitted]:
    from bellwether.labels.rows import label_of

    for place, row in _rows(path, format_):
        try:
            if isinstance(row, InputError):
                raise row
            yield label_of(row, defaults)
        except InputError as error:
            refused.append(f"{path}, {place}: {error}")


def _rows(path: Path, format_: Format) -> Iterator[tuple[str, Mapping[str, Any] | InputError]]:
    from bellwether.labels import label_studio
    from streams.ingest import opening

    if format_ is Format.label_studio:
        yield from label_studio.rows(path)
        return
    with opening.file(path, "jsonl" if format_ is Format.jsonl else "csv") as rows:
        for row in rows.iterator:
            yield f"line {row.number}", row.values


def _format_of(path: Path) -> Format:
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    by_suffix = {".jsonl": Format.jsonl, ".ndjson": Format.jsonl, ".csv": Format.csv, ".json": Format.label_studio}
    if not suffixes or suffixes[-1] not in by_suffix:
        raise InputError(f"{path}: the name tells no format; add --format {', '.join(Format)}")
    return by_suffix[suffixes[-1]]
