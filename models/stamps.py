"""Whether the files of a folder changed between two looks at it, without reading them."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import CorruptVersionError

Stamps = dict[Path, tuple[int, int, int, int]]


def of(folder: Path) -> Stamps:
    """Inode, bytes, and times of content and of inode (ns) of all below; whoever writes or replaces one changes it.

    The inode's time is the kernel's: no program can set it back.
    """
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for path, one in found.items()}


def require(folder: Path, before: Stamps) -> None:
    """See that nothing was written since an earlier look.

    Raises:
        CorruptVersionError: something was.
    """
    now = of(folder)
    changed = sorted(path for path in now.keys() | before.keys() if now.get(path) != before.get(path))
    if changed:
        raise CorruptVersionError(
            f"{changed[0]} changed while it was loaded; find out who writes there, then try again"
        )
