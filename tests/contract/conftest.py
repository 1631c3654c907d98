"""One tiny random version, built, signed and published as a real one is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import pytest

from models import build, keys, registry, tiny


class Published(NamedTuple):
    """Where a version lies, and what it was built from."""

    name: str
    registry: Path
    keys: Path
    trust: Path
    source: tiny.Tiny


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    home = tmp_path_factory.mktemp("home")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    source = tiny.write(home / "source")
    order = build.Order(
        trained=source.trained,
        encoder=source.encoder,
        registry=home / "registry",
        keys=home / "keys",
        min_agreement=0.0,
    )
    name = build.build(order)
    registry.set_alias(home / "registry", "accurate", name)
    return Published(name, home / "registry", home / "keys", home / "keys" / keys.TRUST_FILE, source)
