import threading

import pytest

from runtime.errors import InputError
from streams.classify.memory import MEMORY_FILE, Remembered, remember, remembered


def test_a_slower_worker_of_the_same_machine_does_not_lower_the_generation(tmp_path) -> None:
    assert remembered(tmp_path) == Remembered()
    remember(tmp_path / "home", Remembered(7, "v-7"))
    remember(tmp_path / "home", Remembered(5, "v-5"))
    assert remembered(tmp_path / "home") == Remembered(7, "v-7")


def test_many_at_once_leave_the_highest(tmp_path) -> None:
    threads = [
        threading.Thread(target=remember, args=(tmp_path, Remembered(number, f"v-{number}"))) for number in range(1, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert remembered(tmp_path) == Remembered(19, "v-19")


@pytest.mark.parametrize("content", [b"{", b'{"version":"\xff"}', b"[]"])
def test_a_damaged_memory_is_said_and_not_taken_for_none(tmp_path, content: bytes) -> None:
    (tmp_path / MEMORY_FILE).write_bytes(content)
    with pytest.raises(InputError, match=r"champion\.json does not say what served here last: .*; delete it"):
        remembered(tmp_path)
