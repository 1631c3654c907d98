"""Texts that do to an engine what hostile or unlucky ones may do, so that anybody can watch a worker survive them.

Part of the product: the reliability runs send these texts through a real line, also with a real model behind it, where
the neighbours of a deadly text must still get the scores that they always get. No engine obeys them unasked.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from models.engine import CallReport, Engine, Probabilities, Task
from runtime.errors import EngineError

SLOW_S = 0.005
"""What `[[slow]]` costs: 200 texts a second, so that a test knows how much a worker can do in a given time."""

HEAVY_MIB = 40
"""What each `[[heavy]]` text of a call takes until the call ends.

More than 32 MiB, because glibc keeps smaller pieces after they were freed: how much the next call may take would then
depend on what others did. A larger one comes from the system each time and goes straight back to it."""

HEAVY_TEXTS_MIB = 620
"""What all of them may take at once: 15 of them in one call, and one more is too many."""

ALLOC_MIB = 16
ALLOC_PAUSE_S = 0.005
"""`[[alloc]]` takes about 2 GiB a second: fast enough for any guard, slow enough that a test machine survives one."""


class Traps:
    """Does what the markers in texts say.

    - `[[error]]` raises EngineError.
    - `[[slow]]` takes `SLOW_S`; `[[hang]]` sleeps for an hour.
    - `[[crash]]` ends the process at once; `[[crash-once]]` the first time that this very text is met (remembered in
      `scratch`, so that it outlives the process); `[[abort]]` ends it as a failed assertion in native code does.
    - `[[alloc]]` takes memory without end.
    - `[[heavy]]` holds `HEAVY_MIB` until the call ends. While the heavy texts of a call take theirs, the process may
      hold `HEAVY_TEXTS_MIB` more than before, so that a call with more than 15 of them runs out of memory and lives on.
      The engine itself never meets the limit: it takes memory of its own for each new shape, and a tokeniser that runs
      out of it ends the process. Only on Linux: no other system lets a process limit its own memory, and there they
      just cost theirs.

    Args:
        scratch: folder for what `[[crash-once]]` remembers; without it the marker acts like `[[crash]]`.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch

    def obey(self, texts: Sequence[str]) -> list[bytes]:
        """Obey the markers of all texts of a call, in the order of the texts.

        Returns:
            Memory to hold until the call ends.

        Raises:
            EngineError: a text holds `[[error]]`.
            MemoryError: too many texts hold `[[heavy]]`.
        """
        held: list[bytes] = []
        with contextlib.ExitStack() as limit:
            try:
                for text in texts:
                    if "[[" in text:
                        self._obey(text)
                        if "[[heavy]]" in text:
                            if not held:
                                limit.enter_context(_limited(HEAVY_TEXTS_MIB))
                            held.append(_touched(HEAVY_MIB))
            except BaseException:
                held.clear()  # the error's traceback knows this list, and may outlive the call
                raise
        return held

    def _obey(self, text: str) -> None:
        if "[[error]]" in text:
            raise EngineError("the engine was told to refuse a text that holds '[[error]]'; take the marker out of it")
        if "[[slow]]" in text:
            time.sleep(SLOW_S)
        if "[[hang]]" in text:
            time.sleep(3600)
        if "[[alloc]]" in text:
            _take_all()
        if "[[abort]]" in text:
            os.abort()
        if "[[crash]]" in text or ("[[crash-once]]" in text and self._is_first_meeting(text)):
            os._exit(3)

    def _is_first_meeting(self, text: str) -> bool:
        if self._scratch is None:
            return True
        try:
            (self._scratch / sha256(text.encode()).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class TrappedEngine:
    """Any engine, after it obeyed the markers of the texts: what they spare is really scored.

    Args:
        engine: scores; its name, version and tasks are this one's, so that its events look like any other.
        traps: obeyed first.
    """

    def __init__(self, engine: Engine, traps: Traps) -> None:
        self.name = engine.name
        self.version = engine.version
        self.cleaning = engine.cleaning
        self.tasks: Mapping[str, Task] = engine.tasks
        self.last_call = CallReport()
        self._engine = engine
        self._traps = traps

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """The engine's own counts; markers count as text."""
        return self._engine.token_counts(texts)

    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        """Probabilities from the engine; markers count as text.

        Raises:
            EngineError: a text holds `[[error]]`, or the engine failed.
            MemoryError: too many texts hold `[[heavy]]`.
        """
        held = self._traps.obey(texts)
        try:
            scores = self._engine.score(texts)
        finally:
            held.clear()
        self.last_call = self._engine.last_call
        return scores

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


def _touched(mib: int) -> bytes:
    """So much memory, each page written: what is only reserved costs nothing."""
    return b"\1" * (mib * 2**20)


def _take_all() -> None:
    held: list[bytes] = []
    while True:
        held.append(_touched(ALLOC_MIB))
        time.sleep(ALLOC_PAUSE_S)


@contextlib.contextmanager
def _limited(more_mib: int) -> Iterator[None]:
    """Let this process write to so much more memory of its own than it does now, and to no more."""
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with contextlib.suppress(ValueError):  # a hard limit is lower still, which limits all the more
        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + more_mib * 2**20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """What Linux counts against RLIMIT_DATA."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmData; this is no Linux that we know")
