"""With which version a worker starts, when the store or the version lets it down."""

import threading

import pytest
from structlog.testing import capture_logs

from models import pointer
from models.host import EngineCrashError
from models.store import StoreAwayError, open_store
from runtime import clock
from runtime.errors import CorruptVersionError, ModelError
from runtime.settings import Settings
from streams.classify.champion import Champions
from streams.classify.memory import Remembered, remember, remembered

A, B = "v-aaaaaaaaaa", "v-bbbbbbbbbb"


class Here(Champions):
    """All versions are on this machine."""

    def bring(self, version: str) -> None:
        pass


class Hanging(Here):
    """The store takes connections and says nothing."""

    def seen(self, known: pointer.Pointer) -> pointer.Pointer:  # noqa: ARG002
        threading.Event().wait(60)
        raise AssertionError


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(model="champion", home=tmp_path)


@pytest.fixture
def promote(settings):
    store = open_store(settings.store_url, make=True)

    def promote(version: str) -> None:
        now = pointer.head(store)
        pointer.append(store, "promote", now, pointer.promoted(now, version), who="t", at=clock.now(), why="t")

    return promote


def test_only_what_was_loaded_is_remembered(settings, promote) -> None:
    promote(A)

    def load(version: str) -> str:
        raise CorruptVersionError("its canaries come out otherwise")

    with pytest.raises(CorruptVersionError):
        Here(settings).first(load)
    assert remembered(settings.home) == Remembered()
    assert Here(settings).first(str).loaded == A
    assert remembered(settings.home) == Remembered(1, A)


def test_a_champion_that_does_not_load_leaves_the_one_before_and_is_named(settings, promote) -> None:
    promote(A)
    Here(settings).first(str)
    promote(B)

    def load(version: str) -> str:
        if version == B:
            raise CorruptVersionError("NaN")
        return version

    with capture_logs() as logs:
        start = Here(settings).first(load)
    assert (start.loaded, start.generation, start.refused) == (A, 1, (B, "NaN"))
    assert [line["event"] for line in logs] == ["champion_not_served"]
    assert remembered(settings.home) == Remembered(1, A)


def test_an_engine_that_failed_at_a_start_is_no_reason_to_refuse_the_version(settings, promote) -> None:
    promote(A)
    Here(settings).first(str)
    promote(B)

    def load(version: str) -> str:
        if version == B:
            raise EngineCrashError("was ended by SIGKILL")
        return version

    start = Here(settings).first(load)
    assert (start.loaded, start.generation, start.refused) == (A, 1, None)


def test_the_generation_stays_a_floor_when_what_served_cannot_be_used_any_more(settings, promote) -> None:
    promote(A)
    remember(settings.home, Remembered(5, B))

    def load(version: str) -> str:
        if version == B:
            raise CorruptVersionError("damaged")
        return version

    with pytest.raises(ModelError, match="damaged"):
        Here(settings).first(load)


def test_a_store_that_does_not_answer_is_waited_for_only_by_who_has_nothing(settings, promote) -> None:
    remember(settings.home, Remembered(3, A))
    with capture_logs() as logs:
        start = Hanging(settings, patience_s=0.05).first(str)
    assert (start.loaded, start.generation, start.refused) == (A, 3, None)
    assert "takes connections and does not answer" in logs[0]["detail"]


def test_a_lost_store_is_no_empty_one(settings) -> None:
    with pytest.raises(StoreAwayError):
        Here(settings).first(str)
