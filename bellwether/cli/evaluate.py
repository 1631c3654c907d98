"""`bellwether evaluate`: a model against labelled texts."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from models.engine import Engine
    from trainer.evaluate import Report


def evaluate(
    data: Annotated[Path, typer.Option(help="JSON Lines (gz too) with `text` and `label`.", show_default=False)],
    *,
    task: Annotated[
        str | None, typer.Option(help="`sentiment` or `topic`; told by the labels where left out.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Alias, version name or folder; BELLWETHER_MODEL, else `accurate`.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="`torch-fp32`, `openvino-int8`, …; the best for this machine by default.")
    ] = None,
    split: Annotated[
        Literal["all", "train", "valid", "test"],
        typer.Option(help="Only the rows that `bellwether train` puts in this part: `test` of the training files."),
    ] = "all",
    plots: Annotated[
        Path | None, typer.Option(help="Folder for confusion matrix, ROC and reliability pictures.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Measure a model on labelled texts: accuracy, per class, macro-F1, ROC-AUC, ECE, confusion, intervals.

    Rows whose label the task does not have are counted and left out. Intervals are 95 %, bootstrap over texts.

    Example: `bellwether evaluate --data labelled.jsonl.gz --model fast --plots pictures`
    """
    from models import keys, registry
    from runtime import settings

    where = settings.load(model=model, engine=engine)
    opened = registry.open_engine(
        where.model,
        registry=where.registry_folder,
        trust=where.keys_folder / keys.TRUST_FILE,
        engine=where.engine,
        threads=where.threads or None,
    )
    try:
        measured, skipped = _measured(opened, data, task, split, plots)
        facts = measured.as_json() | {
            "model_version": opened.version,
            "engine": opened.name,
            "split": split,
            "skipped": dict(skipped),
        }
    finally:
        opened.close()
    if as_json:
        typer.echo(json.dumps(_finite(facts), ensure_ascii=False))
    else:
        _show(measured, facts)


def _measured(
    engine: Engine, data: Path, task: str | None, split: str, plots: Path | None
) -> tuple[Report, Counter[str]]:
    from runtime.errors import InputError
    from trainer import plots as drawing
    from trainer.dataset import part_of, read_file
    from trainer.evaluate import only_task, probabilities_of, report

    known = {name: own.labels for name, own in engine.tasks.items()}
    if task is not None and task not in known:
        raise InputError(f"--task {task!r} is none of model {engine.version}; it answers {', '.join(sorted(known))}")
    file = read_file(data, task, known)
    chosen, rows = only_task(file.rows, task, str(data))
    rows = [row for row in rows if split in ("all", part_of(row.key))]
    if not rows:
        raise InputError(f"{data} has no row of task {chosen!r} in part {split!r}; leave out --split")
    probabilities = probabilities_of(engine, [row.text for row in rows], chosen)
    truth = [row.label for row in rows]
    measured = report(engine.tasks[chosen], probabilities, truth)
    if plots is not None:
        drawing.draw(measured, probabilities, truth, plots)
    return measured, file.skipped


def _finite(value: Any) -> Any:
    """Not-a-number as null, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _show(measured: Report, facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"[bold]{measured.task}[/] of {measured.n:,} texts, model {facts['model_version']}, engine {facts['engine']}"
    )
    for name, title in (("accuracy", "accuracy"), ("macro_f1", "macro-F1"), ("ece", "ECE")):
        span = measured.intervals[name]
        console.print(f"  {title:<9} {facts[name]:.3f}  [dim]95 % {span.low:.3f} to {span.high:.3f}[/]")
    console.print(f"  {'ROC-AUC':<9} {measured.roc_auc:.3f}  [dim]one class against the rest, mean[/]")
    console.print(
        f"  {'answered':<9} {measured.answered:.3f}  [dim]accuracy of these {measured.accuracy_answered:.3f}[/]"
    )
    table = Table("label", *(("precision", "recall", "F1", "texts")), "most often mistaken for")
    for row, (label, own) in enumerate(measured.per_class.items()):
        wrong = [(int(n), measured.labels[i]) for i, n in enumerate(measured.matrix[row]) if i != row and n]
        mistaken = f"{max(wrong)[1]} ({max(wrong)[0]})" if wrong else ""
        table.add_row(label, f"{own.precision:.3f}", f"{own.recall:.3f}", f"{own.f1:.3f}", str(own.support), mistaken)
    console.print(table)
    if len(measured.labels) <= 5:  # wider ones do not fit a terminal; --plots draws them
        confusion = Table("truth \\ guess", *measured.labels)
        for label, counts in zip(measured.labels, measured.matrix, strict=True):
            confusion.add_row(label, *(str(n) for n in counts))
        console.print(confusion)
    if facts["skipped"]:
        reasons = ", ".join(f"{reason}: {n:,}" for reason, n in facts["skipped"].items())
        console.print(f"[dim]left out: {reasons}[/]")
