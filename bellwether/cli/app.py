"""The `bellwether` command: one file per subcommand in this folder, registered here."""

from __future__ import annotations

import sys

import typer

from bellwether.cli import broker
from runtime.errors import BellwetherError, PromiseError

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


app.add_typer(broker.app, name="broker")


def main() -> None:
    """Run a command; exit codes: 0 done, 1 failed or a promise broken, 2 wrong use."""
    try:
        app()
    except PromiseError as error:
        sys.exit(f"promise broken: {error}")
    except BellwetherError as error:
        sys.exit(f"error: {error}")
