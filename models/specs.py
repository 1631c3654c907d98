"""What to load, as plain data: a spec travels to the engine's process and is opened there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.engine import Engine
from models.fakes import NoopEngine, ScriptedEngine


class RegistrySpec(msgspec.Struct, frozen=True, tag="registry"):
    """A version from a registry.

    Attributes:
        version: alias, `v-` name or folder.
        registry: the registry's folder.
        trust: the file of trusted public keys.
        engine: which of the version's engines; None takes the best for this machine.
        threads: processor threads of the engine; None takes all that this process may use.
    """

    version: str
    registry: str
    trust: str
    engine: str | None = None
    threads: int | None = None


class NoopSpec(msgspec.Struct, frozen=True, tag="noop"):
    """`models.fakes.NoopEngine`."""


class ScriptedSpec(msgspec.Struct, frozen=True, tag="scripted"):
    """`models.fakes.ScriptedEngine` with its arguments."""

    seconds_per_text: float = 0.0
    scratch: str | None = None
    version: str = "v-5c21b7ed00"


EngineSpec = RegistrySpec | NoopSpec | ScriptedSpec


def open_spec(spec: EngineSpec) -> Engine:
    """Load the engine that a spec names, in this process.

    Raises:
        ModelError: the version is unknown, does not verify or does not load.
    """
    match spec:
        case NoopSpec():
            return NoopEngine()
        case ScriptedSpec():
            scratch = None if spec.scratch is None else Path(spec.scratch)
            return ScriptedEngine(seconds_per_text=spec.seconds_per_text, scratch=scratch, version=spec.version)
        case RegistrySpec():
            from models.registry import open_engine

            return open_engine(
                spec.version,
                registry=Path(spec.registry),
                trust=Path(spec.trust),
                engine=spec.engine,
                threads=spec.threads,
            )
