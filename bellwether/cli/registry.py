"""The life of a version in the shared store: publish, stage, promote, roll back, log, pull, export, diff."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from runtime import clock, settings
from runtime.errors import InputError

if TYPE_CHECKING:
    from models.pointer import Move, Pointer
    from models.store import Store
    from runtime.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]
WhyOption = Annotated[str, typer.Option(help="The reason, for those who read the log later.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `bellwether models`."""
    for command in (publish, stage, promote, rollback, log, pull, export, diff):
        app.command()(command)


def publish(
    version: Annotated[str, typer.Argument(help="Alias, version name or folder of this machine.")],
    as_json: JsonOption = False,
) -> None:
    """Bring a version of this machine into the shared store; nothing there is ever changed.

    A publisher that was killed leaves no half version: calling this again completes it.

    Example: `bellwether models publish accurate`
    """
    from models import keys, publish, registry

    where, store = _opened()
    folder = registry.resolve(version, where.registry_folder)
    with _progress(as_json) as tell:
        is_new = publish.publish(store, folder, where.keys_folder / keys.TRUST_FILE, tell)
    told = {"version": folder.name, "store": store.url, "published": is_new}
    _say(as_json, told, f"{folder.name} {'is' if is_new else 'was already'} in {store.url}")


def stage(
    version: Annotated[str, typer.Argument(help="Alias or version name; it is published where it is not yet.")],
    why: WhyOption,
    as_json: JsonOption = False,
) -> None:
    """Say that a version is next, so that it can be made ready before it is promoted.

    Example: `bellwether models stage accurate --why "trained on November's labels"`
    """
    from models import pointer

    where, store = _opened()
    name = _published(where, store, version, as_json)
    _told(as_json, _move(store, "stage", pointer.head(store), lambda now: pointer.staged(now, name), why))


def promote(
    version: Annotated[str, typer.Argument(help="Alias or version name; it is published where it is not yet.")],
    why: WhyOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a version be the champion, which `--model champion` serves. Asks before it acts.

    Example: `bellwether models promote accurate --why "better on November's labels" --yes`
    """
    from models import pointer

    where, store = _opened()
    name = _published(where, store, version, as_json)
    now = pointer.head(store)
    _confirm(
        f"let {name} serve instead of {now.champion or 'nothing'} (generation {now.generation + 1})?", yes, as_json
    )
    _told(as_json, _move(store, "promote", now, lambda now: pointer.promoted(now, name), why))


def rollback(why: WhyOption, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Let the version before be the champion again. Asks before it acts.

    Example: `bellwether models rollback --why "alarms without a cause since noon" --yes`
    """
    from models import pointer

    _, store = _opened()
    now = pointer.head(store)
    then = pointer.rolled_back(now)
    _confirm(f"let {then.champion} serve again instead of {now.champion} (generation {then.generation})?", yes, as_json)
    _told(as_json, _move(store, "rollback", now, pointer.rolled_back, why))


def log(as_json: JsonOption = False) -> None:
    """Show every move of the pointer: who, when, from, to and why.

    Example: `bellwether models log --json`
    """
    from models import pointer

    _, store = _opened()
    moves = pointer.moves(store)
    if as_json:
        typer.echo(json.dumps({"store": store.url, "moves": msgspec.to_builtins(moves)}))
        return
    if not moves:
        typer.echo(f"no move in {store.url} yet; `bellwether models promote` makes the first")
    for move in moves:
        typer.echo(_line(move))


def pull(
    version: Annotated[str, typer.Argument(help="Version name in the shared store.")], as_json: JsonOption = False
) -> None:
    """Bring a version from the shared store onto this machine, verified before anything parses it.

    Example: `bellwether models pull v-0123456789`
    """
    from models import keys, pull

    where, store = _opened()
    with _progress(as_json) as tell:
        folder = pull.pull(store, version, where.registry_folder, where.keys_folder / keys.TRUST_FILE, tell)
    _say(as_json, {"version": version, "folder": str(folder)}, f"{version} is in {folder}")


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
    _say(as_json, {"version": folder.name, "task": task, "folder": str(out)}, f"{task} of {folder.name} is in {out}")


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


def _opened() -> tuple[Settings, Store]:
    from models.store import open_store

    where = settings.load()
    return where, open_store(where.store_url)


def _published(where: Settings, store: Store, version: str, as_json: bool) -> str:
    """The name of a version that the store holds; one of this machine is published first."""
    from models import keys, publish, registry
    from runtime.errors import VersionNotFoundError

    try:
        folder = registry.resolve(version, where.registry_folder)
    except VersionNotFoundError:
        if version in publish.published(store):
            return version
        raise
    with _progress(as_json) as tell:
        publish.publish(store, folder, where.keys_folder / keys.TRUST_FILE, tell)
    return folder.name


def _move(store: Store, action: str, now: Pointer, change: Callable[[Pointer], Pointer], why: str) -> Move:
    from models import pointer
    from models import store as stores

    if not why.strip():
        raise InputError("--why is empty; the log keeps it for whoever asks later")
    stores.require_conditions(store)
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    return pointer.append(store, action, now, change(now), who=who, at=clock.now(), why=why)


def _confirm(question: str, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InputError(f"nobody can be asked: {question} Say --yes")
    typer.confirm(question, abort=True)


def _told(as_json: bool, move: Move) -> None:
    _say(as_json, msgspec.to_builtins(move), _line(move))


def _line(move: Move) -> str:
    return (
        f"{move.pointer.generation:>6}  {move.at}  {move.action:<8} {move.before or '-'} -> {move.after}  "
        f"{move.who}: {move.why}"
    )


def _say(as_json: bool, told: Any, sentence: str) -> None:
    typer.echo(json.dumps(told) if as_json else sentence)


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[str, int], None]]:
    """Shows on a terminal which file goes and how much went; yields what is told of each before it goes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as progress:
        task = progress.add_task("looking", total=0)
        begun = 0

        def tell(name: str, size: int) -> None:
            nonlocal begun
            progress.update(task, description=name, completed=begun, total=begun + size)
            begun += size

        yield tell
