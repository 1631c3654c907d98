"""The `bellwether` command: one file per subcommand in this folder, registered here."""

from __future__ import annotations

import sys

import typer

from bellwether.cli import (
    bench,
    broker,
    chaos,
    dead,
    demo,
    encoders,
    erase,
    evaluate,
    gate,
    ingest,
    keys,
    label,
    models,
    score,
    topics,
    train,
    trainer,
    worker,
)
from runtime.errors import BellwetherError, InputError, PromiseError, SettingsError

app = typer.Typer(
    name="bellwether",
    help="Sentiment and topic of a Kafka text stream, scored by a fine-tuned transformer, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def root() -> None:
    """Sentiment and topic of a Kafka text stream, scored by a fine-tuned transformer, nothing lost.

    A first look: `bellwether demo`. Settings are `BELLWETHER_*` variables; see the README.
    """


app.add_typer(demo.app, name="demo")
app.add_typer(broker.app, name="broker")
app.add_typer(topics.app, name="topics")
app.command()(worker.worker)
app.add_typer(ingest.app, name="ingest")
app.add_typer(dead.app, name="dead")
app.command()(score.score)
app.command()(evaluate.evaluate)
app.command()(gate.gate)
app.command()(train.train)
app.add_typer(trainer.app, name="trainer")
app.add_typer(label.app, name="label")
app.command()(erase.erase)
app.add_typer(encoders.app, name="encoders")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(bench.app, name="bench")
app.add_typer(chaos.app, name="chaos")


def main() -> None:
    """Run a command; exit codes: 0 done, 1 failed or a promise broken, 2 wrong use."""
    try:
        app()
    except BellwetherError as error:
        what = "promise broken" if isinstance(error, PromiseError) else "error"
        print(f"{what}: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, (InputError, SettingsError)) else 1)
