"""`docs/commands.md` from the commands themselves: `python -m bellwether.cli.reference > docs/commands.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import typer.main

from bellwether.cli.app import app

HEAD = """# Commands

Written by `python -m bellwether.cli.reference > docs/commands.md`; a test compares.
Each setting of `runtime/settings.py` is also a variable `BELLWETHER_<NAME>`.
Exit codes: 0 done, 1 failed or a promise broken, 2 wrong use.
With `--json`, standard output holds one object (per-item commands: one object a line) and nothing else.
"""


def render() -> str:
    """The whole reference as Markdown, the same on every machine."""
    return "\n".join([HEAD, *_sections(typer.main.get_command(app), "bellwether")])


def _sections(command: object, path: str) -> Iterator[str]:
    children = getattr(command, "commands", None) or {}
    if not children or getattr(command, "invoke_without_command", False):
        yield from _own(command, path)
    for name, child in children.items():
        yield from _sections(child, f"{path} {name}")


def _own(command: object, path: str) -> Iterator[str]:
    words = (inspect.cleandoc(getattr(command, part, None) or "") for part in ("help", "epilog"))
    yield "\n\n".join([f"## {path}", *filter(None, words)]) + "\n"
    rows = [_row(parameter) for parameter in getattr(command, "params", []) if not getattr(parameter, "hidden", False)]
    if rows:
        yield "| argument | default | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _row(parameter: object) -> str:
    names = [*getattr(parameter, "opts", []), *getattr(parameter, "secondary_opts", [])]
    is_argument = getattr(parameter, "param_type_name", "") == "argument"
    shown = str(getattr(parameter, "name", "")).upper() if is_argument else ", ".join(names)
    default = getattr(parameter, "default", None)
    default_text = "" if default is None or default in ((), [], False) or callable(default) else f"`{default}`"
    meaning = (getattr(parameter, "help", None) or "").replace("\n", " ").replace("|", "\\|")
    return f"| `{shown}` | {default_text} | {meaning} |"


if __name__ == "__main__":
    print(render(), end="")
