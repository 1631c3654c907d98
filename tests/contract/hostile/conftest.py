"""A machine with a version that somebody may change, and every way in which a version is used there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from bellwether.cli.app import app
from models import export, keys, manifest, registry
from models.host import HostedEngine
from models.manifest import FileEntry, Manifest
from models.publish import manifest_path, signatures_in, tree_of
from models.pull import pull
from models.specs import RegistrySpec
from models.store import open_store
from runtime.errors import CorruptVersionError


@dataclass(frozen=True)
class Machine:
    """The version lies in `folder`; a payload that runs makes the file `canary`."""

    home: Path
    folder: Path
    canary: Path

    @property
    def trust(self) -> Path:
        return self.home / "keys" / keys.TRUST_FILE

    @property
    def doors(self) -> dict[str, Callable[[Machine], object]]:
        return DOORS

    def sign(self, extra: dict[str, FileEntry] | None = None, **changes: object) -> None:
        """Describe all files as they are, without a question, and sign with the trusted key."""
        facts = self._manifest(extra or {})
        manifest.write_signed(self.folder, msgspec.structs.replace(facts, **changes), self.home / "keys")

    def forge(self, extra: dict[str, FileEntry]) -> None:
        """Describe all files as they are; the signature stays."""
        (self.folder / manifest.MANIFEST).write_bytes(msgspec.json.encode(self._manifest(extra)))

    def _manifest(self, extra: dict[str, FileEntry]) -> Manifest:
        facts = msgspec.json.decode((self.folder / manifest.MANIFEST).read_bytes(), type=Manifest)
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.name not in {manifest.MANIFEST, manifest.SIGNATURE}:
                name = path.relative_to(self.folder).as_posix()
                found[name] = FileEntry(manifest.digest(path), path.stat().st_size)
        return msgspec.structs.replace(facts, files=found | extra)


@pytest.fixture
def machine(published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    home = tmp_path / "home"
    shutil.copytree(published.registry / published.name, home / "registry" / published.name)
    shutil.copytree(published.keys, home / "keys")
    monkeypatch.setenv("BELLWETHER_HOME", str(home))
    return Machine(home, home / "registry" / published.name, tmp_path / "canary.json")


def pulled(machine: Machine) -> None:
    store, payload = machine.home / "store", (machine.folder / manifest.MANIFEST).read_bytes()
    tree = tree_of(machine.folder.name, payload)
    shutil.copytree(machine.folder, store / tree)
    (store / signatures_in(tree)).mkdir()
    shutil.copyfile(machine.folder / manifest.SIGNATURE, store / signatures_in(tree) / "a-key")
    (store / manifest_path(machine.folder.name)).write_bytes(payload)
    pull(open_store(str(store)), machine.folder.name, machine.home / "elsewhere", machine.trust)


def verified_by_command(machine: Machine) -> None:
    result = CliRunner().invoke(app, ["models", "verify", str(machine.folder)])
    if (result.exit_code, type(result.exception)) == (1, SystemExit):
        raise CorruptVersionError(result.stdout)


def scored_by_command(machine: Machine) -> None:
    words = ["score", "profit rises", "--model", str(machine.folder)]
    CliRunner().invoke(app, words, catch_exceptions=False)


def opened(machine: Machine, engine: str | None = None) -> None:
    registry.open_engine(
        str(machine.folder), registry=machine.folder.parent, trust=machine.trust, engine=engine, threads=1
    ).close()


def hosted(machine: Machine) -> None:
    spec = RegistrySpec(str(machine.folder), str(machine.folder.parent), str(machine.trust), threads=1)
    HostedEngine.start(spec).close()


DOORS: dict[str, Callable[[Machine], object]] = {
    "verified": lambda machine: registry.verified(machine.folder, machine.trust),
    "opened": opened,
    "opened in full precision": lambda machine: opened(machine, "torch-fp32"),
    "pull": pulled,
    "export": lambda machine: export.export(machine.folder, "topic", machine.home / "out", machine.trust),
    "models verify": verified_by_command,
    "score": scored_by_command,
    "worker": hosted,
}
