"""What is made of versions that this machine has: an export of one task, the difference of two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from runtime import settings

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `bellwether models`."""
    for command in (export, diff):
        app.command()(command)


def export(
    version: Annotated[str, typer.Argument(help="Alias, version name or folder.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist.")],
    task: Annotated[str, typer.Option(help="Which of the version's tasks.")] = "sentiment",
    as_json: JsonOption = False,
) -> None:
    """Write one task of a version as a stock folder that a plain transformers install loads.

    Example: `bellwether models export accurate --task topic --out topic-model`
    """
    from bellwether.cli.models import quiet_libraries
    from models import export, keys, registry

    where = settings.load()
    quiet_libraries()
    folder = registry.resolve(version, where.registry_folder)
    export.export(folder, task, out, where.keys_folder / keys.TRUST_FILE)
    if as_json:
        typer.echo(json.dumps({"version": folder.name, "task": task, "folder": str(out)}))
    else:
        typer.echo(f"{task} of {folder.name} is in {out}")


def diff(
    old: Annotated[str, typer.Argument(help="Alias, version name or folder.")],
    new: Annotated[str, typer.Argument(help="Alias, version name or folder.")],
    as_json: JsonOption = False,
) -> None:
    """Show in what two versions differ: lineage, encoder, labels, engines and scores; unverified.

    Example: `bellwether models diff fast accurate`
    """
    from models import manifest, registry
    from models.difference import difference

    folders = [registry.resolve(version, settings.load().registry_folder) for version in (old, new)]
    found = difference(*map(manifest.read, folders))
    if as_json:
        typer.echo(json.dumps({"old": folders[0].name, "new": folders[1].name, "differences": found}))
        return
    for name, (before, after) in found.items():
        typer.echo(f"{name}: {before} -> {after}")
    if not found:
        typer.echo("no difference")
