"""Which engine a worker loads, from its settings."""

from __future__ import annotations

from models import keys
from models.specs import EngineSpec, NoopSpec, RegistrySpec, ScriptedSpec, TrappedSpec
from runtime.settings import Settings
from streams.classify import champion


def chosen_spec(settings: Settings) -> EngineSpec:
    """As `engine_spec`, with the store's champion brought here where that shall serve: it may take a download.

    Raises:
        ModelError: there is none, or it cannot be had, and none served here before.
    """
    if settings.model != champion.NAME:
        return engine_spec(settings)
    trust = settings.keys_folder / keys.TRUST_FILE
    version = champion.champion(settings.store_url, settings.registry_folder, trust, settings.home)
    return engine_spec(settings.model_copy(update={"model": version}))


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
