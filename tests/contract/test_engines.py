"""One suite, every engine and every fake: see `models.checks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from models import checks
from models.engine import Engine
from models.fakes import NoopEngine, ScriptedEngine
from models.host import HostedEngine
from models.specs import ScriptedSpec

ENGINES: dict[str, Callable[[], Engine]] = {
    "noop": NoopEngine,
    "scripted": ScriptedEngine,
    "hosted": lambda: HostedEngine.start(ScriptedSpec()),
}


@pytest.fixture(scope="module", params=ENGINES, ids=str)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = ENGINES[request.param]()
    yield engine
    engine.close()


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_engine_passes(engine: Engine, check: checks.Check) -> None:
    check(engine)


def test_every_check_is_in_the_suite() -> None:
    public = {name for name, item in vars(checks).items() if callable(item) and item.__module__ == checks.__name__}
    assert {check.__name__ for check in checks.ALL} == {name for name in public if not name.startswith("_")}
