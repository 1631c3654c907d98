"""`bellwether models`: build, list, show and verify the versions of this machine's registry."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from bellwether.cli import registry as registry_commands
from bellwether.cli import serving, versions
from runtime import settings
from runtime.errors import CorruptVersionError, InputError, ModelError

if TYPE_CHECKING:
    from models.registry import Listed

app = typer.Typer(help="Model versions: build, look at, publish, promote, pull, export.", no_args_is_help=True)
registry_commands.register(app)
serving.register(app)
versions.register(app)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


@app.callback()
def models() -> None:
    """Model versions: build, look at, publish, promote, pull, export."""


@app.command()
def build(
    *,
    only: Annotated[
        str | None, typer.Option(help="Just one of the shipped models, `accurate` or `fast`.", show_default=False)
    ] = None,
    trained: Annotated[
        Path | None,
        typer.Option(help="Instead of the shipped ones: a folder that `bellwether train` wrote.", show_default=False),
    ] = None,
    alias: Annotated[
        str | None, typer.Option(help="Short name for the version of --trained.", show_default=False)
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(
            help="The encoder's folder for --trained, where its training.json names a folder of another machine.",
            show_default=False,
        ),
    ] = None,
    labelled: Annotated[
        list[Path] | None,
        typer.Option(
            help="Measure each engine on a labelled file's texts that were not trained on; repeat for several. Scores "
            "and confusion then stand in the manifest.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make complete, signed versions from training results; what is built already is verified and left alone.

    Takes about a minute of one core per model the first time. The key that signs is made on the first call and lies in
    the keys folder, readable by you alone.

    Example: `bellwether models build --trained my-model --alias mine`
    """
    from models import build as building
    from models import registry
    from trainer.held_out import unseen

    chosen = _chosen(building.shipped(), only, trained, alias)
    where = settings.load()
    quiet_libraries()
    if not chosen and not as_json:
        typer.echo("no model ships with this installation; build one of your own with --trained FOLDER")
    built = {}
    for name, folder in chosen.items():
        started = time.monotonic()
        order = building.Order(
            trained=folder,
            registry=where.registry_folder,
            keys=where.keys_folder,
            encoder=encoder,
            cache=where.cache,
            labelled=unseen(labelled or (), folder),
            tell=_teller(name),
        )
        built[name] = version = building.build(order)
        if alias is not None or trained is None:
            registry.set_alias(where.registry_folder, name, version)
        if not as_json:
            typer.echo(f"{name}: {version} ({time.monotonic() - started:.1f} s)")
    if as_json:
        typer.echo(json.dumps({"registry": str(where.registry_folder), "versions": built}))


@app.command(name="list")
def list_(
    store: Annotated[
        bool,
        typer.Option("--store", help="Those of the shared store, and who is champion, previous, staged, challenger."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the versions of this machine with their aliases and engines, or those of the shared store with their roles.

    Example: `bellwether models list --store --json`
    """
    from models import registry

    if store:
        registry_commands.list_store(as_json)
        return
    where = settings.load()
    found = registry.versions(where.registry_folder)
    if as_json:
        typer.echo(json.dumps({"registry": str(where.registry_folder), "versions": [_brief(one) for one in found]}))
        return
    if not found:
        typer.echo(f"no version in {where.registry_folder}; `bellwether models build` makes the shipped ones")
    for one in map(_brief, found):
        typer.echo(
            f"{one['version']}  {', '.join(one['aliases']) or '-':<10} {one['encoder'] or 'unreadable manifest':<14} "
            f"{one['created_at']}  {' '.join(one['engines'])}"
        )


@app.command()
def show(
    version: Annotated[str, typer.Argument(help="Alias, version name or folder.")], as_json: JsonOption = False
) -> None:
    """Show a version's manifest: tasks, engines with tolerance and agreement, lineage, scores; unverified.

    With --json also `generation` (of the pointer that made it champion; null where it is not, or where the store does
    not say), `parent`, `digest` (of the manifest) and `verdict` (of the gate, by the newest run record
    in the store that names the version; null where none does).

    Example: `bellwether models show accurate --json`
    """
    from models import held_out, manifest, registry

    where = settings.load()
    folder = registry.resolve(version, where.registry_folder)
    found = manifest.read(folder)
    if as_json:
        more = {
            "generation": _generation(where.store_url, found.version),
            "parent": found.lineage.parent,
            "digest": manifest.digest(folder / manifest.MANIFEST),
            "verdict": _verdict(where.store_url, found.version),
        }
        typer.echo(json.dumps(msgspec.to_builtins(found) | more))
        return
    typer.echo(f"{found.version} on {found.encoder}, built {found.created_at}, at most {found.max_tokens} tokens")
    if found.lineage.parent is not None:
        typer.echo(f"  trained on from {found.lineage.parent}")
    for name, task in found.tasks.items():
        typer.echo(f"  task {name}: {', '.join(task.labels)}")
    for name, engine in found.engines.items():
        agreement = ", ".join(f"{task} {share:.1%}" for task, share in engine.agreement.items())
        typer.echo(f"  engine {name}: same label as full precision {agreement}; farthest off {engine.tolerance:.4f}")
        for score in held_out.engine_scores(found, name):
            typer.echo(f"    {held_out.sentence(score)}")
    for score in held_out.scores(found):
        typer.echo(f"  {held_out.sentence(score)}")


@app.command()
def sign(
    version: Annotated[str, typer.Argument(help="Alias, version name or folder of this machine.")],
    as_json: JsonOption = False,
) -> None:
    """Sign a version again with this machine's key, after the key that had signed it was revoked.

    Its files are held against its manifest. That the manifest is yours only you can know: sign what you built, or had
    before the old key fell into other hands. `bellwether models publish` then brings the signature into the store.

    Example: `bellwether models sign accurate`
    """
    from models import keys, manifest, registry

    where = settings.load()
    folder = registry.resolve(version, where.registry_folder)
    public = keys.ensure(where.keys_folder)
    manifest.sign_again(folder, where.keys_folder)
    if as_json:
        typer.echo(json.dumps({"version": folder.name, "key": public.id}))
    else:
        typer.echo(f"{folder.name} is signed by {public.id}")


@app.command()
def verify(
    version: Annotated[
        str | None, typer.Argument(help="Alias, version name or folder; all of the registry by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check signature and digests of versions; exit 1 if one does not hold.

    Example: `bellwether models verify accurate`
    """
    from models import keys, registry

    where = settings.load()
    if version is None:
        folders = [one.folder for one in registry.versions(where.registry_folder)]
    else:
        folders = [registry.resolve(version, where.registry_folder)]
    problems: dict[str, str | None] = {}
    for folder in folders:
        try:
            registry.verified(folder, where.keys_folder / keys.TRUST_FILE)
            problems[folder.name] = None
        except CorruptVersionError as error:
            problems[folder.name] = str(error)
    if as_json:
        typer.echo(json.dumps({"versions": problems}))
    else:
        for name, problem in problems.items():
            typer.echo(f"{name}: {problem or 'holds'}")
        if not problems:
            typer.echo(f"no version in {where.registry_folder}; `bellwether models build` makes the shipped ones")
    if any(problems.values()):
        raise typer.Exit(1)


def quiet_libraries() -> None:
    """Keep transformers' loading bars and advice off the terminal: ours says what happens."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _generation(store_url: str, version: str) -> int | None:
    """The generation that made a version champion, None where it is not, or where the store does not say."""
    from models import pointer
    from models.store import open_store

    try:
        now = pointer.head(open_store(store_url))
    except ModelError as error:
        typer.echo(f"no generation is known: {error}", err=True)
        return None
    return now.since if now.champion == version else None


def _verdict(store_url: str, version: str) -> str | None:
    """What the gate said of a version, None where no run record names it, or where the store does not answer."""
    from models.store import open_store
    from trainer.service import records

    try:
        own = [one for one in records.every(open_store(store_url)) if one.version == version]
    except ModelError:  # `_generation` has said why
        return None
    return own[-1].judgement.verdict if own else None


def _chosen(shipped: dict[str, Path], only: str | None, trained: Path | None, alias: str | None) -> dict[str, Path]:
    if trained is not None:
        if only is not None:
            raise InputError("--only chooses a shipped model and --trained gives one of your own; leave one out")
        return {alias or trained.name: trained}
    if alias is not None:
        raise InputError(f"--alias {alias!r} is for a model of your own; give its folder with --trained")
    if only is None:
        return shipped
    if only not in shipped:
        raise InputError(f"--only {only!r} is no shipped model; there are: {', '.join(shipped) or 'none'}")
    return {only: shipped[only]}


def _teller(name: str) -> Callable[[str], None]:
    return lambda sentence: print(f"{name}: {sentence} …", file=sys.stderr, flush=True)


def _brief(one: Listed) -> dict[str, Any]:
    found = one.manifest
    return {
        "version": one.name,
        "aliases": list(one.aliases),
        "encoder": found.encoder if found else None,
        "created_at": found.created_at if found else None,
        "engines": list(found.engines) if found else [],
        "tasks": {name: list(task.labels) for name, task in found.tasks.items()} if found else {},
    }
