"""What a run makes of how its process ends."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from runtime.crashpoints import unharmed
from trainer.service.folder import Found, Order, RunFolder
from trainer.service.parts import Work
from trainer.service.records import Plan
from trainer.service.run import Run
from trainer.service.work import Said

from .conftest import WHEN

ORDER = Order(
    number=1,
    why="count",
    may_be_same=False,
    began=WHEN.isoformat(),
    position=0,
    labels=4,
    data="data",
    recipe="recipe",
    parent=None,
    generation=1,
    seed=0,
    seconds={},
)


class Killed:
    """A process that the kernel killed before it could say why."""

    code: int | None = -9

    def __init__(self, *_: object) -> None:
        pass

    def said(self) -> Iterator[Said]:
        yield from ()

    def kill(self) -> None:
        pass


@pytest.mark.parametrize("left", [False, True])
def test_a_killed_process_is_a_failure_whatever_the_one_before_it_left(tmp_path: Path, left: bool) -> None:
    folder = RunFolder(tmp_path)
    folder.write_found(Found(error="the store does not answer", will_pass=left))
    work = mock.create_autospec(Work, instance=True)
    run = Run(ORDER, folder, work, Plan(shadow_s=0), unharmed, lambda: WHEN, "me", Killed)
    assert run.turn() is None
    assert (folder.found().failures, folder.found().will_pass) == (1, False)
    record = run.turn()
    assert record is not None
    assert record.judgement.verdict == "failed"
