import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from bellwether.demo import children
from bellwether.demo.children import Child, wait_for_port, worker_pids
from runtime.errors import DependencyError


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Start a small script as a child module."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def start(body: str) -> Child:
        (tmp_path / "script_of_a_test.py").write_text(body)
        return Child("script", ["script_of_a_test"], tmp_path)

    return start


def wait_until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_childs_output_and_log_are_kept_apart(run) -> None:
    with run("import sys; print('out'); print('log', file=sys.stderr)") as child:
        assert child.wait(10) == "out\n"
        assert child.tail() == "last lines of script:\n  log"


def test_a_failing_child_is_reported_with_its_log(run) -> None:
    with (
        run("import sys; sys.exit('no way')") as child,
        pytest.raises(DependencyError, match=r"script ended with exit code 1\nlast lines of script:\n  no way"),
    ):
        child.wait(10)


def test_a_child_that_takes_too_long_is_reported(run) -> None:
    with (
        run("import time; time.sleep(60)") as child,
        pytest.raises(DependencyError, match=r"script is not done after 0 s\nscript logged nothing"),
    ):
        child.wait(0.01)


def test_leaving_ends_the_whole_family_even_where_a_signal_is_ignored(run) -> None:
    body = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    child = run(body)
    wait_until(lambda: child.out.read_text() and len(child.family()) == 2)
    family = child.family()
    assert child.stop(0.05) == -signal.SIGKILL
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_a_child_has_a_session_of_its_own_so_that_ctrl_c_reaches_only_us(run) -> None:
    with run("import time; time.sleep(60)") as child:
        assert os.getsid(child.pid) != os.getsid(0)


def test_worker_and_engine_are_told_apart_by_the_engines_command_line(run, tmp_path) -> None:
    (tmp_path / "models.child").write_text("import time; time.sleep(60)")
    start = "import os, subprocess, sys; subprocess.run([sys.executable, "
    # The mark is put together at run time: it must stand in the engine's command line alone.
    worker = f"{start} os.path.join({str(tmp_path)!r}, '.'.join(('models', 'child')))])"
    with run(f"{start} '-c', {worker!r}])") as child:
        wait_until(lambda: worker_pids(child).engine is not None)
        pids = worker_pids(child)
        assert pids.worker == psutil.Process(pids.engine).ppid()
        assert pids.worker != child.pid
        children.kill(pids.engine)
        wait_until(lambda: worker_pids(child).engine != pids.engine)


def test_a_port_is_read_once_it_is_written(run, tmp_path) -> None:
    port = tmp_path / "port"
    with run(f"import pathlib, time; pathlib.Path({str(port)!r}).write_text('4711'); time.sleep(60)") as child:
        assert wait_for_port(child, port, 10) == 4711


def test_a_child_that_ends_before_its_port_is_open_is_reported(run, tmp_path) -> None:
    with (
        run("import sys; sys.exit('bad setting')") as child,
        pytest.raises(DependencyError, match=r"script ended with exit code 1\n(.|\n)*bad setting"),
    ):
        wait_for_port(child, tmp_path / "port", 10)


def test_a_child_that_never_opens_a_port_is_reported(run, tmp_path) -> None:
    with (
        run("import time; time.sleep(60)") as child,
        pytest.raises(DependencyError, match=r"script opened no port within 0 s"),
    ):
        wait_for_port(child, tmp_path / "port", 0.05)


def test_children_use_this_python(run) -> None:
    with run("import sys; print(sys.executable)") as child:
        assert child.wait(10).strip() == sys.executable


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_a_child_ends_when_its_parent_is_killed(tmp_path) -> None:
    (tmp_path / "script_of_a_test.py").write_text("import time; time.sleep(60)")
    body = (
        "import pathlib, time; from bellwether.demo.children import Child\n"
        f"print(Child('script', ['script_of_a_test'], pathlib.Path({str(tmp_path)!r})).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", body], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
