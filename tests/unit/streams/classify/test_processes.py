import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.classify.ending import EXIT_AGAIN
from streams.classify.processes import HOPELESS, LONGEST_PAUSE_S, Processes, Restarts

NOTE_PID = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); "


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """`run` leaves signals ignored, because its process ends; ours does not."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stopping_after(looks: int) -> Any:
    """A `sleep` that sends us SIGTERM after so many looks at the children."""
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == looks:
            os.kill(os.getpid(), signal.SIGTERM)

    return sleep


def test_pauses_grow_to_a_bound_and_begin_anew_after_a_healthy_life() -> None:
    restarts = Restarts()
    pauses = [restarts.ended(1.0, -9) for _ in range(12)]
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert restarts.ended(100.0, -9) == 0.2


def test_only_messages_for_a_person_make_it_hopeless() -> None:
    killed, told = Restarts(), Restarts()
    for _ in range(HOPELESS):
        killed.ended(1.0, -9)
        told.ended(1.0, 1)
    assert not killed.is_hopeless
    assert told.is_hopeless


def test_a_broker_that_is_away_makes_nothing_hopeless_however_often_a_child_says_so() -> None:
    away = Restarts()
    pauses = [away.ended(1.0, EXIT_AGAIN) for _ in range(HOPELESS * 10)]
    assert not away.is_hopeless
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_killed_child_comes_back_and_a_signal_ends_all(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = NOTE_PID + "import signal; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
    seen: list[int] = []

    def meddle() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(seen) < 2:
            lines = pids.read_text().split() if pids.exists() else []
            if len(lines) > len(seen):
                seen.append(int(lines[-1]))
                time.sleep(0.3)  # a signal handler needs a moment to be there; nothing is asserted about time
                if len(seen) == 1:
                    os.kill(seen[0], signal.SIGKILL)
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        code = Processes([[sys.executable, "-c", script, str(pids)]]).run()
    finally:
        thread.join()  # while signals are still ours: its own would end the whole test run
    assert code == 0
    assert len(set(seen)) == 2


def test_a_child_that_always_has_something_to_say_to_a_person_ends_the_parent() -> None:
    clock = iter(range(1_000_000))
    command = [sys.executable, "-c", "import sys; sys.exit(2)"]
    # A clock in whole hours: every pause is over at the next look, yet no child lives that long by it.
    processes = Processes([command], monotonic=lambda: next(clock) * 0.01, sleep=lambda _: time.sleep(0.005))
    assert processes.run() == 1


def test_a_child_that_is_told_to_end_before_it_listens_has_ended_well() -> None:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    assert Processes([command], sleep=stopping_after(1)).run() == 0


def test_a_child_that_fails_while_it_is_told_to_end_has_not() -> None:
    command = [sys.executable, "-c", "import signal, sys; signal.signal(15, lambda *_: sys.exit(1)); signal.pause()"]
    listens = threading.Event()
    stop = stopping_after(1)
    assert Processes([command], sleep=lambda seconds: (listens.wait(2), stop(seconds))[0]).run() == 1


def test_a_second_signal_while_the_parent_ends_does_not_change_its_code() -> None:
    script = (
        "import os, signal\n"
        "from streams.classify.processes import Processes\n"
        "told = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "code = Processes([], sleep=told).run()\n"
        "told()\n"
        "class Late:\n"
        "    def __del__(self, told=told):\n"
        "        told()\n"
        "late = Late()\n"
        "raise SystemExit(code)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=120).returncode == 0


@pytest.mark.parametrize(("code", "lived_s", "kept"), [(1, 0.0, False), (EXIT_AGAIN, 0.0, True), (-9, 60.0, False)])
def test_what_was_accepted_for_one_loss_is_not_accepted_for_the_next(code, lived_s, kept, tmp_path: Path) -> None:
    """A parent that starts a child again after a loss must not accept that loss in a person's place."""
    told = tmp_path / "told"
    script = (
        "import os, signal, sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + '\\n'); code = int(sys.argv[2]);"
        "os.kill(os.getpid(), -code) if code < 0 else sys.exit(code)"
    )
    now = [0.0]

    def sleep(_: float) -> None:
        now[0] += lived_s
        time.sleep(0.01)
        if told.exists() and told.read_text().count("\n") >= 2:
            os.kill(os.getpid(), signal.SIGTERM)
        now[0] += 1.0 if lived_s == 0.0 else 0.0

    command = [sys.executable, "-c", script, str(told), str(code), "--accept-reset", "--accept-expired"]
    Processes([command], monotonic=lambda: now[0], sleep=sleep).run()
    first, second = told.read_text().splitlines()[:2]
    assert first == f"{code} --accept-reset --accept-expired"
    assert second == (first if kept else str(code))
