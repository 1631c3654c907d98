import asyncio
import subprocess
import sys

from streams.classify import loop_watch
from streams.classify.loop_watch import EVERY_S, LoopWatch
from streams.classify.watchdog import LOOK_S, STALL_S

BLOCKED = """
import asyncio, sys, time
from pathlib import Path
from runtime import log
from streams.classify import loop_watch
from streams.classify.ending import Ending
log.configure()
loop_watch.EVERY_S = 0.05

async def main():
    watch = loop_watch.LoopWatch(Ending(Path(sys.argv[1])).blocked, stall_s=0.3)
    watch.start(asyncio.get_running_loop())
    def stuck_here():
        time.sleep(60)
    stuck_here()

asyncio.run(main())
"""


def test_a_loop_that_gives_no_sign_for_a_minute_is_blocked() -> None:
    time = [0.0]
    watch = LoopWatch(lambda _: None, lambda: time[0])
    seen = []
    for _ in range(int(STALL_S / EVERY_S)):
        time[0] += EVERY_S
        seen.append(watch.look())
    assert seen[-1] == STALL_S
    watch.beat()
    time[0] += EVERY_S
    assert watch.look() == 0.0


def test_a_process_that_was_stopped_for_an_hour_is_not_blocked() -> None:
    time = [0.0]
    watch = LoopWatch(lambda _: None, lambda: time[0])
    time[0] += 3_600.0
    assert watch.look() == LOOK_S


async def test_a_loop_that_turns_gives_signs_until_it_is_stopped(monkeypatch) -> None:
    monkeypatch.setattr(loop_watch, "BEAT_S", 0.0)
    time = [0.0]
    watch = LoopWatch(lambda _: None, lambda: time[0])
    watch.start(asyncio.get_running_loop())
    for _ in range(3):
        time[0] += EVERY_S
        assert watch.look() == 0.0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    watch.stop()
    watch.look()
    await asyncio.sleep(0)
    time[0] += EVERY_S
    assert watch.look() == EVERY_S


def test_a_worker_whose_loop_is_blocked_says_where_and_ends_itself(tmp_path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(tmp_path / "faust")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 75
    assert "event_loop_blocked" in ended.stderr
    assert "in stuck_here" in ended.stderr
