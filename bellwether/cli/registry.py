"""The life of a version in the shared store: publish, stage, promote, roll back, log, pull, list."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from bellwether.cli.console import going
from runtime import clock, one_line, settings
from runtime.errors import BrokerError, InputError, VersionNotFoundError

if TYPE_CHECKING:
    from models.pointer import Move, Pointer
    from models.store import Store
    from runtime.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]
WhyOption = Annotated[str, typer.Option(help="The reason, for those who read the log later.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `bellwether models`."""
    for command in (publish, stage, promote, rollback, log, pull):
        app.command()(command)


def publish(
    version: Annotated[str, typer.Argument(help="Alias, version name or folder of this machine.")],
    as_json: JsonOption = False,
) -> None:
    """Bring a version of this machine into the shared store; nothing there is ever changed.

    A publisher that was killed leaves no half version: calling this again completes it. Again it also says whether
    the store's copy is whole, and brings the signature of a newer key.

    Example: `bellwether models publish accurate`
    """
    from models import keys, publish, registry

    where = settings.load()
    folder = registry.resolve(version, where.registry_folder)
    store = _existing(where) or _made(where)
    with going(as_json) as tell:
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

    moved(version, pointer.staged, "stage", why, as_json, makes=True)


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

    _require_reason(why)
    where = settings.load()
    store = _existing(where)
    name, folder = _found(where, store, version)
    now = pointer.Pointer() if store is None else pointer.head(store)
    then = pointer.promoted(now, name)
    _confirm(f"let {name} serve instead of {now.champion or 'nothing'} (generation {then.generation})?", yes, as_json)
    store = store or _made(where)
    _bring(where, store, name, folder, as_json)
    _told(as_json, _move(store, "promote", now, then, why))


def rollback(why: WhyOption, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Let the version before be the champion again. Asks before it acts.

    Example: `bellwether models rollback --why "alarms without a cause since noon" --yes`
    """
    from models import pointer

    _require_reason(why)
    store = _opened(where := settings.load())
    now = pointer.head(store)
    then = pointer.rolled_back(now)
    _bring(where, store, then.champion or "", None, as_json)
    _confirm(f"let {then.champion} serve again instead of {now.champion} (generation {then.generation})?", yes, as_json)
    _told(as_json, _move(store, "rollback", now, then, why))


def log(as_json: JsonOption = False) -> None:
    """Show every move of the pointer: who, when, from, to and why.

    Example: `bellwether models log --json`
    """
    from models import pointer

    store = _opened(settings.load())
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

    where = settings.load()
    store = _opened(where)
    with going(as_json) as tell:
        folder = pull.pull(store, version, where.registry_folder, where.keys_folder / keys.TRUST_FILE, tell)
    _say(as_json, {"version": version, "folder": str(folder)}, f"{version} is in {folder}")


def list_store(as_json: bool) -> None:
    """Print the versions of the shared store, and what the pointer makes of each."""
    from models import pointer, publish

    store = _opened(settings.load())
    now = msgspec.to_builtins(pointer.head(store))
    names = publish.published(store)
    roles = {name: [role for role, version in now.items() if version == name] for name in names}
    rows = [{"version": name, "roles": own} for name, own in roles.items()]
    if as_json:
        typer.echo(json.dumps({"store": store.url, "pointer": now, "versions": rows}))
        return
    if not roles:
        typer.echo(f"no version in {store.url}; `bellwether models publish` brings one")
    for name, own in roles.items():
        typer.echo(f"{name}  {', '.join(own) or '-'}")


def _opened(where: Settings) -> Store:
    from models.store import open_store

    return open_store(where.store_url)


def _existing(where: Settings) -> Store | None:
    """The shared store, None where it is not there yet: nothing is made before it is known what for."""
    from models.store import StoreAwayError

    try:
        return _opened(where)
    except StoreAwayError:
        return None


def _made(where: Settings) -> Store:
    """The shared store, made where it is not there; whoever publishes is told, for it may have been lost."""
    from models.store import open_store

    store = open_store(where.store_url, make=True)
    typer.echo(f"{store.url} was not there: it is made anew and holds nothing", err=True)
    return store


def _found(where: Settings, store: Store | None, version: str) -> tuple[str, Path | None]:
    """The name of a version, and its folder where this machine has it; else the store has."""
    from models import publish, registry

    try:
        folder = registry.resolve(version, where.registry_folder)
    except VersionNotFoundError:
        if version in (known := [] if store is None else publish.published(store)):
            return version, None
        known += [one.name for one in registry.versions(where.registry_folder)]
        raise VersionNotFoundError(version, sorted(set(known))) from None
    return folder.name, folder


def _bring(where: Settings, store: Store, name: str, folder: Path | None, as_json: bool) -> None:
    """Publish a version of this machine; one that the store alone has must be signed by whom this machine trusts."""
    from models import keys, publish, pull

    if folder is None:
        pull.require_signed(store, name, where.keys_folder / keys.TRUST_FILE)
        return
    with going(as_json) as tell:
        publish.publish(store, folder, where.keys_folder / keys.TRUST_FILE, tell)


def _require_reason(why: str) -> None:
    if not why.strip():
        raise InputError("--why is empty; the log keeps it for whoever asks later")
    one_line.checked(why, "--why")


def _move(store: Store, action: str, now: Pointer, then: Pointer, why: str) -> Move:
    from models import pointer
    from models import store as stores

    stores.require_conditions(store)
    return pointer.append(store, action, now, then, who=_who(), at=clock.now(), why=why)


def _who() -> str:
    """Who moves the pointer, as USER@HOST; in a container the user's number may have no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _confirm(question: str, yes: bool, as_json: bool) -> None:
    if not yes and (as_json or not sys.stdin.isatty()):
        raise InputError(f"nobody can be asked: {question} Say --yes")
    if not yes:
        typer.confirm(question, abort=True)


def moved(
    version: str | None,
    change: Callable[[Pointer, str], Pointer],
    action: str,
    why: str,
    as_json: bool,
    *,
    makes: bool = False,
) -> None:
    """Make a move that asks nobody, of a version that is published where it is not yet; None moves without one.

    Raises:
        BellwetherError: see `models.pointer`.
    """
    from models import pointer

    _require_reason(why)
    where = settings.load()
    store = _existing(where) if makes else _opened(where)
    name, folder = ("", None) if version is None else _found(where, store, version)
    now = pointer.Pointer() if store is None else pointer.head(store)
    then = change(now, name)
    store = store or _made(where)
    if version is not None:
        _bring(where, store, name, folder, as_json)
    _told(as_json, _move(store, action, now, then, why))


def _told(as_json: bool, move: Move) -> None:
    """Say it to the workers, who look by themselves where the broker does not answer, and to the person."""
    from bellwether.moves import announce

    try:
        announce(settings.load().bootstrap, move.pointer)
    except BrokerError as error:
        typer.echo(str(error), err=True)
    _say(as_json, msgspec.to_builtins(move), _line(move))


def _line(move: Move) -> str:
    return one_line.shown(
        f"{move.pointer.generation:>6}  {move.at}  {move.action:<8} {move.before or '-'} -> {move.after or '-'}  "
        f"{move.who}: {move.why}"
    )


def _say(as_json: bool, told: Any, sentence: str) -> None:
    typer.echo(json.dumps(told) if as_json else sentence)
