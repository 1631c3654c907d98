"""Runs an engine in a process of its own, so that its crash, hang or hunger is not the worker's."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np

from models import pipe
from models.engine import CallReport, Probabilities, Task
from models.growth import GROWTH_MIB, LOOK_EVERY_S, EngineGrowthError, Growth, resident_of
from models.spawn import Child
from models.specs import EngineSpec
from runtime import errors
from runtime.errors import EngineError, ModelError

RESTART_TIMEOUT_S = 45.0
"""How long a child may load that replaces another in mid-work: 2 s on two quiet cores, 9 s on very busy ones. With the
end of the old child and the pause before a fourth attempt it stays under the minute after which a worker that makes
no progress ends itself."""

_Answer = pipe.Ready | pipe.Scored | pipe.Counted | pipe.Failed


class EngineCrashError(EngineError):
    """The engine's process died in the middle of a call; `HostedEngine.restart` brings a new one."""

    reason = "crash"


class EngineTimeoutError(EngineError):
    """The engine did not answer by the deadline and was killed; `HostedEngine.restart` brings a new one."""

    reason = "timeout"


class HostedEngine:
    """An `Engine` whose runtime lives in a child process; the parent never imports torch.

    The child loads, checks its canaries and warms up before `start` returns. It dies with its parent, however that
    ends. One caller at a time, as for every engine; only `close` and `kill` may come from another thread, and a
    call in progress then ends as a crash. After `kill` no child starts again, also where a restart was under way.

    Args:
        spec: what to load.
        deadline_s: how long one call may take where the caller does not say; a call that takes longer has hung.
        start_timeout_s: how long loading and warming up may take the first time.
        restart_timeout_s: the same for a child that replaces another.
        growth_mib: how much more memory the child may hold in a call than when it was warm.
        gives_way: the first child loads with what other processes leave of the processors: another engine serves.

    Attributes:
        warm_tokens_per_s: estimated tokens per second of the warm-up's last call.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        deadline_s: float = 30.0,
        start_timeout_s: float = 180.0,
        restart_timeout_s: float = RESTART_TIMEOUT_S,
        growth_mib: float = GROWTH_MIB,
        gives_way: bool = False,
    ) -> None:
        self.spec = spec
        self.name = ""
        self.version = ""
        self.cleaning = ""
        self.tasks: Mapping[str, Task] = {}
        self.last_call = CallReport()
        self.warm_tokens_per_s = 0.0
        self._deadline_s = deadline_s
        self._restart_timeout_s = restart_timeout_s
        self._growth_mib = growth_mib
        self._growth: Growth | None = None
        self._decoder = msgspec.msgpack.Decoder(_Answer)
        self._child: Child | None = None
        self._starting = threading.Lock()
        self._killed = False
        self._open(start_timeout_s, gives_way)

    @classmethod
    def start(
        cls,
        spec: EngineSpec,
        *,
        deadline_s: float = 30.0,
        start_timeout_s: float = 180.0,
        growth_mib: float = GROWTH_MIB,
        gives_way: bool = False,
    ) -> HostedEngine:
        """Start the child and return when it is warm.

        Raises:
            ModelError: the version is unknown, does not verify, does not load or does not warm up in time.
        """
        return cls(
            spec, deadline_s=deadline_s, start_timeout_s=start_timeout_s, growth_mib=growth_mib, gives_way=gives_way
        )

    @property
    def pid(self) -> int | None:
        """Process id of the child; None when there is none."""
        child = self._child
        return child.process.pid if child else None

    @property
    def is_alive(self) -> bool:
        """Whether the child runs; False after a crash, a time-out or `close`."""
        child = self._child
        return child is not None and child.process.poll() is None

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Exact tokens per text: a round trip; `models.batching.estimate_tokens` is the cheap way."""
        answer = self._ask(pipe.Count(list(texts)), self._deadline_s)
        if not isinstance(answer, pipe.Counted):
            raise self._off_script(answer)
        return answer.counts

    def score(self, texts: Sequence[str], deadline_s: float | None = None) -> dict[str, Probabilities]:
        """Probabilities per task, as `Engine.score`; one round trip.

        Args:
            texts: cleaned, non-empty.
            deadline_s: seconds after which the child counts as hung and is killed; None takes the constructor's.

        Raises:
            EngineError: the engine refused the batch and lives on.
            EngineMemoryError: the engine lacks memory for this batch and lives on.
            EngineGrowthError: the child took memory without end and was killed; `restart` before the next call.
            EngineCrashError: the child died; `restart` before the next call.
            EngineTimeoutError: no answer by the deadline; the child was killed, `restart` before the next call.
        """
        answer = self._ask(pipe.Score(list(texts)), self._deadline_s if deadline_s is None else deadline_s)
        if not isinstance(answer, pipe.Scored):
            raise self._off_script(answer)
        classes = sum(len(task.labels) for task in self.tasks.values())
        joined = np.frombuffer(answer.probabilities, dtype=np.float32).reshape(len(texts), classes)
        by_task, column = {}, 0
        for task in self.tasks.values():
            by_task[task.name] = joined[:, column : column + len(task.labels)]
            column += len(task.labels)
        self.last_call = CallReport(answer.tokenise_s, answer.predict_s, answer.tokens, answer.padded_tokens)
        return by_task

    def restart(self) -> None:
        """End the child, if there is one, and start another from the same spec; returns when it is warm.

        Raises:
            ModelError: as `start`.
            EngineCrashError: `kill` came first.
        """
        self.close()
        self._open(self._restart_timeout_s)

    def kill(self) -> None:
        """End the child at once and for good, in the middle of a call or of a restart too."""
        with self._starting:  # a child that is just being started is ours to end, and none is started after it
            self._killed = True
            child = self._child
        if child:
            child.end(grace_s=0.0)

    def close(self) -> None:
        """End the child: it finishes reading at the closed pipe, or is killed after two seconds."""
        self._end_child(grace_s=2.0)

    def _end_child(self, grace_s: float) -> None:
        child, self._child = self._child, None
        if child:
            child.end(grace_s)

    def _open(self, timeout_s: float, gives_way: bool = False) -> None:
        with self._starting:
            if self._killed:
                raise EngineCrashError("the engine was killed and does not start again")
            try:
                child = self._child = Child(gives_way)
            except OSError as error:
                raise EngineCrashError(f"no process for an engine can be started: {error}") from error
        self._growth = None  # while it loads there is nothing to compare with
        try:
            answer = self._ask(pipe.Open(self.spec), timeout_s)
        except ModelError:
            self.close()
            raise
        if not isinstance(answer, pipe.Ready):
            raise self._off_script(answer)
        self.warm_tokens_per_s = answer.tokens_per_s
        self._growth = Growth(resident_of(child.process.pid), self._growth_mib)
        self.name, self.version, self.cleaning = answer.name, answer.version, answer.cleaning
        self.tasks = MappingProxyType(
            {task.name: Task(task.name, task.labels, task.abstain_below) for task in answer.tasks}
        )

    def _ask(self, request: msgspec.Struct, timeout_s: float) -> _Answer:
        child = self._child
        if child is None:
            raise EngineCrashError("the engine's process is not running; call restart() first")
        ends_at = time.monotonic() + timeout_s
        look = self._growth.look if self._growth else None
        try:
            child.connection.send(request, timeout_s)
            payload = child.connection.receive(max(1e-4, ends_at - time.monotonic()), look, LOOK_EVERY_S)
            answer: _Answer = self._decoder.decode(payload)
        except TimeoutError:
            self._child = None
            child.end(grace_s=0.0)
            raise EngineTimeoutError(
                f"engine process {child.process.pid} did not answer within {timeout_s:g} s and was killed; "
                f"make the batch smaller or the deadline longer{child.last_words()}"
            ) from None
        except EngineGrowthError as error:
            self._child = None
            child.end(grace_s=0.0)
            raise EngineGrowthError(
                f"engine process {child.process.pid} {error}, and was killed{child.last_words()}"
            ) from None
        except UnicodeEncodeError as error:
            raise EngineError(f"a text cannot be encoded as UTF-8: {error}; clean it first") from None
        except (OSError, EOFError, msgspec.DecodeError):
            self._child = None
            ending = child.end(grace_s=2.0)
            raise EngineCrashError(f"engine process {child.process.pid} {ending}{child.last_words()}") from None
        if isinstance(answer, pipe.Failed):
            raise _rebuilt(answer)
        return answer

    def _off_script(self, answer: _Answer) -> EngineError:
        self._end_child(grace_s=0.0)
        return EngineError(f"the engine's process answered {type(answer).__name__} out of turn; a bug of ours")


def _rebuilt(failure: pipe.Failed) -> ModelError:
    """The child's error as ours: of its class where that can be made from a message, else its nearest parent."""
    kind = getattr(errors, failure.kind, EngineError)
    if kind is errors.VersionNotFoundError:
        rebuilt = errors.VersionNotFoundError.__new__(errors.VersionNotFoundError)
        Exception.__init__(rebuilt, failure.message)
        return rebuilt
    if isinstance(kind, type) and issubclass(kind, ModelError):
        return kind(failure.message)
    return EngineError(failure.message)
