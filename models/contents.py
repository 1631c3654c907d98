"""Which files a version's folder may hold, and their names."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from runtime.errors import CorruptVersionError

ALLOWED_SUFFIXES = frozenset({".json", ".safetensors", ".txt", ".xml", ".ov", ".md", ".toml", ".model"})
"""What a version may hold: nothing here is unpickled or imported by what reads it. OpenVINO's weights are named
`.ov`, so that `.bin` (which elsewhere is a pickle) never needs an exception."""


def files(folder: Path, apart: Collection[str]) -> Iterator[str]:
    """Names of all files below, `/` between parts, but for those `apart`.

    Raises:
        CorruptVersionError: there is a link, something that is no plain file, or a name that `check_name` refuses.
    """
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            relative = path.relative_to(folder).as_posix()
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise CorruptVersionError(
                    f"{path} is a link or no plain file; a version holds plain files alone: build or pull it again"
                )
            if relative not in apart:
                check_name(relative, str(folder))
                yield relative


def check_name(name: str, place: str) -> None:
    """See that a file may lie in a version.

    Args:
        name: as the manifest says it.
        place: the version, for messages.

    Raises:
        CorruptVersionError: the name leaves the folder, is none of a file, or is of a kind that can run code.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise CorruptVersionError(f"the manifest of {place} names {name!r}, which leaves the folder; do not trust it")
    if str(path) != name or not name.isprintable():
        raise CorruptVersionError(f"the manifest of {place} names {name!r}, which is no plain name; do not trust it")
    if path.suffix not in ALLOWED_SUFFIXES:
        raise CorruptVersionError(
            f"{place}/{name} is of a kind that no version may hold; allowed: {' '.join(sorted(ALLOWED_SUFFIXES))}; "
            "remove it, or build or pull the version again"
        )
