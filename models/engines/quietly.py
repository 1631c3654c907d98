"""OpenVINO as we want it: silent about its users, and one runtime for the whole life of a process."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openvino import Core


def openvino() -> ModuleType:
    """The openvino package, imported without its telemetry.

    Importing it reports to an analytics server unless `openvino_telemetry` cannot be imported; nncf does likewise.
    None in `sys.modules` is Python's way to say that.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    module: ModuleType = openvino
    return module


@cache
def core() -> Core:
    """The process's only OpenVINO runtime, which is never dropped.

    Its CPU plug-in gives the thread that loads it another stack for signal handlers, and frees that stack with the
    last model, whatever thread drops it (2026.4.1). Dropped by another thread, the first one keeps an address that
    is no memory any more, and the next signal with a Python handler ends the process with SIGSEGV and no word.
    """
    runtime: Core = openvino().Core()
    return runtime
