"""OpenVINO as we want it: silent about its users."""

from __future__ import annotations

import sys
from types import ModuleType


def openvino() -> ModuleType:
    """The openvino package, imported without its telemetry.

    Importing it reports to an analytics server unless `openvino_telemetry` cannot be imported; nncf does likewise.
    None in `sys.modules` is Python's way to say that.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    module: ModuleType = openvino
    return module
