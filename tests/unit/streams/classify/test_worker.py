"""What a worker's exit code says of each error, without a broker and without Faust."""

import asyncio
import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

from runtime.errors import BellwetherError, BrokerAwayError, BrokerError, DependencyError, ModelError
from runtime.settings import Settings
from streams.classify import ending as ending_of
from streams.classify import worker
from streams.classify.admission import Admission, is_away
from streams.classify.line import Consent
from streams.classify.positions import PositionError


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (KafkaConnectionError("nobody there"), True),
        (KafkaTimeoutError(), True),
        (NodeNotReadyError(), True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (AuthenticationFailedError(), False),
        (TopicAuthorizationFailedError(), False),
    ],
)
def test_only_what_a_broker_that_comes_back_would_end_counts_as_away(error: Any, away: bool) -> None:
    assert is_away(error) is away


async def test_nobody_at_the_address_is_worth_another_try(tmp_path) -> None:
    admission = Admission("127.0.0.1:1", "group", "in", ("out",), tmp_path)
    with pytest.raises(BrokerAwayError, match=r"127\.0\.0\.1:1 does not answer .*bellwether broker start"):
        await admission.ask()


def test_a_broker_that_is_away_ends_with_75_and_its_message(monkeypatch, capsys) -> None:
    def away(*_: Any) -> int:
        raise BrokerAwayError("nobody at x:1")

    monkeypatch.setattr(worker, "_worked", away)
    assert worker.run(Settings(), Consent()) == ending_of.EXIT_AGAIN == 75
    assert "error: nobody at x:1" in capsys.readouterr().err


@pytest.mark.parametrize("error", [BrokerError("refused"), ModelError("does not load")])
def test_what_a_person_has_to_look_at_is_raised(error: BellwetherError, monkeypatch) -> None:
    def refused(*_: Any) -> int:
        raise error

    monkeypatch.setattr(worker, "_worked", refused)
    with pytest.raises(type(error)):
        worker.run(Settings(), Consent())


@pytest.mark.parametrize(
    ("error", "code"), [(BrokerAwayError("gone"), 75), (BrokerError("refused"), 1), (KeyError(), 70)]
)
def test_a_stage_that_fails_ends_the_process_with_the_code_of_its_error(error, code, monkeypatch, tmp_path) -> None:
    codes: list[int] = []

    def ended(_: Any, code: int) -> None:
        codes.append(code)

    monkeypatch.setattr(ending_of.Ending, "at_once", ended)
    ending_of.Ending(tmp_path).failed(error)
    assert codes[0] == code


def test_a_signal_in_the_moment_when_all_is_open_is_remembered(tmp_path) -> None:
    async def open_and_be_told() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    line: Any = SimpleNamespace(open=open_and_be_told)
    ending = ending_of.Ending(tmp_path)
    loop = asyncio.new_event_loop()
    worker._opened(loop, line, ending)
    loop.run_until_complete(asyncio.sleep(0))  # asyncio may handle it a turn later, when nothing is to cancel any more
    assert ending.is_asked_for
    loop.close()


@pytest.mark.parametrize("asked", [True, False])
async def test_a_signal_before_faust_listened_is_passed_on_to_it(asked: bool, monkeypatch, tmp_path) -> None:
    async def started(_: Any) -> None: ...

    told: list[str] = []
    monkeypatch.setattr(faust.Worker, "on_first_start", started)
    monkeypatch.setattr(faust.Worker, "_on_sigterm", lambda _: told.append("SIGTERM"))
    one = object.__new__(worker.Worker)
    one._ending = ending_of.Ending(tmp_path)
    one._ending.is_asked_for = asked
    await one.on_first_start()
    assert told == (["SIGTERM"] if asked else [])


def test_a_full_disk_under_standard_error_changes_no_exit_code(tmp_path) -> None:
    script = (
        "import sys; from pathlib import Path; from runtime import log; from runtime.errors import BrokerAwayError; "
        "from streams.classify.ending import Ending; log.configure(); "
        "Ending(Path(sys.argv[1])).failed(BrokerAwayError('gone') if sys.argv[2] == 'away' else KeyError('bug'))"
    )
    for what, code in (("away", ending_of.EXIT_AGAIN), ("bug", ending_of.EXIT_BUG)):
        (tmp_path / what).mkdir()
        with Path("/dev/full").open("w") as full:
            command = [sys.executable, "-c", script, str(tmp_path / what), what]
            assert subprocess.run(command, stderr=full, stdout=full, check=False).returncode == code
        assert not (tmp_path / what).exists()


def test_a_disk_that_takes_no_folder_gets_none(monkeypatch, tmp_path) -> None:
    made: Any = worker.tempfile.TemporaryDirectory
    tried: list[str | None] = []

    def refusing(**arguments: Any) -> Any:
        tried.append(arguments["dir"])
        if arguments["dir"] != str(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return made(**arguments)

    monkeypatch.setattr(worker.tempfile, "TemporaryDirectory", refusing)
    with pytest.raises(DependencyError, match=r"no folder can be made .*TMPDIR"), worker._folder():
        pass
    monkeypatch.setattr(worker, "MEMORY", str(tmp_path))
    with worker._folder() as folder:
        assert folder.parent == tmp_path
    assert tried == [None, "/dev/shm", None, str(tmp_path)]
    assert list(tmp_path.iterdir()) == []


def crashed(reason: BaseException | None, asked: Any = None) -> worker.Worker:
    """A worker whose Faust does not come to its end; `asked` is what admission says."""

    async def ask() -> None:
        if asked is not None:
            await asked() if callable(asked) else None
            raise asked

    one = object.__new__(worker.Worker)
    one._crash_reason = reason
    line: Any = SimpleNamespace(admission=lambda: SimpleNamespace(ask=ask))
    one._line = line
    return one


@pytest.mark.parametrize(
    ("reason", "asked", "code", "said"),
    [
        (OffsetOutOfRangeError({}), PositionError("made anew; --accept-reset"), 1, "error: made anew; --accept-reset"),
        (OffsetOutOfRangeError({}), None, 1, "what was unread then is lost. .*--accept-reset"),
        (OffsetOutOfRangeError({}), BrokerAwayError("nobody"), 1, "what was unread then is lost"),
        (PositionError("made anew"), None, 1, "error: made anew"),
        (KafkaConnectionError("gone"), None, 75, "error: the consumer failed: KafkaConnectionError"),
        (KeyError("a bug"), None, 70, "KeyError: 'a bug'"),
        (None, None, 75, "stop_timed_out"),
    ],
)
def test_a_stop_that_takes_too_long_ends_with_the_cause_of_the_crash(reason, asked, code, said, capsys) -> None:
    assert crashed(reason, asked).late(30.0) == code
    assert re.search(said, "".join(capsys.readouterr()))


def test_a_broker_that_does_not_say_in_time_what_was_lost_is_not_waited_for(capsys) -> None:
    async def never() -> None:
        await asyncio.sleep(3600)

    assert crashed(OffsetOutOfRangeError({}), never).late(0.05) == 1
    assert "what was unread then is lost" in capsys.readouterr().err


@pytest.mark.parametrize("reason", [None, OffsetOutOfRangeError({})])
async def test_a_crash_leaves_time_to_ask_and_no_stop_takes_longer_than_its_promise(reason, monkeypatch) -> None:
    async def stopped(_: Any) -> None: ...

    times: list[float] = []
    monkeypatch.setattr(faust.Worker, "on_stop", stopped)
    monkeypatch.setattr(worker.Worker, "late", lambda _, ask_s: times.append(ask_s))
    one: Any = crashed(reason)
    one._line = SimpleNamespace(passed=lambda _: None, assignments=None)
    one._ending = SimpleNamespace(within=lambda seconds, late: (times.append(seconds), late()))
    await one.on_stop()
    assert times == [worker.STOP_S - times[1], worker.LATE_S if reason is None else worker.ASK_S]
    assert sum(times) < 10


def test_a_second_signal_while_the_worker_ends_does_not_change_its_code() -> None:
    script = (
        "import os, signal, sys\n"
        "from streams.classify.worker import hear_no_signals\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "hear_no_signals()\n"
        "class Late:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid()):\n"
        "        kill(pid, 15)\n"
        "late = Late()\n"
        "sys.exit(75)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=120).returncode == ending_of.EXIT_AGAIN


def test_folders_of_killed_workers_are_swept_and_those_of_living_ones_are_not(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(worker.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(worker.psutil, "pid_exists", lambda pid: pid == 12)
    names = ["11-abc", "12-def", "99999999999999999999-ghi", "other"]
    for name in names:
        (tmp_path / f"{worker.FOLDER}{name}").mkdir()
    with worker._folder() as folder:
        assert folder.name.startswith(f"{worker.FOLDER}{os.getpid()}-")
    assert {path.name for path in tmp_path.iterdir()} == {f"{worker.FOLDER}{name}" for name in names[1:]}
