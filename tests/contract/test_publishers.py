"""Publishers as real processes: killed at every step, and two at once; on a folder and on a server that speaks S3."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models import manifest, registry
from models.publish import manifest_path, publish, published
from models.pull import WORK_PREFIX, pull
from models.store import Store, open_store

NAME = "v-0123456789"
"""Of the versions that `make_version` makes."""

PUBLISHER = """
import json, os, signal, sys
from pathlib import Path
from models.publish import OtherBytesError, publish
from models.store import PROBES, Store, open_store

url, folder, trust, victim, moment = sys.argv[1:]
create, written = Store.create, 0

def mortal(self, path, content):
    global written
    is_probe = path.startswith(PROBES)
    if not is_probe and written == int(victim) and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    create(self, path, content)
    if not is_probe and written == int(victim) and moment == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    written += not is_probe

Store.create = mortal
store = open_store(url, make=True)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(json.dumps(publish(store, Path(folder), Path(trust))))
except OtherBytesError as error:
    print(json.dumps(str(error)))
"""
"""Publishes when it is told to, and kills itself before or after its `victim`th object, if it comes so far."""

WRITES = 5
"""Of a publisher: two files, a signature, the manifest beside them, and the manifest that counts."""

NEVER = WRITES


def publisher(
    url: str, folder: Path, trust: Path, victim: int = NEVER, moment: str = "before"
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PUBLISHER, url, str(folder), str(trust), str(victim), moment]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def told_to_go(*processes: subprocess.Popen[str]) -> list[str]:
    """What each says; all are told before any is waited for."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0] for process in processes]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("victim", range(WRITES))
def test_a_publisher_killed_at_any_object_shows_no_half_version_and_the_next_completes_it(
    victim: int, moment: str, url: str, make_version, trust: Path, tmp_path: Path
) -> None:
    folder = make_version("here")
    killed = publisher(url, folder, trust, victim, moment)
    assert told_to_go(killed) == [""]
    assert killed.returncode == -signal.SIGKILL
    store = open_store(url)
    was_last = moment == "after" and victim == WRITES - 1
    assert published(store) == ([NAME] if was_last else [])
    assert told_to_go(publisher(url, folder, trust)) == [f"{json.dumps(not was_last)}\n"]
    assert published(store) == [NAME]
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)


def test_of_two_publishers_with_other_bytes_one_wins_and_the_other_says_so(
    url: str, make_version, trust: Path, tmp_path: Path
) -> None:
    folders = [make_version("one", b"one"), make_version("two", b"other")]
    answers = [json.loads(said) for said in told_to_go(*(publisher(url, folder, trust) for folder in folders))]
    (winner,) = [number for number, answer in enumerate(answers) if answer is True]
    assert "another machine built and published it first, and it stays" in answers[1 - winner]
    store = open_store(url)
    assert store.read(manifest_path(NAME)) == (folders[winner] / manifest.MANIFEST).read_bytes()
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)


def test_of_two_publishers_with_the_same_bytes_one_has_published_and_the_version_is_whole(
    url: str, make_version, trust: Path, tmp_path: Path
) -> None:
    folder = make_version("here")
    answers = told_to_go(publisher(url, folder, trust), publisher(url, folder, trust))
    assert "true\n" in answers
    registry.verified(pull(open_store(url), NAME, tmp_path / "there", trust), trust)


def test_what_a_killed_pull_left_is_swept_by_the_next(store: Store, url: str, make_version, trust, tmp_path) -> None:
    publish(store, make_version("here"), trust)
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from models.pull import pull\n"
        "from models.store import open_store\n"
        "tell = lambda name, _: name == 'heads/topic.safetensors' and os.kill(os.getpid(), signal.SIGKILL)\n"
        "pull(open_store(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), tell)\n"
    )
    command = [sys.executable, "-c", script, url, NAME, str(tmp_path / "there"), str(trust)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert list((tmp_path / "there").glob(f"{WORK_PREFIX}*"))
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)
    assert not list((tmp_path / "there").glob(f"{WORK_PREFIX}*"))
