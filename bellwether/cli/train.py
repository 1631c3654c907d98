"""`bellwether train`: fine-tune a model of our own on labelled files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from trainer.finetune import Progress

LOG_EVERY_S = 30.0
"""Seconds between two lines of progress where nobody watches a bar."""


def train(
    recipe: Annotated[str, typer.Option(help="What is learnt: a TOML file, or `accurate` or `fast`.")],
    data: Annotated[
        list[Path],
        typer.Option(
            help="JSON Lines (gz too) with `text` and `label`; repeat for several. 80 % is trained on, split by hash."
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of the result. The same command goes on with a killed run there; a finished one begins anew."
        ),
    ],
    encoder: Annotated[
        str | None,
        typer.Option(help="Known name, folder or HUB_ID@REVISION; the recipe's by default.", show_default=False),
    ] = None,
    check: Annotated[
        list[Path] | None,
        typer.Option(help="Like --data, but only scored: never trained on. For other years and sources."),
    ] = None,
    sibling: Annotated[
        list[Path] | None,
        typer.Option(help="Result with another seed; the model card shows the spread."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of heads, order, dropout and augmentation.")] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads; 0 = all cores. Two runs with 1 each beat one with 2.")
    ] = 0,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16; auto measures which is faster here.")] = "auto",
    headlines: Annotated[
        Path | None,
        typer.Option(
            help="Texts to build versions with, one a line, eight of which will stand in each version's manifest; "
            "drawn from the training texts by default. For texts that must not leave this machine.",
            show_default=False,
        ),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Measure TF-IDF + logistic regression and the majority on the same texts.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The training record as one JSON object on stdout.")] = False,
) -> None:
    """Fine-tune a model on labelled files: adapter, heads, calibration, record and model card in one folder.

    Example: `bellwether train --recipe fast --data sentiment.jsonl.gz --data topic.jsonl.gz --out my-model`
    """
    from runtime import settings
    from runtime.errors import InputError

    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"--precision {precision!r} is unknown; choose auto, fp32 or bf16")
    cache = settings.load().cache
    quiet_libraries()
    import torch

    from trainer.finetune import Run
    from trainer.job import CHECKPOINT_FILE, Order
    from trainer.job import train as carry_out

    if threads:
        torch.set_num_threads(threads)
    with shown_progress() as (report, tell):
        run = Run(checkpoint=out / CHECKPOINT_FILE, seed=seed, precision=precision, report=report)
        facts = carry_out(
            Order(recipe, data, out, run, check or (), sibling or (), encoder, cache, headlines, baselines, tell)
        )
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        _summarise(facts, out)


def quiet_libraries() -> None:
    """Keep transformers' loading bars and advice off the terminal: ours says what happens."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@contextmanager
def shown_progress() -> Iterator[tuple[Callable[[Progress], None], Callable[[str], None]]]:
    """How progress and sentences reach a person: a bar on a terminal, a line every `LOG_EVERY_S` elsewhere."""
    if not sys.stderr.isatty():
        yield _lines(), lambda sentence: print(sentence, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[left]} left"),
    )
    with Bar(TextColumn("training"), *columns, console=console, transient=True) as bar:
        row = bar.add_task("training", total=None, loss=float("nan"), left="…")

        def report(at: Progress) -> None:
            bar.update(row, total=at.steps, completed=at.step, loss=at.loss, left=_clock(at.seconds_left))

        yield report, console.print


def _lines() -> Callable[[Progress], None]:
    last = -LOG_EVERY_S

    def report(at: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LOG_EVERY_S or at.step == at.steps:
            last = now
            left = _clock(at.seconds_left)
            print(f"step {at.step} of {at.steps}, loss {at.loss:.3f}, {left} left", file=sys.stderr, flush=True)

    return report


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _summarise(facts: dict[str, Any], out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{facts['name']} (texts that were not trained on)")
    for title in ("data", "task", "n", "accuracy", "macro-F1", "ECE", "TF-IDF macro-F1"):
        table.add_column(title, justify="left" if title in ("data", "task") else "right")
    for score in facts["scores"]:
        numbers = [f"{score[key]:.3f}" for key in ("accuracy", "macro_f1", "ece")]
        tfidf = f"{score['tfidf']['macro_f1']:.3f}" if "tfidf" in score else "–"
        table.add_row(score["data"], score["task"], str(score["n"]), *numbers, tfidf)
    console = Console()
    console.print(table)
    console.print(f"Written to {out}; its card is {out / 'README.md'}.")
