"""The life of a version by its commands, with a folder as the store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bellwether.cli.app import app
from models import keys, manifest, registry
from models.checks import TEXTS
from models.store import open_store
from runtime.errors import BellwetherError, CorruptVersionError, InputError, ModelError
from runtime.settings import Settings
from streams.classify.champion import Champions
from streams.classify.memory import MEMORY_FILE
from trainer.service import records
from trainer.service.records import Judgement, RunRecord

Run = Callable[..., Any]


@pytest.fixture
def home(published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has the version and its key."""
    shutil.copytree(published.registry, tmp_path / "home" / "registry")
    shutil.copytree(published.keys, tmp_path / "home" / "keys")
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def call(home: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, ["models", *words])


@pytest.fixture
def run(call) -> Run:
    """What a command says with --json."""

    def run(*words: str) -> Any:
        result = call(*words, "--json")
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)

    return run


@pytest.fixture
def other(home: Path, published) -> str:
    """A second version of the same machine: the first with another name and lineage, signed anew."""
    name = "v-00000000aa"
    folder = home / "registry" / name
    shutil.copytree(home / "registry" / published.name, folder)
    facts = manifest.read(folder)
    lineage = manifest.Lineage(**{**{f: getattr(facts.lineage, f) for f in facts.lineage.__struct_fields__}, "seed": 9})
    changed = {f: getattr(facts, f) for f in facts.__struct_fields__} | {"version": name, "lineage": lineage}
    manifest.write_signed(folder, manifest.Manifest(**changed), home / "keys")
    return name


def test_a_version_is_published_once(run: Run, published, home: Path) -> None:
    assert run("publish", "accurate") == {
        "version": published.name, "store": str(home / "store"), "published": True,
    }  # fmt: skip
    assert run("publish", published.name)["published"] is False


def test_a_version_is_staged_promoted_and_rolled_back_and_the_log_says_by_whom_and_why(
    run: Run, call, published, other: str
) -> None:
    assert run("promote", "accurate", "--why", "the first", "--yes")["before"] is None
    assert run("stage", other, "--why", "trained anew")["after"] == other
    assert run("show", published.name)["generation"] == 1
    moved = run("promote", other, "--why", "better", "--yes")
    assert (moved["action"], moved["before"], moved["after"]) == ("promote", published.name, other)
    assert "Say --yes" in str(call("rollback", "--why", "alarms").exception)
    assert run("rollback", "--why", "alarms", "--yes")["after"] == published.name
    moves = run("log")["moves"]
    assert [(one["action"], one["why"]) for one in moves] == [
        ("promote", "the first"), ("stage", "trained anew"), ("promote", "better"), ("rollback", "alarms"),
    ]  # fmt: skip
    assert all("@" in one["who"] and one["at"].endswith("+00:00") for one in moves)
    assert moves[-1]["pointer"] == {
        "generation": 4, "champion": published.name, "since": 4, "previous": other, "staged": None,
        "staged_since": 0, "challenger": None, "challenger_since": 0, "policy": None,
    }  # fmt: skip


def test_show_has_the_keys_for_scripts(run: Run, published, home: Path) -> None:
    told = run("show", "accurate")
    assert told.keys() >= {"version", "generation", "parent", "digest", "metrics", "verdict", "created_at"}
    assert (told["version"], told["generation"], told["verdict"]) == (published.name, None, None)
    assert told["digest"] == manifest.digest(home / "registry" / published.name / manifest.MANIFEST)


def test_show_says_what_the_gate_said(run: Run, published, home: Path) -> None:
    run("publish", "accurate")
    judgement = Judgement(verdict="worse within noise", reasons=("a test",))
    record = RunRecord(
        number=1, who="trainer@here", why="a test", began="2026-01-05T12:00:00+00:00",
        ended="2026-01-05T12:01:00+00:00", position=3, labels=3, data="d", recipe="r", parent=None, generation=0,
        seed=0, version=published.name, judgement=judgement, may_promote=False, seconds={},
    )  # fmt: skip
    records.create(open_store(str(home / "store")), record)
    assert run("show", "accurate")["verdict"] == "worse within noise"


def test_nothing_is_made_before_somebody_said_yes(call, home: Path) -> None:
    for words in (("promote", "v-0000000000", "--yes"), ("promote", "accurate"), ("stage", "v-0000000000")):
        assert call(*words, "--why", "a test").exit_code != 0
        assert not (home / "store").exists(), words


def test_nothing_is_promoted_or_published_unless_somebody_says_yes(call, run: Run, home: Path) -> None:
    for words in (("promote", "accurate", "--why", "x"), ("promote", "accurate", "--why", "x", "--json")):
        result = call(*words)
        assert isinstance(result.exception, InputError)
        assert "nobody can be asked: let" in str(result.exception)
        assert "Say --yes" in str(result.exception)
    assert not (home / "store").exists()
    run("publish", "accurate")
    assert isinstance(call("promote", "accurate", "--why", "x").exception, InputError)
    assert run("log")["moves"] == []


def test_a_move_without_a_reason_in_one_line_is_refused_before_anything_is_published(call, home: Path) -> None:
    assert call("promote", "accurate", "--yes").exit_code == 2
    for words in (("promote", "accurate", "--yes"), ("stage", "accurate"), ("rollback", "--yes")):
        assert "--why is empty; the log keeps it" in str(call(*words, "--why", " ").exception)
        forged = call(*words, "--why", "good\n     9  2026-11-25T12:00:00+00:00  promote  a -> b  boss@hq: better")
        assert "--why holds '\\n' at character 5; say it in one line of plain text" in str(forged.exception)
    assert not (home / "store").exists()


def test_a_pulled_version_is_verified_and_whole(run: Run, published, home: Path) -> None:
    run("publish", "accurate")
    shutil.rmtree(home / "registry" / published.name)
    folder = Path(run("pull", published.name)["folder"])
    assert folder == home / "registry" / published.name
    registry.verified(folder, home / "keys" / keys.TRUST_FILE)


def test_what_differs_is_told(run: Run, call, published, other: str) -> None:
    told = run("diff", published.name, other)
    assert set(told["differences"]) == {"version", "lineage.seed"}
    assert "lineage.seed: " in call("diff", published.name, other).stdout
    assert call("diff", other, other).stdout == "no difference\n"


CLASSIFY = """
import json, sys
sys.modules.update(dict.fromkeys(("models", "wire", "runtime", "streams", "trainer", "bellwether")))
from transformers import pipeline
classify = pipeline("text-classification", model=sys.argv[1], device="cpu")
answers = classify(json.loads(sys.argv[2]), top_k=None, truncation=True, max_length=48)
print(json.dumps([{one["label"]: one["score"] for one in answer} for answer in answers]))
"""
"""None in `sys.modules` hides our packages: whatever would import them fails."""


@pytest.mark.parametrize("task", ["sentiment", "topic"])
def test_an_exported_task_loads_in_transformers_alone_and_orders_labels_as_we_do(
    task: str, run: Run, published, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "exported"
    assert run("export", "accurate", "--task", task, "--out", str(out))["folder"] == str(out)
    command = [sys.executable, "-P", "-c", CLASSIFY, str(out), json.dumps(list(TEXTS))]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
    assert said.returncode == 0, said.stderr
    engine = registry.open_engine(
        "accurate", registry=home / "registry", trust=home / "keys" / keys.TRUST_FILE, engine="torch-fp32", threads=1
    )
    for answer, row in zip(json.loads(said.stdout), engine.score(TEXTS)[task], strict=True):
        assert set(answer) == set(engine.tasks[task].labels)
        assert max(answer, key=answer.__getitem__) == engine.tasks[task].labels[row.argmax()]


def test_an_export_overwrites_nothing_and_names_the_tasks_that_there_are(call, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    result = call("export", "accurate", "--out", str(tmp_path / "full"))
    assert "is there already; name a folder that is not" in str(result.exception)
    result = call("export", "accurate", "--task", "colour", "--out", str(tmp_path / "new"))
    assert "has no task 'colour'; it has sentiment, topic" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == []


def serves(**changes: str) -> str:
    """The version that a worker starts with; loading it verifies it, as the engine's process does."""
    settings = Settings(model="champion", **changes)  # type: ignore[arg-type]
    trust = settings.keys_folder / keys.TRUST_FILE

    def load(version: str) -> str:
        return registry.verified(registry.resolve(version, settings.registry_folder), trust).version

    return Champions(settings).first(load).loaded


def test_a_worker_of_the_champion_serves_what_was_promoted_last_also_on_another_machine(
    run: Run, published, other: str, home: Path, tmp_path: Path
) -> None:
    run("promote", "accurate", "--why", "the first", "--yes")
    assert serves() == published.name
    run("promote", other, "--why", "better", "--yes")
    assert serves() == other
    shutil.copytree(home / "keys", tmp_path / "elsewhere" / "keys")
    elsewhere = tmp_path / "elsewhere"
    assert serves(home=str(elsewhere), store=str(home / "store")) == other
    assert (elsewhere / "registry" / other / manifest.MANIFEST).is_file()


def test_without_a_champion_a_worker_says_how_to_make_one(home: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no store in .*; mount or restore it"):
        serves()
    open_store(str(home / "store"), make=True)
    with pytest.raises(ModelError, match=r"no version was ever promoted in .*; `bellwether models promote` does it"):
        serves()


@pytest.mark.parametrize("loss", ["gone", "empty", "unreachable", "behind"])
def test_a_worker_starts_with_what_served_last_when_the_store_is_gone_or_behind(
    loss: str, run: Run, published, other: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    run("promote", "accurate", "--why", "the first", "--yes")
    run("promote", other, "--why", "better", "--yes")
    assert serves() == other
    store = str(home / "store")
    if loss == "gone":
        shutil.rmtree(home / "store")
    elif loss == "empty":
        store = str(home / "another")
        open_store(store, make=True)
    elif loss == "behind":
        (home / "store" / "pointer" / "000002.json").unlink()
    else:
        store = "s3://nowhere/registry"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    assert serves(store=store) == other
    assert "champion_not_served" in "".join(capsys.readouterr())


def test_a_champion_that_does_not_verify_never_serves_and_the_one_before_goes_on(
    run: Run, published, other: str, home: Path
) -> None:
    run("promote", "accurate", "--why", "the first", "--yes")
    assert serves() == published.name
    run("promote", other, "--why", "better", "--yes")
    shutil.rmtree(home / "registry" / other)
    for weights in (home / "store" / "versions" / other).rglob("model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    assert serves() == published.name
    assert not (home / "registry" / other).exists()
    (home / MEMORY_FILE).unlink()
    with pytest.raises(CorruptVersionError, match="does not match its digest"):
        serves()


def test_what_a_revoked_key_signed_is_neither_published_nor_served(run: Run, call, published, home: Path) -> None:
    run("promote", "accurate", "--why", "the first", "--yes")
    (key,) = keys.trusted(home / "keys" / keys.TRUST_FILE)
    assert CliRunner().invoke(app, ["keys", "revoke", key.id]).exit_code == 0
    told = json.loads(CliRunner().invoke(app, ["keys", "list", "--json"]).stdout)
    assert (told["keys"], told["revoked"]) == ([], [key.id])
    assert isinstance(call("publish", "accurate").exception, BellwetherError)
    with pytest.raises(CorruptVersionError, match="has revoked"):
        serves()
