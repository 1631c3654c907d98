"""Loading gives way to who serves, and comes back: really, with threads of a process of its own."""

import os
import subprocess
import sys

import pytest

LOOK = """
import os, sys, threading, time
from models.priority import give_way

def policies():
    waker = {thread.native_id for thread in threading.enumerate() if isinstance(thread, threading.Timer)}
    tasks = {int(task) for task in os.listdir("/proc/self/task")}
    return {os.sched_getscheduler(task) for task in tasks - waker}  # who brings them back keeps its turn

threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
take_part = give_way(float(sys.argv[1]))
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
low = policies()
if sys.argv[2] == "wait":
    deadline = time.monotonic() + 30
    while policies() != {os.SCHED_OTHER} and time.monotonic() < deadline:
        time.sleep(0.01)
else:
    take_part()
    take_part()
print(sorted(low), sorted(policies()))
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE") or os.geteuid() != 0, reason="needs Linux and the right to return")
@pytest.mark.parametrize(("longest", "how"), [("600", "call"), ("0.2", "wait")])
def test_all_threads_give_way_and_all_come_back_by_a_call_or_by_the_limit(longest: str, how: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOOK, longest, how], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == f"[{os.SCHED_IDLE}] [{os.SCHED_OTHER}]"


def test_without_the_right_to_come_back_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    from models import priority

    def refuses(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuses, raising=False)
    priority.give_way()()
