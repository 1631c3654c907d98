"""Which cluster a group was last seen on behind an address: a file, because a new cluster remembers nothing."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from runtime import log
from runtime.errors import DependencyError

FILE = "clusters.json"

LOCK_S = 10.0
"""Longest wait for another worker that writes, which takes it milliseconds."""

_log = log.get(__name__)


class Memory:
    """What one group knows of the clusters behind one address; workers of all groups share the file.

    Args:
        folder: where the file is.
        group: the consumer group.
        bootstrap: the address.
    """

    def __init__(self, folder: Path, group: str, bootstrap: str) -> None:
        self._file = folder / FILE
        self._key = f"{group}@{bootstrap}"
        self._bootstrap = bootstrap

    def difference(self, cluster: str) -> str | None:
        """A sentence where the cluster is another one than before."""
        known = self._read().get(self._key, cluster)
        if known == cluster:
            return None
        return f"the cluster behind {self._bootstrap} is {cluster!r}, it was {known!r} before (see {self._file})"

    def remember(self, cluster: str) -> None:
        """Write the cluster down, for the next start; what others write at the same time is kept.

        A disk that does not take the file stops nobody: the check of the next start is all that it is for.

        Raises:
            DependencyError: another process holds the lock and does not let go.
        """
        if self._read().get(self._key) == cluster:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock"), timeout=LOCK_S):
                self._write(self._read() | {self._key: cluster})
        except Timeout as error:
            raise DependencyError(
                f"another process has held the lock of {self._file} for {LOCK_S:.0f} s; end it, then start again"
            ) from error
        except OSError as error:
            _log.error(
                "cluster_memory_not_written",
                file=str(self._file),
                detail=str(error),
                cure="free the disk or make the folder writable; until then no start sees that the cluster is another",
            )

    def _write(self, clusters: dict[str, str]) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._file.parent, prefix=".clusters-", delete=False) as draft:
            path = Path(draft.name)
            try:
                draft.write(json.dumps(clusters, indent=1, sort_keys=True))
                draft.flush()
                os.fsync(draft.fileno())
                path.replace(self._file)
            except OSError:
                path.unlink(missing_ok=True)
                raise

    def _read(self) -> dict[str, str]:
        """The whole file. A damaged one stops nobody, but says that the check is off until the file is new."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            return self._damaged(str(error))
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            return self._damaged("it is no JSON object of cluster ids")
        return found

    def _damaged(self, why: str) -> dict[str, str]:
        _log.error(
            "cluster_memory_damaged",
            file=str(self._file),
            detail=why,
            cure="whether the cluster is another one than before was not checked, for no group; the file is made anew",
        )
        return {}
