"""`bellwether keys`: the key that signs this machine's versions, and the keys that it trusts or has revoked."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from runtime import settings

app = typer.Typer(help="Signing keys: create, list, trust, revoke.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


@app.callback()
def keys() -> None:
    """Signing keys: create, list, trust, revoke."""


@app.command()
def create(as_json: JsonOption = False) -> None:
    """Make this machine's signing key, once; later calls show its public half.

    Where the key was revoked a new one is made; the old is kept aside and never used. What it had signed,
    `bellwether models sign` signs again.

    Example: `bellwether keys create`
    """
    from models import keys as signing

    folder = settings.load().keys_folder
    public = signing.ensure(folder)
    if as_json:
        typer.echo(json.dumps({"id": public.id, "public": public.encoded, "folder": str(folder)}))
    else:
        typer.echo(f"{public.id}  {signing.ALGORITHM} {public.encoded}  ({folder / signing.PRIVATE_FILE})")


@app.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """Show the keys whose versions this machine serves, and those that it has revoked.

    Example: `bellwether keys list --json`
    """
    from models import keys as signing

    file = settings.load().keys_folder / signing.TRUST_FILE
    found, gone = signing.trusted(file), signing.revoked(file)
    if as_json:
        rows = [{"id": key.id, "public": key.encoded, "note": key.note} for key in found]
        typer.echo(json.dumps({"trust_file": str(file), "keys": rows, "revoked": [key.id for key in gone]}))
        return
    for key in found:
        typer.echo(f"{key.id}  {signing.ALGORITHM} {key.encoded}  {key.note}")
    for key in gone:
        typer.echo(f"{key.id}  revoked  {key.note}")
    if not found:
        typer.echo(f"{file} trusts no key; `bellwether keys create` makes this machine's")


@app.command()
def trust(
    public: Annotated[
        str, typer.Argument(help="What `bellwether keys list` prints there: `ed25519 BASE64`, in quotes, or BASE64.")
    ],
    note: Annotated[str, typer.Option(help="Whose key it is.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Serve versions that another machine's key signed, from now on.

    Example: `bellwether keys trust 3vdB7Zk0m8cF1mJm9cGQvWb1rJp0mQyPZ3iC6s9T2xA= --note trainer`
    """
    from models import keys as signing

    key = signing.PublicKey(public.removeprefix(f"{signing.ALGORITHM} ").strip(), note)
    added = signing.trust(settings.load().keys_folder / signing.TRUST_FILE, key)
    if as_json:
        typer.echo(json.dumps({"id": key.id, "added": added}))
        return
    typer.echo(f"{key.id} is {'trusted from now on' if added else 'trusted already'}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The 16 hex digits that `bellwether keys list` prints first.")],
    as_json: JsonOption = False,
) -> None:
    """Serve nothing any more that this key signed, whenever it did; a worker that serves it ends within seconds.

    So let another version serve first, with `bellwether models rollback` or `promote`, where one of its versions does.

    Example: `bellwether keys revoke 39b73e0da10b1c22`
    """
    from models import keys as signing

    gone = signing.revoke(settings.load().keys_folder / signing.TRUST_FILE, key)
    if as_json:
        typer.echo(json.dumps({"id": gone.id, "revoked": True}))
    else:
        typer.echo(
            f"{gone.id} is revoked; versions that it signed do not load here any more; where it was this machine's, "
            "`bellwether keys create` makes another and `bellwether models sign` signs with it"
        )
