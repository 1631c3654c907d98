"""A version as what a training begins with: its root is a plain Hugging Face folder, its heads are known by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import encoders, registry
from runtime.errors import InputError


def open_parent(version: str, versions: Path, trust: Path) -> Path:
    """The folder of a version of this machine, all of it checked: its weights are an encoder's now.

    Args:
        version: an alias or a `v-` name.
        versions: the registry's folder.
        trust: file of trusted keys.

    Raises:
        VersionNotFoundError: this machine has no such version.
        InputError: it is a folder outside the registry, which nobody would find again by its name.
        CorruptVersionError: it is not what its signature says.
    """
    folder = registry.resolve(version, versions)
    if not registry.is_name(folder.name) or folder.parent != versions:
        raise InputError(f"{version} is no version of {versions}; build it there, then give its `v-` name")
    registry.verified(folder, trust)
    return folder


def encoder_of(facts: Mapping[str, Any], versions: Path, trust: Path, cache: Path | None) -> Path:
    """The folder that a training began with: its parent version's, where it has one, else its encoder's.

    Args:
        facts: the content of its training.json.
        versions: the registry's folder.
        trust: file of trusted keys.
        cache: the project's cache folder for encoders.

    Raises:
        ModelError: the parent is not here, or not what its signature says.
        InputError: no such encoder.
        ArtefactError: the encoder cannot be brought.
    """
    if facts.get("parent") is None:
        return encoders.resolve(str(facts["encoder"]["name"]), cache)
    return open_parent(str(facts["parent"]), versions, trust)
