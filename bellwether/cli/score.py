"""`bellwether score`: sentiment, topic and entities of texts, without Kafka."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from runtime import settings
from runtime.errors import InputError

if TYPE_CHECKING:
    from models.engine import Engine
    from models.entities import Aliases
    from streams.ingest.rows import Rows


class Item(NamedTuple):
    """A text to score, or why there is none."""

    place: dict[str, Any]
    """What stands first in its output: the text, or row and id of the file."""

    text: str | None
    problem: str = ""


def score(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to score.", show_default=False)] = None,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines, CSV or Parquet (gz too) with a `text`, `title` or `headline`.", show_default=False
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Alias, version name or folder; BELLWETHER_MODEL, else `accurate`.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="`torch-fp32`, `openvino-int8`, …; the best for this machine by default.")
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, help="Texts per call; more gains little and shows progress later.")
    ] = 256,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many rows of --data.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON Lines on a terminal too; elsewhere they are what is printed anyway.")
    ] = False,
) -> None:
    """Score texts, or the rows of a file: per task label, probabilities and whether the model abstains; entities.

    A text of which nothing visible is left after cleaning gives an entry with `error`.

    Example: `bellwether score "ACME lifts its forecast" --model fast`
    """
    from models import entities, keys, registry

    if bool(texts) == (data is not None):
        raise InputError(
            'give texts or --data FILE, one of the two: bellwether score "TEXT", bellwether score --data FILE'
        )
    where = settings.load(model=model, engine=engine)
    aliases = entities.load(where.aliases)
    opened = registry.open_engine(
        where.model,
        registry=where.registry_folder,
        trust=where.keys_folder / keys.TRUST_FILE,
        engine=where.engine,
        threads=where.threads or None,
    )
    is_plain = not as_json and data is None and sys.stdout.isatty()
    try:
        with ExitStack() as stack:
            items = _given(texts or ()) if data is None else _of_file(stack, data, limit)
            for entry in entries(items, opened, aliases, batch):
                typer.echo(_sentence(entry) if is_plain else json.dumps(entry, ensure_ascii=False))
    finally:
        opened.close()


def entries(items: Iterable[Item], engine: Engine, aliases: Aliases, batch: int) -> Iterator[dict[str, Any]]:
    """One JSON object per item, in their order: place and per task an answer, or `error`."""
    from models.entities import link
    from models.text import clean

    for group in _chunks(items, batch):
        cleaned = ["" if item.text is None else clean(item.text) for item in group]
        scores = engine.score([text for text in cleaned if text])
        row = 0
        for item, text in zip(group, cleaned, strict=True):
            if not text:
                problem = item.problem or "nothing visible is left of the text after cleaning; send a text with words"
                yield {**item.place, "error": problem}
                continue
            answers = {
                name: answer(task.labels, scores[name][row].tolist(), task.abstain_below)
                for name, task in engine.tasks.items()
            }
            found = [
                {"id": one.id, "name": one.name, "start": one.start, "end": one.end, "found_by": one.found_by}
                for one in link(item.text or "", aliases)
            ]
            yield {
                **item.place, **answers, "entities": found, "model_version": engine.version, "engine": engine.name
            }  # fmt: skip
            row += 1


def answer(labels: Sequence[str], probabilities: Sequence[float], abstain_below: float) -> dict[str, Any]:
    """One task's answer: the likeliest label, all probabilities, and whether the model abstains.

    >>> answer(("down", "up"), (0.25, 0.75), 0.8)
    {'label': 'up', 'probabilities': {'down': 0.25, 'up': 0.75}, 'abstained': True}
    """
    top = max(range(len(labels)), key=probabilities.__getitem__)
    return {
        "label": labels[top],
        "probabilities": {label: round(value, 6) for label, value in zip(labels, probabilities, strict=True)},
        "abstained": probabilities[top] < abstain_below,
    }


def _given(texts: Sequence[str]) -> Iterator[Item]:
    for text in texts:
        # What a shell passed that is no UTF-8 arrives as lone surrogates; shown as such, never a crash.
        yield Item({"text": text.encode(errors="replace").decode()}, text)


def _of_file(stack: ExitStack, path: Path, limit: int | None) -> Iterator[Item]:
    from streams.ingest import opening

    rows = stack.enter_context(opening.file(path))
    return _watched(stack, rows, itertools.islice(_rows(rows), limit))


def _rows(rows: Rows) -> Iterator[Item]:
    for row in rows.iterator:
        place: dict[str, Any] = {"row": row.number}
        if not isinstance(row.values, Mapping):
            yield Item(place, None, str(row.values))
            continue
        name = next((key for key in ("event_id", "id") if isinstance(row.values.get(key), str | int)), None)
        if name:
            place[name] = row.values[name]
        text = next((row.values[key] for key in ("text", "title", "headline") if row.values.get(key) is not None), None)
        if isinstance(text, str):
            yield Item({**place, "text": text.encode(errors="replace").decode()}, text)
        else:
            yield Item(place, None, f"no text in the row's `text`, `title` or `headline`, which is {text!r:.60}")


def _watched(stack: ExitStack, rows: Rows, items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a terminal shows on stderr how far the file was read, and how fast."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = stack.enter_context(
        Progress(
            TextColumn("scoring"), BarColumn(), TextColumn("{task.fields[done]} texts"), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )
    )  # fmt: skip
    shown = bar.add_task("scoring", total=1.0, done=0)
    for done, item in enumerate(items, start=1):
        yield item
        if done % 64 == 0:
            bar.update(shown, completed=rows.share_read() or 0.0, done=done)


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while group := list(itertools.islice(iterator, size)):
        yield group


def _sentence(entry: Mapping[str, Any]) -> str:
    """An entry for a person: one line per text."""
    if "error" in entry:
        return f"{entry['text']!r:.60}\n  {entry['error']}"
    parts = []
    for name, value in entry.items():
        if isinstance(value, dict):
            share = value["probabilities"][value["label"]]
            parts.append(f"{name} {value['label']} {share:.0%}{' (abstains)' if value['abstained'] else ''}")
    named = ", ".join(one["id"] for one in entry["entities"])
    return f"{entry['text']}\n  {'; '.join(parts)}{f'; names {named}' if named else ''}"
