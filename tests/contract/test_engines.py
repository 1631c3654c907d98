"""One suite, every engine and every fake: see `models.checks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models import checks
from models.engine import Engine
from models.fakes import NoopEngine, ScriptedEngine
from models.host import HostedEngine
from models.registry import open_engine
from models.specs import RegistrySpec, ScriptedSpec, TrappedSpec, open_spec
from runtime.errors import EngineError
from runtime.settings import Settings
from streams.classify.engine_choice import engine_spec

FAKES: dict[str, Callable[[], Engine]] = {
    "noop": NoopEngine,
    "scripted": ScriptedEngine,
    "hosted scripted": lambda: HostedEngine.start(ScriptedSpec()),
}
REAL = ("torch-fp32", "torch-bf16", "openvino-int8")
HOSTED = "hosted openvino-int8"
TRAPPED = "trapped openvino-int8"


@pytest.fixture(scope="module", params=[*FAKES, *REAL, HOSTED, TRAPPED])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = opened(request.param, request)
    yield engine
    engine.close()


def opened(name: str, request: pytest.FixtureRequest) -> Engine:
    if name in FAKES:
        return FAKES[name]()
    published = request.getfixturevalue("published")
    if name in {HOSTED, TRAPPED}:
        spec = spec_of(published)
        return HostedEngine.start(spec if name == HOSTED else TrappedSpec(spec))
    return open_engine(published.name, registry=published.registry, trust=published.trust, engine=name, threads=1)


def spec_of(published: Any) -> RegistrySpec:
    return RegistrySpec(published.name, str(published.registry), str(published.trust), "openvino-int8", threads=1)


def test_a_trapped_version_says_and_scores_what_the_version_does(published: Any) -> None:
    plain, trapped = open_spec(spec_of(published)), open_spec(TrappedSpec(spec_of(published)))
    assert (trapped.name, trapped.version, trapped.cleaning) == (plain.name, plain.version, plain.cleaning)
    with pytest.raises(EngineError, match="told to refuse"):
        trapped.score(["fine", "[[error]]"])
    expected = plain.score(checks.TEXTS)
    assert {name: rows.tolist() for name, rows in trapped.score(checks.TEXTS).items()} == {
        name: rows.tolist() for name, rows in expected.items()
    }
    assert trapped.last_call.tokens == plain.last_call.tokens
    plain.close()
    trapped.close()


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_engine_passes(engine: Engine, check: checks.Check) -> None:
    check(engine)


def test_every_check_is_in_the_suite() -> None:
    public = {name for name, item in vars(checks).items() if callable(item) and item.__module__ == checks.__name__}
    assert {check.__name__ for check in checks.ALL} == {name for name in public if not name.startswith("_")}


def test_every_engine_of_a_version_is_checked(published: tuple[object, ...]) -> None:
    from models import manifest

    found = manifest.read(published.registry / published.name)  # type: ignore[attr-defined]
    assert set(found.engines) == set(REAL)


def test_a_worker_can_be_given_a_trapped_version_by_its_name() -> None:
    spec = engine_spec(Settings(model="trapped@accurate"))
    assert isinstance(spec, TrappedSpec)
    assert spec.spec == engine_spec(Settings(model="accurate"))
