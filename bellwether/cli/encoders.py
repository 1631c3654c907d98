"""`bellwether encoders`: pre-trained encoders that models are trained on."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bellwether.cli.console import tables

app = typer.Typer(help="Pre-trained encoders that models are trained on: list them, bring one.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


@app.callback()
def encoders() -> None:
    """Pre-trained encoders that models are trained on: list them, bring one."""


@app.command("list")
def list_known(*, as_json: JsonOption = False) -> None:
    """The encoders that are known by name, and which of them are in the cache already.

    Any other one works as a folder or as HUB_ID@REVISION.

    Example: `bellwether encoders list --json`
    """
    from models import encoders as known
    from runtime import settings

    cache = settings.load().cache
    rows = [
        {
            "name": one.name,
            "language": one.language,
            "parameters": one.parameters,
            "source": one.source,
            "present": known.is_present(one.name, cache),
        }
        for one in known.KNOWN.values()
    ]
    if as_json:
        typer.echo(json.dumps({"encoders": rows}))
        return
    from rich.table import Table

    table = Table("name", "language", "parameters", "in the cache", "source")
    for row in rows:
        parameters = f"{int(str(row['parameters'])) / 1e6:.1f} M"
        is_here = "yes" if row["present"] else "no"
        table.add_row(str(row["name"]), str(row["language"]), parameters, is_here, str(row["source"]))
    tables().print(table)


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="Known name, folder or HUB_ID@REVISION (40 hex digits).")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring an encoder as a plain Hugging Face folder, check its digest, and print where it lies.

    Example: `bellwether encoders get bge-small-en`
    """
    from bellwether.cli.train import quiet_libraries
    from models import encoders as known
    from runtime import settings

    quiet_libraries()
    folder = known.resolve(name, settings.load().cache)
    if as_json:
        facts = {"name": name, "folder": str(folder), "weights_sha256": known.weights_digest(folder)}
        typer.echo(json.dumps(facts))
    else:
        typer.echo(folder)
