"""A real engine behind the traps: lack of memory is the heavy texts' own, however many shapes the engine has met."""

import sys

import pytest

from models import keys
from models.host import HostedEngine
from models.specs import RegistrySpec, TrappedSpec
from runtime import settings
from runtime.errors import EngineMemoryError, ModelError

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process limit its own memory"),
]


def test_few_heavy_texts_succeed_also_after_hundreds_of_calls_of_growing_lengths() -> None:
    where = settings.load()
    trust = str(where.keys_folder / keys.TRUST_FILE)
    spec = TrappedSpec(RegistrySpec("fast", str(where.registry_folder), trust, threads=1))
    try:
        engine = HostedEngine.start(spec)
    except ModelError as error:
        pytest.skip(f"NOT TESTED: {error}")
    pid = engine.pid
    try:
        for _ in range(2):
            with pytest.raises(EngineMemoryError, match="MemoryError"):
                engine.score(["[[heavy]] shares fall"] * 40)
            assert engine.score(["[[heavy]] shares fall"] * 8)["sentiment"].shape == (8, 3)
            for length in range(200):
                engine.score(["profit " * (length + 1)])
        assert engine.pid == pid
    finally:
        engine.close()
