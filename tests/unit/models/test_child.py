from __future__ import annotations

import pytest

from models import child
from runtime.errors import CorruptVersionError, EngineError


class OutOfMemoryError(RuntimeError):
    """Named as PyTorch's."""


def raised_from(error: Exception) -> Exception:
    made = EngineError("torch-fp32 of v-0 failed on a batch of 3 texts")
    made.__cause__ = error
    return made


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA: tried to get 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 3142656 bytes. Error code 12"),
        RuntimeError("[CPU] FullyConnected node with name '__module.dense/aten::linear/MatMul' can't alloc"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("Failed to allocate memory for requested buffer of size 512"),
        raised_from(RuntimeError("std::bad_alloc")),
        raised_from(OutOfMemoryError("CUDA")),
    ],
)
def test_lack_of_memory_is_known_by_class_name_or_words_and_through_what_an_engine_made_of_it(error) -> None:
    assert child._failure(error).kind == "EngineMemoryError"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (EngineError("refused: out of memory is only a word here"), "EngineError", "refused: out of memory is"),
        (CorruptVersionError("off"), "CorruptVersionError", "off"),
        (RuntimeError("device-side assert"), "EngineError", "RuntimeError: device-side assert"),
        (ValueError("bad"), "EngineError", "ValueError: bad"),
    ],
)
def test_any_other_error_is_the_nearest_of_ours(error, kind, message) -> None:
    failure = child._failure(error)
    assert failure.kind == kind
    assert failure.message.startswith(message)


def test_a_bare_memory_error_is_named_in_the_message() -> None:
    assert child._failure(MemoryError()).message == "MemoryError: "
