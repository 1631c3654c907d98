"""Which cluster a group was last seen on behind an address, and which topic: a file, because a new one forgets all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from runtime import log, whole_file
from runtime.errors import DependencyError

FILE = "clusters.json"

LOCK_S = 10.0
"""Longest wait for another worker that writes, which takes it milliseconds."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Log:
    """Whose log a group reads, by ids: an address may come to name another cluster, and a name another topic."""

    cluster: str
    topic: str | None
    """None where there is no such topic, or where the broker is older than topic ids."""


def difference(was: Log, found: Log, *, bootstrap: str, topic: str, since: str) -> str | None:
    """A sentence where this is another log than before; an id that is not known differs from none.

    Args:
        was: the log of before.
        found: the log that answers now.
        bootstrap: the address of both.
        topic: the name of both.
        since: when it was the other one.
    """
    if was.cluster != found.cluster:
        return (
            f"the cluster behind {bootstrap} is {found.cluster!r} now, it was {was.cluster!r} {since}; what the other "
            "one held and this one does not is lost. Check the bootstrap address"
        )
    if was.topic is None or found.topic is None or was.topic == found.topic:
        return None
    return (
        f"topic {topic} was made anew: its id is {found.topic!r} now, it was {was.topic!r} {since}; what the old log "
        "held unread is lost"
    )


class Memory:
    """What one group knows of the log behind one address; workers of all groups share the file.

    The file is one flat object: ids of clusters by `group@address`, and ids of topics by `group@address/topic`, which
    versions that know nothing of topic ids neither write nor miss.

    Args:
        folder: where the file is.
        group: the consumer group.
        bootstrap: the address.
        topic: the name of the topic that the group reads.
    """

    def __init__(self, folder: Path, group: str, bootstrap: str, topic: str) -> None:
        self._file = folder / FILE
        self._cluster_key = f"{group}@{bootstrap}"
        self._topic_key = f"{self._cluster_key}/{topic}"
        self._bootstrap = bootstrap
        self._topic = topic

    def difference(self, found: Log) -> str | None:
        """A sentence where this is another log than before."""
        known = self._read()
        return difference(
            Log(known.get(self._cluster_key, found.cluster), known.get(self._topic_key)),
            found,
            bootstrap=self._bootstrap,
            topic=self._topic,
            since=f"before (see {self._file})",
        )

    def remember(self, found: Log) -> None:
        """Write the log down, for the next start; what others write at the same time is kept.

        A disk that does not take the file stops nobody: the check of the next start is all that it is for.

        Raises:
            DependencyError: another process holds the lock and does not let go.
        """
        ids = {self._cluster_key: found.cluster} | ({} if found.topic is None else {self._topic_key: found.topic})
        if ids.items() <= self._read().items():
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock"), timeout=LOCK_S):
                written = json.dumps(self._read() | ids, indent=1, sort_keys=True)
                whole_file.write(self._file, written.encode())
        except Timeout as error:
            raise DependencyError(
                f"another process has held the lock of {self._file} for {LOCK_S:.0f} s; end it, then start again"
            ) from error
        except OSError as error:
            _log.error(
                "cluster_memory_not_written",
                file=str(self._file),
                detail=str(error),
                cure="free the disk or make the folder writable; until then no start sees that the log is another",
            )

    def _read(self) -> dict[str, str]:
        """The whole file. A damaged one stops nobody, but says that the check is off until the file is new."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            return self._damaged(str(error))
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            return self._damaged("it is no JSON object of ids")
        return found

    def _damaged(self, why: str) -> dict[str, str]:
        _log.error(
            "cluster_memory_damaged",
            file=str(self._file),
            detail=why,
            cure="whether the log is another one than before was not checked, for no group; the file is made anew",
        )
        return {}
