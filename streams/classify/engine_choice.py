"""Which engine a worker loads, from its settings."""

from __future__ import annotations

from models import keys
from models.specs import EngineSpec, NoopSpec, RegistrySpec, ScriptedSpec, TrappedSpec
from runtime.settings import Settings


def engine_spec(settings: Settings) -> EngineSpec:
    """What to load: `noop` and `scripted` are engines without a model, anything else is a version.

    `scripted@v-…` is scripted under another version's name: two such workers can be told apart. `trapped@accurate` is
    any version that obeys the markers of `models.traps` first (`[[crash]]`, `[[hang]]`, `[[alloc]]`, ...): a real line
    whose texts may kill its real model on purpose.
    """
    if settings.model == "noop":
        return NoopSpec()
    name, _, version = settings.model.partition("@")
    if name == "scripted":
        return ScriptedSpec(version=version) if version else ScriptedSpec()
    is_trapped = name == "trapped" and bool(version)
    spec = RegistrySpec(
        version=version if is_trapped else settings.model,
        registry=str(settings.registry_folder),
        trust=str(settings.keys_folder / keys.TRUST_FILE),
        engine=settings.engine,
        threads=settings.threads or None,
    )
    return TrappedSpec(spec) if is_trapped else spec
