"""Copies of this source tree with something replaced: builds that are broken on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

import streams
from runtime.errors import InputError

PACKAGES = ("bellwether", "streams", "trainer", "models", "wire", "runtime")
"""What a worker runs."""


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exact replacement."""

    file: str
    old: str
    new: str


def check(source: Path) -> None:
    """See to it that workers can run from a folder.

    Raises:
        InputError: it is no source tree of ours.
    """
    missing = [package for package in PACKAGES if not (source / package).is_dir()]
    if missing:
        raise InputError(
            f"{source} is no source tree of Bellwether: it has no folder {', '.join(missing)}; name the root of a "
            "checkout with --build"
        )


def make(name: str, edits: Sequence[Edit], folder: Path, source: Path | None = None) -> Path:
    """Copy the source tree and break it.

    Args:
        name: of the copy.
        edits: what is replaced.
        folder: receives the copy.
        source: the tree; the one that runs where not given.

    Returns:
        The copy, for `--build`.

    Raises:
        InputError: a place to edit is gone, or there is more than one.
    """
    root = source or Path(streams.__file__).parent.parent
    copy = folder / name
    for package in PACKAGES:
        shutil.copytree(root / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in edits:
        file = copy / edit.file
        text = file.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise InputError(
                f"broken build {name!r}: {edit.file} holds {edit.old!r} {text.count(edit.old)} times and not once; the "
                "code has changed, so change the edit in bellwether/chaos too"
            )
        file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return copy
