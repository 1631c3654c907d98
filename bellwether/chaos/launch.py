"""Becomes another command, in another folder and environment: `python -m bellwether.chaos.launch ORDER`.

`bellwether.demo.children.Child` starts commands in our own environment; workers under test need one of theirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import msgspec

from runtime.settings import PREFIX


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to become."""

    arguments: tuple[str, ...]
    """What `python -m` runs."""
    environment: Mapping[str, str]
    """Added; of our own settings no other is left."""
    folder: str | None = None
    """Where it runs; `python -m` finds the modules of this folder first."""


def arguments(order: Order) -> list[str]:
    """What `Child` shall run."""
    return ["bellwether.chaos.launch", msgspec.json.encode(order).decode()]


def environment(order: Order, ours: Mapping[str, str]) -> dict[str, str]:
    """Ours without settings of the person who runs this, and with the order's."""
    return {name: value for name, value in ours.items() if not name.startswith(PREFIX)} | dict(order.environment)


def main(given: Sequence[str]) -> None:
    """Become the command; does not return."""
    order = msgspec.json.decode(given[0], type=Order)
    if order.folder is not None:
        os.chdir(order.folder)
    os.execve(sys.executable, [sys.executable, "-m", *order.arguments], environment(order, os.environ))


if __name__ == "__main__":
    main(sys.argv[1:])
