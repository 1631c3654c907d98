import contextlib
import io
import json
import logging
import os
from pathlib import Path

import pytest
import structlog

from runtime import log


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level, configured = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


@pytest.fixture
def stream():
    out = io.StringIO()
    log.configure("INFO", out)
    return out


def test_a_line_off_a_terminal_is_one_json_object_with_its_fields(stream):
    log.get("here").info("batch_classified", count=32)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["count"], line["level"]) == ("batch_classified", 32, "info")
    assert line["pid"] == os.getpid()
    assert line["timestamp"].endswith("Z")


def test_lines_of_other_libraries_take_the_same_form(stream):
    logging.getLogger("another.library").warning("node %s gone", 1)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["pid"]) == ("node 1 gone", os.getpid())


def test_lines_below_the_level_are_not_shown(stream):
    log.get("here").debug("detail_seen")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["ours", "another.library"])
def test_a_full_disk_under_the_log_costs_lines_and_nothing_else(name, stream):
    with Path("/dev/full").open("w", buffering=1) as full:
        log.configure("INFO", full)
        for number in range(1_000):
            log.get(name).info("line_lost", number=number)
            logging.getLogger(name).warning("line %d lost", number)
        with pytest.raises(OSError, match="No space left"):
            full.write("a line\n")  # it was full all the time
        with contextlib.suppress(OSError):
            full.close()
    log.configure("INFO", stream)
    log.get(name).info("line_kept")
    assert "line_kept" in stream.getvalue()


def test_a_line_that_cannot_be_formed_is_still_reported(capsys):
    log.Handler(io.StringIO()).handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    assert "no number" in capsys.readouterr().err
