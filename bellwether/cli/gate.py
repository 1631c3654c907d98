"""`bellwether gate`: whether one version may replace another, judged on labelled files."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from models.engine import Engine
    from runtime.settings import Settings
    from trainer.gate.gather import Labelled

FileOption = Annotated[
    Path | None, typer.Option(help="JSON Lines (gz too) with `text` and `label`.", show_default=False)
]


def gate(
    challenger: Annotated[str, typer.Argument(help="Alias, version name or folder of who wants to serve.")],
    *,
    later: Annotated[
        Path,
        typer.Option(
            help="What the stream is like now: labels set aside on arrival; JSON Lines (gz too).", show_default=False
        ),
    ],
    champion: Annotated[
        str | None, typer.Option(help="Who serves: alias, version name or folder; BELLWETHER_MODEL, else `accurate`.")
    ] = None,
    golden: FileOption = None,
    old: FileOption = None,
    rare: FileOption = None,
    task: Annotated[str, typer.Option(help="`sentiment` or `topic`.")] = "sentiment",
    limits: Annotated[
        Path | None, typer.Option(help="The gate's numbers as TOML; its defaults otherwise.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="File for the verdict (JSON).")] = Path("verdict.json"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Judge a version against another on texts that neither learnt from: better, same, worse within noise, regression.

    Better is superior on --later and not inferior anywhere else, calibrated, fast enough, and sound in its behaviour.
    Without --golden and --old nothing is better than `same`. All texts of a file count alike.

    Example: `bellwether gate fast --champion accurate --later new.jsonl --golden golden.jsonl --old old.jsonl`
    """
    from bellwether.cli.models import quiet_libraries
    from runtime import settings
    from trainer.gate import limits as gate_limits
    from trainer.gate.evidence import GOLDEN, LATER, OLD, RARE
    from trainer.gate.gather import gather
    from trainer.gate.judge import judge

    where = settings.load(model=champion)
    numbers = gate_limits.load(limits) if limits else gate_limits.Limits()
    paths = {LATER: later, GOLDEN: golden, OLD: old, RARE: rare}
    slices = {name: _labelled(path, task) for name, path in paths.items() if path is not None}
    quiet_libraries()
    with closing(_opened(where.model, where)) as before, closing(_opened(challenger, where)) as after:
        evidence = gather(
            before, after, slices, task, tell=lambda sentence: print(sentence, file=sys.stderr, flush=True)
        )
        versions = {"champion": before.version, "challenger": after.version, "task": task}
    verdict = judge(evidence, numbers)
    facts = versions | verdict.as_json()
    _write(out, facts)
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        _show(facts, out)


def _opened(version: str, where: Settings) -> Engine:
    from models import keys, registry

    return registry.open_engine(
        version,
        registry=where.registry_folder,
        trust=where.keys_folder / keys.TRUST_FILE,
        engine=where.engine,
        threads=where.threads or None,
    )


def _labelled(path: Path, task: str) -> list[Labelled]:
    """The different texts of a file that have a label of the task."""
    from trainer.dataset import merge, read_file
    from trainer.evaluate import only_task
    from trainer.gate.gather import Labelled

    _, rows = only_task(read_file(path, task).rows, task, str(path))
    examples, _ = merge(rows)
    return [Labelled(example.text, example.labels[task]) for example in examples]


def _write(out: Path, facts: dict[str, Any]) -> None:
    from runtime.errors import InputError

    try:
        out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the verdict to {out}: {error.strerror}; choose another --out") from error


def _show(facts: dict[str, Any], out: Path) -> None:
    from rich.table import Table

    from bellwether.cli.console import tables

    console = tables()
    table = Table("slice", "figure", "texts", "champion", "challenger", "points", "95 % bounds", "McNemar p")
    for name, one in facts["numbers"]["slices"].items():
        rows = {"macro-F1": {"texts": one["texts"]} | one["macro_f1"]}
        rows |= {f"recall of {label}": recall for label, recall in one["recall"].items()}
        for number, (figure, found) in enumerate(rows.items()):
            table.add_row(
                "" if number else name, figure, f"{found['texts']:,}", f"{found['champion']:.3f}",
                f"{found['challenger']:.3f}", f"{found['points']:+.1f}", f"{found['low']:+.1f} to {found['high']:+.1f}",
                "" if number else f"{one['mcnemar_p']:.3f}",
            )  # fmt: skip
    console.print(table)
    console.print(f"{facts['challenger']} beside {facts['champion']}: [bold]{facts['verdict']}[/]")
    for reason in facts["reasons"]:
        console.print(f"  {reason}", highlight=False, markup=False)
    console.print(f"the verdict is in {out}", highlight=False, markup=False)
