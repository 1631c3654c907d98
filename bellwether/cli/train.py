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
    from runtime.settings import Settings
    from trainer.run import Progress

LOG_EVERY_S = 30.0
"""Seconds between two lines of progress where nobody watches a bar."""


def train(
    recipe: Annotated[
        str, typer.Option(help="What is learnt and how: a TOML file, or one that ships (`accurate`, `fast`, …).")
    ],
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
    parent: Annotated[
        str | None,
        typer.Option(
            help="Go on from this version of the registry (alias or `v-` name): its encoder, heads and tasks.",
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="Like --data, but of old labels: the recipe's `replay` of them are learnt again beside it."),
    ] = None,
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
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Who draws losses and rates: `tensorboard` (the default, in the result's folder `curves`), `wandb` "
            "(needs the extra `wandb`), `none`; repeat for several."
        ),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Then also make the version, as `bellwether models build --trained` does.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON object on stdout: the training record, and `version` (the name that a build of it has), "
            "`seconds`, `seconds_per_1000_labels`, `metrics`.",
        ),
    ] = False,
) -> None:
    """Fine-tune a model on labelled files: adapter, heads, calibration, record and model card in one folder.

    With `--parent` training goes on from a version, which the new one names as its parent. The same recipe, data,
    seed and parent give the same version on the same machine.

    Example: `bellwether train --recipe fast --data sentiment.jsonl.gz --data topic.jsonl.gz --out my-model`
    """
    from runtime import settings
    from runtime.errors import InputError

    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"--precision {precision!r} is unknown; choose auto, fp32 or bf16")
    if parent is not None and encoder is not None:
        raise InputError(f"--parent {parent} brings its own encoder; leave out --encoder {encoder}")
    trackers = chosen_trackers(track or ["tensorboard"])
    where = settings.load()
    quiet_libraries()
    import torch

    from models.keys import TRUST_FILE
    from models.parents import open_parent
    from trainer.job import CHECKPOINT_FILE, Order
    from trainer.job import train as carry_out
    from trainer.run import Run

    if threads:
        torch.set_num_threads(threads)
    with shown_progress() as (report, tell):
        run = Run(
            checkpoint=out / CHECKPOINT_FILE, seed=seed, precision=precision, report=report, trackers=trackers,
            curves=out / "curves",
        )  # fmt: skip
        order = Order(
            recipe, data, out, run, replay=replay or (), checks=check or (), siblings=sibling or (), encoder=encoder,
            parent=open_parent(parent, where.registry_folder, where.keys_folder / TRUST_FILE) if parent else None,
            cache=where.cache, headlines=headlines, has_baselines=baselines, tell=tell,
        )  # fmt: skip
        facts = carry_out(order)
        if not facts:  # another of several processes writes and tells
            return
        version = made(out, encoder, where, tell) if build else named(out, facts)
    if as_json:
        typer.echo(json.dumps({**facts, "version": version, "metrics": brief(facts)}))
    else:
        _summarise(facts, out, version)


def chosen_trackers(names: list[str]) -> list[str]:
    """Accelerate's names of those who draw curves, each of which is installed.

    Raises:
        InputError: one is unknown or not installed.
    """
    from importlib.util import find_spec

    from runtime.errors import InputError

    for name in names:
        if name not in ("tensorboard", "wandb", "none"):
            raise InputError(f"--track {name!r} is unknown; choose tensorboard, wandb or none")
        if name != "none" and find_spec(name) is None:
            raise InputError(f"--track {name} needs a package that is not installed; pip install 'bellwether[{name}]'")
    return [name for name in names if name != "none"]


def named(out: Path, facts: dict[str, Any]) -> str:
    """The name that a build of this result would have, or has."""
    from models.lineage import lineage_of, version_name

    return version_name(lineage_of(out, facts))


def made(out: Path, encoder: str | None, where: Settings, tell: Callable[[str], None]) -> str:
    """Build the version into this machine's registry; its name."""
    from models import build as building

    folder = Path(encoder) if encoder is not None and Path(encoder).is_dir() else None
    return building.build(
        building.Order(
            trained=out, registry=where.registry_folder, keys=where.keys_folder, encoder=folder, cache=where.cache,
            tell=tell,
        )
    )  # fmt: skip


def brief(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The scores that matter, one row per data, part and task."""
    keys = ("data", "part", "task", "n", "accuracy", "macro_f1", "ece")
    return [{key: score[key] for key in keys} for score in facts["scores"]]


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


def _summarise(facts: dict[str, Any], out: Path, version: str) -> None:
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
    console.print(f"Written to {out}; its card is {out / 'README.md'}, its version {version}.")
