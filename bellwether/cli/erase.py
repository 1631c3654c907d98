"""`bellwether erase`: what people said of an event, and its text, are taken away."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bellwether.cli.console import reading
from runtime import settings

if TYPE_CHECKING:
    from bellwether.labels.erasure import Kept
    from bellwether.labels.traces import Trace

BEYOND = (
    "a training run that is under way, until it ends",
    "models that were trained on it, until they are trained anew without it",
    "files that were exported, and backups of brokers and machines",
    "label stores of other machines, until their trainers read the tombstones (kept for 30 days)",
)
"""What this command does not reach."""


def erase(
    event_id: Annotated[str, typer.Option("--id", help="Of the event.")],
    *,
    older: Annotated[
        bool,
        typer.Option(
            "--older", help="Also cut the article topics after the event, with ALL that is older in its partitions."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Erase an event: its labels and their text from the label topic and from this machine's label store.

    Kafka removes the bytes when it compacts the topic: with the first label that comes a day later, if not before. To
    do it again then does no harm, and says what the topic still holds. From the article topics Kafka never removes
    single records, only all up to a point (--older); else they go by the topics' retention, and this says when.

    Example: `bellwether erase --id 5f1c0d9e`
    """
    from bellwether.labels import erasure, traces
    from trainer.labels.store import LabelStore

    where = settings.load(bootstrap=bootstrap)
    kept = erasure.look(where.bootstrap, event_id)
    with reading("article topics") as tell:
        found = traces.find(where.bootstrap, event_id, tell)
    if not yes:
        typer.confirm(_question(event_id, kept, found, older), abort=True, err=True)
    with ExitStack() as stack:
        # Opened first: where it cannot be, nothing is erased yet and this may be done again.
        store = stack.enter_context(LabelStore(where.label_store)) if where.label_store.exists() else None
        if older:
            traces.cut(where.bootstrap, found, where.group)
        left = erasure.bury(where.bootstrap, event_id, kept) if kept.records else kept
        in_store = store.erase(event_id) if store else 0
    _tell(
        {
            "event_id": event_id,
            "labels": len(kept.labels),
            "store_labels": in_store,
            "uncompacted_records": left.records,
            "articles": [_article(trace, older) for trace in found],
            "beyond_reach": BEYOND,
        },
        as_json,
    )


def _question(event_id: str, kept: Kept, found: Sequence[Trace], older: bool) -> str:
    labels = f"erase {len(kept.labels)} labels of {event_id!r} for good"
    if not older:
        return f"{labels}?"
    others = sum(trace.older for trace in found)
    records = sum(trace.records for trace in found)
    return f"{labels}, and cut {records} records of it with {others:,} older ones of other events?"


def _article(trace: Trace, is_cut: bool) -> dict[str, Any]:
    by = None if trace.gone_by is None else trace.gone_by.isoformat(timespec="seconds")
    return {
        "topic": trace.topic,
        "partition": trace.partition,
        "records": trace.records,
        "is_cut": is_cut,
        "older_cut": trace.older if is_cut else 0,
        "gone_by": by,
    }


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    import msgspec

    if as_json:
        typer.echo(msgspec.json.encode(facts).decode())
        return
    lines = [
        f"{facts['event_id']}: {facts['labels']} labels erased from the topic, {facts['store_labels']} from the store"
    ]
    if facts["uncompacted_records"]:
        lines.append(
            f"  {facts['uncompacted_records']} records lie in the label topic until Kafka compacts it, with the first "
            "label that comes a day later, if not before; do this again then, and it says what is left"
        )
    for one in facts["articles"]:
        place = f"  {one['topic']} partition {one['partition']}: {one['records']} records"
        by = "never by itself" if one["gone_by"] is None else f"by {one['gone_by']}"
        if one["is_cut"]:
            lines.append(f"{place} and {one['older_cut']:,} older ones cut off; off the disk {by}")
        else:
            lines.append(f"{place} stay; gone {by}")
    lines += [f"  not reached: {what}" for what in facts["beyond_reach"]]
    sys.stdout.write("\n".join(lines) + "\n")
