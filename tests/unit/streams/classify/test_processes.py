import os
import signal
import sys
import threading
import time
from pathlib import Path

from streams.classify.processes import HOPELESS, LONGEST_PAUSE_S, Processes, Restarts
from streams.classify.worker import EXIT_AGAIN

NOTE_PID = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); "


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
    code = Processes([[sys.executable, "-c", script, str(pids)]]).run()
    thread.join()
    assert code == 0
    assert len(set(seen)) == 2


def test_a_child_that_always_has_something_to_say_to_a_person_ends_the_parent() -> None:
    clock = iter(range(1_000_000))
    command = [sys.executable, "-c", "import sys; sys.exit(2)"]
    # A clock in whole hours: every pause is over at the next look, yet no child lives that long by it.
    processes = Processes([command], monotonic=lambda: next(clock) * 0.01, sleep=lambda _: time.sleep(0.005))
    assert processes.run() == 1
