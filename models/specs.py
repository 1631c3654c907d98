"""What to load, as plain data: a spec travels to the engine's process and is opened there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.engine import Engine
from models.fakes import NoopEngine, ScriptedEngine
from models.traps import TrappedEngine, Traps


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


class TrappedSpec(msgspec.Struct, frozen=True, tag="trapped"):
    """`models.traps.TrappedEngine` around a version from a registry.

    Attributes:
        spec: the version that really scores.
        scratch: folder for what `[[crash-once]]` remembers.
    """

    spec: RegistrySpec
    scratch: str | None = None


EngineSpec = RegistrySpec | NoopSpec | ScriptedSpec | TrappedSpec


def open_spec(spec: EngineSpec) -> Engine:
    """Load the engine that a spec names, in this process.

    Raises:
        ModelError: the version is unknown, does not verify or does not load.
    """
    match spec:
        case NoopSpec():
            return NoopEngine()
        case ScriptedSpec():
            scratch = _folder(spec.scratch)
            return ScriptedEngine(seconds_per_text=spec.seconds_per_text, scratch=scratch, version=spec.version)
        case TrappedSpec():
            return TrappedEngine(open_spec(spec.spec), Traps(_folder(spec.scratch)))
        case RegistrySpec():
            from models.registry import open_engine

            return open_engine(
                spec.version,
                registry=Path(spec.registry),
                trust=Path(spec.trust),
                engine=spec.engine,
                threads=spec.threads,
            )


def _folder(name: str | None) -> Path | None:
    return None if name is None else Path(name)
