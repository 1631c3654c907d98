"""A row that fails in any way is a broken row and the next ones run; wrong use is refused before anything starts."""

import io
import random
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import psutil
import pytest
from confluent_kafka import KafkaException
from rich.console import Console

from bellwether.chaos import alone, brokers, run
from bellwether.chaos.brokers import Broker
from bellwether.chaos.clerk import Clerk
from bellwether.chaos.judge import Row
from bellwether.chaos.run import Order
from bellwether.chaos.scenario import Scenario
from bellwether.chaos.screen import Screen
from bellwether.demo.children import Child
from runtime.errors import BrokerError, DependencyError, InputError

ALONE = Scenario(name="alone", about="judged alone", alone="expired", model="noop")
OTHER = Scenario(name="other", about="judged alone too", alone="stalled", model="noop")
TABLE = Scenario(name="table", about="judged by the table")


def screen() -> Screen:
    return Screen(9, Console(file=io.StringIO()))


def passes(scenario: Scenario, *_: object) -> Row:
    return Row(name=scenario.name, passed=True)


def fails(error: BaseException, name: str = ALONE.name) -> Callable[..., Row]:
    def row(scenario: Scenario, *_: object) -> Row:
        if scenario.name == name:
            raise error
        return passes(scenario)

    return row


@pytest.mark.parametrize(
    "error",
    [
        BrokerError("away"),
        StopIteration(),
        psutil.NoSuchProcess(7),
        subprocess.TimeoutExpired("umount", 30),
        KafkaException("timed out"),
        OSError("no space left"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_in_a_row_breaks_that_row_only(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "row", fails(error))
    broken, passed = run.run(Order([ALONE, OTHER], 1, keep=tmp_path), screen())

    assert (broken.name, broken.model, broken.passed) == ("alone", "noop", False)
    assert broken.failures[0].startswith(f"{type(error).__name__}: ")
    assert passed.passed


def test_a_broker_that_cannot_start_breaks_its_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "row", passes)
    broker = mock.create_autospec(Broker, instance=True)
    broker.__enter__.side_effect = BrokerError("no Java")
    monkeypatch.setattr(brokers, "Broker", lambda *_, **__: broker)
    found = list(run.run(Order([TABLE, ALONE], 1, keep=tmp_path), screen()))

    assert [(row.name, row.passed) for row in found] == [("table", False), ("alone", True)]
    assert found[0].failures == ("BrokerError: no Java",)


def test_the_same_seed_lets_the_broker_choose_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[float] = []

    def made(*_: object, choose: random.Random, **__: object) -> Broker:
        chosen.append(choose.random())
        return mock.create_autospec(Broker, instance=True)

    monkeypatch.setattr(brokers, "Broker", made)
    for seed in (1, 1, 2):
        with ExitStack() as stack:
            brokers.Brokers(stack, tmp_path, lambda _: None, seed).with_nodes(1)
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_broker_that_a_row_left_dead_is_started_again_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = mock.create_autospec(Broker, instance=True)
    broker.__enter__.return_value = broker
    broker.fresh_topics.side_effect = BrokerError("no answer")
    monkeypatch.setattr(brokers, "Broker", lambda *_, **__: broker)
    again = Scenario(name="again", about="judged by the table too")
    found = list(run.run(Order([TABLE, again], 1, keep=tmp_path), screen()))

    assert [row.failures for row in found] == [("BrokerError: no answer",)] * 2
    broker.__enter__.assert_called_once()
    broker.start.assert_called_once()
    broker.__exit__.assert_called_once()


def test_a_row_whose_needs_cannot_be_asked_about_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "row", passes)
    needy = Scenario(name="needy", about="", needs=("luck",))
    broken, passed = run.run(Order([needy, ALONE], 1), screen())

    assert "nothing is known of the need 'luck'" in broken.failures[0]
    assert passed.passed


def test_a_person_can_still_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "row", fails(KeyboardInterrupt(), OTHER.name))
    rows = run.run(Order([ALONE, OTHER], 1, keep=tmp_path), screen())

    assert next(rows).passed
    with pytest.raises(KeyboardInterrupt):
        next(rows)


def test_a_folder_that_is_kept_already_is_refused_before_any_row_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "row", fails(ZeroDivisionError()))
    (tmp_path / "alone").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "acked.jsonl").touch()

    with pytest.raises(InputError, match="other holds something already; name another folder with --keep"):
        next(run.run(Order([ALONE, OTHER], 1, keep=tmp_path), screen()))
    assert (tmp_path / "other" / "acked.jsonl").exists()


@pytest.mark.parametrize("name", ["", "alone"])
def test_a_file_is_no_folder_to_keep_anything_in(name: str, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    if name:
        keep.mkdir()
    (keep / name).touch()

    with pytest.raises(InputError, match="is a file; name a folder with --keep"):
        next(run.run(Order([ALONE], 1, keep=keep), screen()))


def test_a_build_that_is_no_source_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no source tree of Bellwether: it has no folder bellwether, streams, "):
        next(run.run(Order([ALONE], 1, build=tmp_path), screen()))


def test_a_row_that_does_not_come_to_its_end_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOAD_S", -1e9)
    load = mock.create_autospec(Child, instance=True)
    load.name = "load"
    load.exit_code.return_value = None
    load.tail.return_value = "load logged nothing"
    row = run._Run(TABLE, Order([TABLE], 1), mock.create_autospec(Broker, instance=True), tmp_path, screen())

    with pytest.raises(DependencyError, match=r"not over .* after its time: load"):
        row._wait(load, [], mock.create_autospec(Clerk, instance=True))
