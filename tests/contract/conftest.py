"""One tiny random version, built as a real one is, and stores with versions of two small files."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from models import build, keys, manifest, registry, tiny
from models.store import Store, open_store


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


VERSION = "v-0123456789"
"""Of the versions that `make_version` makes."""


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of moto's server, a process of its own in an environment of its own."""
    command = Path(sys.prefix, "moto", "bin", "moto_server")
    if not command.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"under CI every test must run, and {command} is absent: `make install`", pytrace=False)
        pytest.skip(f"NOT TESTED against S3: {command} is absent; `make install` brings it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as file:
        server = subprocess.Popen([command, "-H", "127.0.0.1", "-p", str(port)], stdout=file, stderr=file)
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                threading.Event().wait(0.05)
        assert server.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty store."""
    if request.param == "folder":
        return str(tmp_path / "store")
    endpoint = request.getfixturevalue("s3")
    for name, value in {
        "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    bucket = f"models-{abs(hash(str(tmp_path)))}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT"), timeout=10).close()
    return f"s3://{bucket}/registry"


@pytest.fixture
def store(url: str) -> Store:
    return open_store(url, make=True)


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    keys.ensure(tmp_path / "keys")
    return tmp_path / "keys" / keys.TRUST_FILE


@pytest.fixture
def make_version(tmp_path: Path, trust: Path) -> Callable[..., Path]:
    """Gives a signed version with two files in a folder of its own."""

    def make(where: str, weights: bytes = b"weights", *, signer: Path | None = None, **changes: object) -> Path:
        folder = tmp_path / where / VERSION
        (folder / "heads").mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "bert"}')
        (folder / "heads" / "topic.safetensors").write_bytes(weights)
        facts: dict[str, object] = {
            "format": manifest.FORMAT, "version": VERSION, "created_at": "", "encoder": "tiny", "cleaning": "1",
            "max_tokens": 48, "tasks": {}, "engines": {}, "canaries": [], "metrics": {},
            "files": manifest.describe_files(folder),
            "lineage": manifest.Lineage("", "", 0, None, "", "", ""),
        }  # fmt: skip
        manifest.write_signed(folder, manifest.Manifest(**(facts | changes)), signer or trust.parent)  # type: ignore[arg-type]
        return folder

    return make
