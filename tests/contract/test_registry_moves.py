"""What commands of the store do around a move: check and ask first, say who, list, and tell a store that is gone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from bellwether.cli.app import app
from models import keys, manifest
from models.store import StoreAwayError
from runtime.errors import CorruptVersionError, InputError


@pytest.fixture
def home(published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has the version and its key."""
    shutil.copytree(published.registry, tmp_path / "home" / "registry")
    shutil.copytree(published.keys, tmp_path / "home" / "keys")
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def call(home: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def run(call) -> Callable[..., Any]:
    """What a command says with --json."""

    def run(*words: str) -> Any:
        result = call(*words, "--json")
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)

    return run


def test_the_stores_versions_are_listed_with_their_roles(run, call, published, home: Path) -> None:
    run("models", "publish", "accurate")
    assert call("models", "list", "--store").stdout == f"{published.name}  -\n"
    run("models", "promote", "accurate", "--why", "the first", "--yes")
    told = run("models", "list", "--store")
    assert told["store"] == str(home / "store")
    assert told["versions"] == [{"version": published.name, "roles": ["champion"]}]
    assert told["pointer"]["generation"] == 1
    assert call("models", "list", "--store").stdout == f"{published.name}  champion\n"


def test_who_only_reads_is_told_that_the_store_is_gone_and_who_publishes_that_it_is_made(call, home: Path) -> None:
    for words in (("log",), ("list", "--store"), ("pull", "v-0123456789"), ("rollback", "--why", "x", "--yes")):
        assert isinstance(call("models", *words).exception, StoreAwayError)
    assert not (home / "store").exists()
    assert f"{home / 'store'} was not there: it is made anew" in call("models", "publish", "accurate").stderr
    assert "made anew" not in call("models", "publish", "accurate").stderr


def test_a_version_of_this_machine_is_shown_without_the_store(run, call, published) -> None:
    told = run("models", "show", "accurate")
    assert (told["version"], told["generation"]) == (published.name, None)
    assert "no generation is known: there is no store in" in call("models", "show", "accurate", "--json").stderr


def test_a_version_that_serves_already_is_neither_asked_about_nor_published_again(run, call) -> None:
    run("models", "promote", "accurate", "--why", "the first", "--yes")
    for action in ("promote", "stage"):
        result = call("models", action, "accurate", "--why", "again")
        assert "is the champion already" in str(result.exception)


def test_a_person_at_a_terminal_is_asked_and_a_no_moves_nothing(run, published, monkeypatch) -> None:
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("bellwether.cli.registry.sys", terminal)
    words = ["models", "promote", "accurate", "--why", "the first"]
    said = CliRunner().invoke(app, words, input="n\n")
    assert f"let {published.name} serve instead of nothing (generation 1)?" in said.output
    assert said.exit_code == 1
    CliRunner().invoke(app, ["models", "publish", "accurate"])
    assert run("models", "log")["moves"] == []
    assert CliRunner().invoke(app, words, input="y\n").exit_code == 0
    assert [move["action"] for move in run("models", "log")["moves"]] == ["promote"]


def test_what_the_store_alone_has_moves_the_pointer_only_where_its_signer_is_trusted(
    run, call, published, home
) -> None:
    run("models", "publish", "accurate")
    shutil.rmtree(home / "registry")
    trust = home / "keys" / keys.TRUST_FILE
    known = trust.read_text()
    trust.write_text("")
    for words in (("stage",), ("promote", "--yes")):
        result = call("models", words[0], published.name, "--why", "better", *words[1:])
        assert isinstance(result.exception, CorruptVersionError)
        assert "does not trust" in str(result.exception)
    assert run("models", "log")["moves"] == []
    trust.write_text(known)
    assert run("models", "promote", published.name, "--why", "better", "--yes")["after"] == published.name


def test_nobody_rolls_back_to_what_a_revoked_key_signed(run, call, published, home: Path) -> None:
    folder, following = home / "registry" / published.name, home / "registry" / "v-0123456789"
    shutil.copytree(folder, following)
    renamed = msgspec.structs.replace(manifest.read(folder), version=following.name)
    manifest.write_signed(following, renamed, home / "keys")
    for version in (published.name, following.name):
        run("models", "promote", version, "--why", "better", "--yes")
    (home / "keys" / keys.TRUST_FILE).write_text("")
    result = call("models", "rollback", "--why", "alarms", "--yes")
    assert isinstance(result.exception, CorruptVersionError)
    assert [move["action"] for move in run("models", "log")["moves"]] == ["promote", "promote"]


def test_a_user_without_a_name_moves_the_pointer_by_number(run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def nameless(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", nameless)
    moved = run("models", "promote", "accurate", "--why", "the first", "--yes")
    assert moved["who"].startswith(f"uid-{os.getuid()}@")


def test_after_a_revocation_a_version_is_signed_published_and_verified_again(run, call, published, home: Path) -> None:
    run("models", "publish", "accurate")
    (old,) = keys.trusted(home / "keys" / keys.TRUST_FILE)
    run("keys", "revoke", old.id)
    assert call("models", "verify").exit_code == 1
    new = run("keys", "create")["id"]
    assert new != old.id
    assert run("models", "sign", "accurate") == {"version": published.name, "key": new}
    assert run("models", "verify") == {"versions": {published.name: None}}
    assert run("models", "publish", "accurate")["published"] is True
    shutil.rmtree(home / "registry" / published.name)
    run("models", "pull", published.name)
    assert run("models", "verify", published.name) == {"versions": {published.name: None}}


def test_scores_that_are_none_are_told_by_show_and_diff(call, published, home: Path) -> None:
    folder = home / "registry" / published.name
    facts = manifest.read(folder)
    changed = {name: getattr(facts, name) for name in facts.__struct_fields__} | {
        "metrics": {"scores": [{"n": "many"}]}
    }
    manifest.write_signed(folder, manifest.Manifest(**changed), home / "keys")
    for words in (("show", "accurate"), ("diff", "accurate", "accurate")):
        error = call("models", *words).exception
        assert isinstance(error, CorruptVersionError)
        assert "is no list of scores" in str(error)


def test_an_export_that_cannot_be_written_says_so(call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = call("models", "export", "accurate", "--out", str(tmp_path / "file" / "out")).exception
    assert isinstance(error, InputError)
    assert "out cannot be written: File exists; name a folder where there is room" in str(error)


def test_a_key_is_trusted_by_a_command_that_scripts_can_read(run, tmp_path: Path) -> None:
    theirs = keys.ensure(tmp_path / "theirs")
    assert run("keys", "trust", theirs.encoded) == {"id": theirs.id, "added": True}
    assert run("keys", "trust", theirs.encoded) == {"id": theirs.id, "added": False}
