from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from models import pipe
from models.growth import EngineGrowthError
from models.host import EngineCrashError, EngineTimeoutError, HostedEngine
from models.specs import NoopSpec, RegistrySpec, ScriptedSpec
from runtime.errors import EngineError, EngineMemoryError, ModelError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shared() -> Iterator[HostedEngine]:
    engine = HostedEngine.start(ScriptedSpec())
    yield engine
    engine.close()


@pytest.fixture
def hosted(shared: HostedEngine) -> HostedEngine:
    if not shared.is_alive:
        shared.restart()
    return shared


def test_an_engine_error_in_the_child_comes_back_and_the_child_lives_on(hosted: HostedEngine) -> None:
    pid = hosted.pid
    with pytest.raises(EngineError, match=r"refuse a text that holds '\[\[error\]\]'") as caught:
        hosted.score(["fine", "[[error]]"])
    assert caught.value.reason == "engine_error"
    assert hosted.score(["fine"])["sentiment"].shape == (1, 3)
    assert hosted.pid == pid


def test_a_crash_names_the_exit_code_and_restart_brings_a_new_child(hosted: HostedEngine) -> None:
    pid = hosted.pid
    with pytest.raises(EngineCrashError, match=rf"engine process {pid} ended with exit code 3") as caught:
        hosted.score(["[[crash]]"])
    assert caught.value.reason == "crash"
    assert not hosted.is_alive
    with pytest.raises(EngineCrashError, match=r"not running; call restart\(\) first"):
        hosted.score(["fine"])
    hosted.restart()
    assert hosted.score(["ACME soars"])["sentiment"].argmax() == 2
    assert hosted.pid != pid


def test_a_crash_once_text_is_scored_after_a_restart(tmp_path: Path) -> None:
    engine = HostedEngine.start(ScriptedSpec(scratch=str(tmp_path)))
    with pytest.raises(EngineCrashError, match="exit code 3"):
        engine.score(["[[crash-once]] ACME"])
    engine.restart()
    assert engine.score(["[[crash-once]] ACME"])["topic"].shape == (1, 20)
    engine.close()


def test_a_kill_from_outside_is_a_crash_that_names_the_signal(hosted: HostedEngine) -> None:
    assert hosted.pid is not None
    os.kill(hosted.pid, signal.SIGKILL)
    with pytest.raises(EngineCrashError, match="was ended by SIGKILL"):
        hosted.score(["fine"])


def test_a_hang_is_killed_at_the_deadline(hosted: HostedEngine) -> None:
    assert hosted.pid is not None
    child = psutil.Process(hosted.pid)
    with pytest.raises(
        EngineTimeoutError, match=r"did not answer within 0.2 s and was killed; make the batch"
    ) as caught:
        hosted.score(["[[hang]]"], deadline_s=0.2)
    assert caught.value.reason == "timeout"
    assert not child.is_running()


def test_lack_of_memory_in_the_child_comes_back_as_such_and_the_child_lives_on(hosted: HostedEngine) -> None:
    pid = hosted.pid
    for _ in range(2):
        with pytest.raises(EngineMemoryError, match="MemoryError"):
            hosted.score(["[[heavy]]"] * 40)
        assert hosted.score(["[[heavy]]"] * 8)["sentiment"].shape == (8, 3)
        for length in range(200):
            hosted.score(["word " * (length + 1)])
    assert hosted.pid == pid


def test_a_child_that_takes_memory_without_end_is_killed_and_the_message_has_the_numbers() -> None:
    engine = HostedEngine.start(ScriptedSpec(), growth_mib=100)
    assert engine.pid is not None
    child = psutil.Process(engine.pid)
    with pytest.raises(
        EngineGrowthError, match=r"grew to [\d,]+ MiB from the \d+ MiB .* allows 100 MiB more, and was killed"
    ) as caught:
        engine.score(["fine", "[[alloc]]"])
    assert caught.value.reason == "out_of_memory"
    assert not child.is_running()
    assert not engine.is_alive
    engine.restart()
    assert engine.score(["fine"])["sentiment"].shape == (1, 3)
    engine.close()


def test_a_native_abort_is_a_crash_that_names_the_signal(hosted: HostedEngine) -> None:
    with pytest.raises(EngineCrashError, match="was ended by SIGABRT"):
        hosted.score(["[[abort]]"])


def test_kill_from_another_thread_ends_a_call_in_progress_as_a_crash() -> None:
    engine = HostedEngine.start(ScriptedSpec())
    threading.Timer(0.1, engine.kill).start()
    with pytest.raises(EngineCrashError, match="engine process"):
        engine.score(["[[hang]]"], deadline_s=60)


def test_kill_while_a_restart_waits_for_the_old_child_starts_no_new_one() -> None:
    engine = HostedEngine.start(ScriptedSpec())
    assert engine._child is not None
    engine._child.connection.send(pipe.Score(["[[hang]]"]))  # a child that hangs is waited for, and nobody calls it
    with ThreadPoolExecutor(1) as pool:
        restart = pool.submit(engine.restart)
        while engine.pid is not None:
            time.sleep(0.001)
        engine.kill()
        assert isinstance(restart.exception(), EngineCrashError)
    assert engine.pid is None


def test_kill_while_the_new_child_loads_ends_it_and_starts_no_other() -> None:
    engine = HostedEngine.start(ScriptedSpec())
    old = engine.pid
    engine.spec = ScriptedSpec(seconds_per_text=600)  # the warm-up takes so long
    with ThreadPoolExecutor(1) as pool:
        restart = pool.submit(engine.restart)
        while engine.pid in {None, old}:
            time.sleep(0.001)
        engine.kill()
        assert isinstance(restart.exception(), EngineCrashError)
    with pytest.raises(EngineCrashError, match="was killed and does not start again"):
        engine.restart()
    assert engine.pid is None


def test_a_child_that_replaces_another_has_its_own_time_to_load() -> None:
    engine = HostedEngine(ScriptedSpec(), restart_timeout_s=1.0)
    engine.spec = ScriptedSpec(seconds_per_text=600)  # the warm-up takes so long
    with pytest.raises(EngineTimeoutError, match="did not answer within 1 s and was killed"):
        engine.restart()
    assert engine.pid is None


def test_the_child_ignores_the_signals_of_its_group(hosted: HostedEngine) -> None:
    assert hosted.pid is not None
    os.kill(hosted.pid, signal.SIGTERM)
    os.kill(hosted.pid, signal.SIGINT)
    assert hosted.score(["fine"])["sentiment"].shape == (1, 3)


def test_a_version_that_does_not_exist_is_named_with_the_cure(tmp_path: Path) -> None:
    spec = RegistrySpec("v-0123456789", registry=str(tmp_path), trust=str(tmp_path / "trust"))
    with pytest.raises(ModelError, match=r"no model version 'v-0123456789'.*bellwether models build"):
        HostedEngine.start(spec)


def test_a_text_that_is_no_utf8_is_refused_and_the_child_lives_on(hosted: HostedEngine) -> None:
    with pytest.raises(EngineError, match=r"cannot be encoded as UTF-8.*clean it first"):
        hosted.score(["\ud800"])
    assert hosted.score(["fine"])["sentiment"].shape == (1, 3)


def test_a_batch_larger_than_the_socket_buffer_goes_through(hosted: HostedEngine) -> None:
    texts = ["profit " * 9_000] * 64  # 4 MB
    assert hosted.score(texts)["sentiment"].shape == (64, 3)


PARENT = """
import sys
from models.host import HostedEngine
from models.specs import NoopSpec, ScriptedSpec
if sys.argv[1] == "imports":
    engine = HostedEngine.start(NoopSpec())
    engine.score(["x"])
    engine.close()
    print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "openvino", "asyncio"}))
else:
    engine = HostedEngine.start(ScriptedSpec())
    print(engine.pid, flush=True)
    engine.score(["[[hang]]"], deadline_s=600)
"""


ELSEWHERE = """
import queue, sys
sys.path.insert(0, "")
import models
from models.host import HostedEngine
from models.specs import NoopSpec
engine = HostedEngine.start(NoopSpec())
engine.close()
print(models.__file__)
print(engine.version)
"""


def test_the_child_runs_the_tree_that_its_parent_runs(tmp_path: Path) -> None:
    """A copy of the tree is found by its parent alone, as the folder that it was started in."""
    for package in ("models", "runtime"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("shipped", "__pycache__"))
    fakes = tmp_path / "models" / "fakes.py"
    fakes.write_text(fakes.read_text().replace("v-0000000000", "v-0123456789"))
    (tmp_path / "queue.py").write_text("raise RuntimeError('taken for a part of Python')")
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", ELSEWHERE],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [str(tmp_path / "models" / "__init__.py"), "v-0123456789"]


def test_a_child_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = HostedEngine.start(NoopSpec())
    engine.close()
    before = sorted(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(EngineCrashError, match=r"no process for an engine can be started: .*No such file"):
        engine.restart()
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def start_parent(argument: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, argument],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_parent_imports_neither_torch_nor_asyncio() -> None:
    with start_parent("imports") as parent:
        output, _ = parent.communicate(timeout=60)
    assert output == "[]\n"


def test_the_child_dies_with_its_parent_in_the_middle_of_a_call() -> None:
    with start_parent("hang") as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    ends_at = time.monotonic() + 30
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends_at, "the child outlived its parent by 30 s"
        time.sleep(0.01)


def test_close_ends_the_child_and_may_be_called_twice() -> None:
    engine = HostedEngine.start(NoopSpec())
    assert engine.pid is not None
    child = psutil.Process(engine.pid)
    engine.close()
    engine.close()
    assert not child.is_running()
    assert engine.pid is None
