"""What a registry needs of its store, of a folder and of a server that speaks S3: one suite."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock
from obstore.exceptions import PermissionDeniedError

from models import keys, manifest, pointer, registry
from models.manifest import Manifest
from models.pointer import Pointer, RaceLostError
from models.publish import manifest_path, publish, published, signatures_in, tree_of
from models.pull import LOCK_PREFIX, pull
from models.store import PROBES, Store, StoreAwayError, StoreError, TakenError, open_store, require_conditions
from runtime.errors import CorruptVersionError, InputError, ModelError, VersionNotFoundError

NAME = "v-0123456789"
"""Of the versions that `make_version` makes."""

WHEN = datetime(2026, 11, 25, 12, tzinfo=UTC)


def versions_in(folder: Path) -> list[str]:
    """What lies in a machine's folder of versions, its lock left out."""
    return [path.name for path in folder.iterdir() if not path.name.startswith(LOCK_PREFIX)]


def test_an_object_is_written_once_and_read_whole_and_in_pieces(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 9_000_000)
    store.create("a/small.json", b"1")
    store.create("a/large", tmp_path / "file")
    with pytest.raises(TakenError, match=r"a/small\.json is in .* already, and nothing there is ever changed"):
        store.create("a/small.json", b"2")
    assert store.read("a/small.json") == b"1"
    assert store.read("a/nothing") is None
    assert sum(map(len, store.chunks("a/large"))) == 9_000_000
    assert store.names("a") == ["large", "small.json"]
    assert store.names("") == ["a"]
    assert store.names("nowhere") == []
    with pytest.raises(StoreError, match="holds no a/nothing; publish the version again"):
        list(store.chunks("a/nothing"))


def test_conditions_are_kept_and_the_probe_leaves_nothing(store: Store) -> None:
    require_conditions(store)
    assert store.names(PROBES) == []


def test_a_store_that_forgets_conditions_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore

    put = obstore.put
    monkeypatch.setattr(obstore, "put", lambda *args, **named: put(*args, **(named | {"mode": "overwrite"})))
    with pytest.raises(StoreError, match="two writers create the same object: it ignores conditions"):
        require_conditions(store)
    assert store.names(PROBES) == []


def test_a_store_that_does_not_answer_may_do_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(StoreAwayError, match=r"s3://nowhere/x does not answer .* check BELLWETHER_STORE") as caught:
        open_store("s3://nowhere/x").read("a")
    assert caught.value.is_retriable


def test_a_store_that_refuses_is_asked_no_second_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionDeniedError("403")

    monkeypatch.setattr("obstore.get", denied)
    with pytest.raises(StoreError, match=r"refuses a: 403; check the credentials and rights") as caught:
        store.read("a")
    assert not caught.value.is_retriable


def test_a_bucket_that_is_not_there_is_named_with_the_cure(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT", s3), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(StoreError, match="its bucket is not there; make it, or check BELLWETHER_STORE"):
        open_store("s3://nobody-made-this/x").create("a", b"1")


def test_a_url_of_no_store_is_refused() -> None:
    with pytest.raises(InputError, match=r"(?s)'gopher://x' names no store: .*give a folder or s3://bucket/prefix"):
        open_store("gopher://x")


def test_a_version_comes_back_as_it_was_published(store: Store, make_version, trust: Path, tmp_path: Path) -> None:
    folder = make_version("here")
    assert published(store) == []
    assert publish(store, folder, trust)
    assert not publish(store, folder, trust)
    assert published(store) == [NAME]
    pulled = pull(store, NAME, tmp_path / "there", trust)
    assert registry.verified(pulled, trust) == registry.verified(folder, trust)
    assert (pulled / "heads" / "topic.safetensors").read_bytes() == b"weights"
    assert pull(store, NAME, tmp_path / "there", trust) == pulled
    assert versions_in(tmp_path / "there") == [NAME]


def test_who_pulls_the_same_at_once_waits_for_the_first_and_takes_what_it_brought(
    store: Store, make_version, trust: Path, tmp_path: Path
) -> None:
    publish(store, make_version("here"), trust)
    fetched: list[str] = []
    second = threading.Thread(
        target=pull, args=(store, NAME, tmp_path / "there", trust, lambda name, _: fetched.append(name))
    )

    def start_second(name: str, _: int) -> None:
        if name == "config.json":
            second.start()
            second.join(0.3)
            assert second.is_alive()

    registry.verified(pull(store, NAME, tmp_path / "there", trust, start_second), trust)
    second.join()
    assert fetched == []
    assert versions_in(tmp_path / "there") == [NAME]


@pytest.mark.parametrize("name", ["/mine", "../mine", "v-0123456789/..", "", "."])
def test_a_name_that_is_no_version_never_becomes_a_path(name: str, trust: Path, tmp_path: Path) -> None:
    unasked = Store(None, "nowhere")
    with pytest.raises(ModelError, match="is no version's own name: `v-` and 10 hex digits"):
        pull(unasked, name, tmp_path / "there", trust)
    assert not (tmp_path / "there").exists()


def test_a_folder_of_another_name_is_not_published(store: Store, make_version, trust: Path, tmp_path: Path) -> None:
    folder = make_version("here").rename(tmp_path / "another")
    with pytest.raises(CorruptVersionError, match=rf"another holds version {NAME}; move it to its own name"):
        publish(store, folder, trust)
    assert published(store) == []


def test_an_unknown_version_is_named_with_the_known_ones(store: Store, make_version, trust, tmp_path) -> None:
    publish(store, make_version("here"), trust)
    with pytest.raises(VersionNotFoundError, match=rf"'v-aaaaaaaaaa' in the registry; known: {NAME}"):
        pull(store, "v-aaaaaaaaaa", tmp_path / "there", trust)


def test_what_is_not_what_its_manifest_says_never_arrives(make_version, trust: Path, tmp_path: Path) -> None:
    url = tmp_path / "store"
    store = open_store(str(url), make=True)
    folder = make_version("here")
    publish(store, folder, trust)
    tree = tree_of(NAME, (folder / manifest.MANIFEST).read_bytes())
    weights = Path(url, tree, "heads", "topic.safetensors")
    for damaged in (b"Weights", b"weight", b"weights and more"):
        weights.write_bytes(damaged)
        with pytest.raises(CorruptVersionError, match=r"topic\.safetensors does not match its digest"):
            pull(store, NAME, tmp_path / "there", trust)
    weights.unlink()
    with pytest.raises(CorruptVersionError, match=r"holds no .*topic\.safetensors"):
        pull(store, NAME, tmp_path / "there", trust)
    assert versions_in(tmp_path / "there") == []


def test_what_is_here_and_whole_waits_for_no_other_process(store, make_version, trust, tmp_path, monkeypatch) -> None:
    publish(store, make_version("here"), trust)
    there = tmp_path / "there"
    monkeypatch.setattr("models.pull.LOCK_WAIT_S", 0.1)
    there.mkdir()
    with FileLock(there / f"{LOCK_PREFIX}v-aaaaaaaaaa.lock"):
        pull(store, NAME, there, trust)
    with FileLock(there / f"{LOCK_PREFIX}{NAME}.lock"):
        assert pull(store, NAME, there, trust) == there / NAME
        (there / NAME / "config.json").unlink()
        with pytest.raises(StoreError, match="another process has been pulling into"):
            pull(store, NAME, there, trust)


def test_an_untrusted_signature_is_refused_before_anything_else_is_fetched(
    store, make_version, trust, tmp_path
) -> None:
    keys.ensure(tmp_path / "strangers")
    stranger = tmp_path / "strangers" / keys.TRUST_FILE
    publish(store, make_version("here", signer=tmp_path / "strangers"), stranger)
    fetched: list[str] = []
    with pytest.raises(CorruptVersionError, match=r"signed by key .*, which .* does not trust"):
        pull(store, NAME, tmp_path / "there", trust, lambda name, _: fetched.append(name))
    assert fetched == []


def sign_in(store: Store, folder: Path, trust: Path) -> None:
    """Put a version's signature where the store keeps it."""
    tree = tree_of(NAME, (folder / manifest.MANIFEST).read_bytes())
    store.create(f"{signatures_in(tree)}/{keys.public_of(trust.parent).id}", folder / manifest.SIGNATURE)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/outside.json", "code.py", "weights.pkl"])
def test_a_trusted_manifest_that_names_what_no_version_may_hold_is_refused(
    name: str, store: Store, make_version, trust: Path, tmp_path: Path
) -> None:
    folder = make_version("here", files={name: manifest.FileEntry("0" * 64, 1)})
    payload = (folder / manifest.MANIFEST).read_bytes()
    sign_in(store, folder, trust)
    store.create(manifest_path(NAME), payload)
    fetched: list[str] = []
    with pytest.raises(CorruptVersionError, match=r"leaves the folder|of a kind that no version may hold"):
        pull(store, NAME, tmp_path / "there", trust, lambda name, _: fetched.append(name))
    assert fetched == []


def test_a_trusted_version_whose_configuration_names_code_never_arrives(
    store: Store, make_version, trust: Path, tmp_path: Path
) -> None:
    folder = make_version("here")
    (folder / "config.json").write_text('{"model_type": "bert", "auto_map": {"AutoModel": "code.Model"}}')
    facts = manifest.read(folder)
    changed = {name: getattr(facts, name) for name in facts.__struct_fields__}
    manifest.write_signed(folder, Manifest(**changed | {"files": manifest.describe_files(folder)}), trust.parent)
    payload = (folder / manifest.MANIFEST).read_bytes()
    for name in ("config.json", "heads/topic.safetensors"):
        store.create(f"{tree_of(NAME, payload)}/{name}", folder / name)
    sign_in(store, folder, trust)
    store.create(manifest_path(NAME), payload)
    with pytest.raises(CorruptVersionError, match=r"config\.json has 'auto_map', which names code to run"):
        pull(store, NAME, tmp_path / "there", trust)
    assert versions_in(tmp_path / "there") == []


def move(store: Store, action: str, now: Pointer, then: Pointer, who: str = "a@b") -> pointer.Move:
    return pointer.append(store, action, now, then, who=who, at=WHEN, why=f"{who} wants it")


def test_the_log_keeps_who_when_from_to_and_why(store: Store) -> None:
    first, second, third = "v-1111111111", "v-2222222222", "v-3333333333"
    now = pointer.head(store)
    assert now == Pointer()
    steps = [
        ("promote", lambda p: pointer.promoted(p, first)),
        ("stage", lambda p: pointer.staged(p, second)),
        ("promote", lambda p: pointer.promoted(p, second)),
        ("stage", lambda p: pointer.staged(p, third)),
        ("rollback", pointer.rolled_back),
    ]
    for action, change in steps:
        then = change(now)
        move(store, action, now, then)
        assert pointer.head(store) == then
        now = then
    assert now == Pointer(generation=5, champion=first, since=5, previous=second, staged=third, staged_since=4)
    told = [(one.pointer.generation, one.action, one.before, one.after) for one in pointer.moves(store)]
    assert told == [
        (1, "promote", None, first), (2, "stage", None, second), (3, "promote", first, second),
        (4, "stage", None, third), (5, "rollback", second, first),
    ]  # fmt: skip
    last = pointer.moves(store)[-1]
    assert (last.who, last.at, last.why) == ("a@b", "2026-11-25T12:00:00+00:00", "a@b wants it")


def test_of_two_who_move_at_once_one_wins_and_the_other_learns_to_whom_it_lost(store: Store) -> None:
    now = pointer.head(store)
    move(store, "promote", now, pointer.promoted(now, "v-1111111111"), who="first@x")
    with pytest.raises(
        RaceLostError, match=r"generation 1 was taken by first@x at .* \(promote to v-1111111111: first"
    ):
        move(store, "promote", now, pointer.promoted(now, "v-2222222222"), who="second@y")
    assert pointer.head(store).champion == "v-1111111111"


def test_who_moves_again_after_a_lost_answer_has_moved_once(store: Store) -> None:
    now = pointer.head(store)
    then = pointer.promoted(now, "v-1111111111")
    assert move(store, "promote", now, then) == move(store, "promote", now, then)
    assert len(pointer.moves(store)) == 1


def test_moves_that_change_nothing_are_refused() -> None:
    serving = Pointer(generation=1, champion="v-1", since=1)
    with pytest.raises(InputError, match="v-1 is the champion already; generation 1 made it that"):
        pointer.promoted(serving, "v-1")
    with pytest.raises(InputError, match="is the champion already; nothing is to be made ready"):
        pointer.staged(serving, "v-1")
    with pytest.raises(InputError, match="no version served before the champion; name one with"):
        pointer.rolled_back(serving)


def test_a_line_of_the_log_that_is_none_is_told(store: Store) -> None:
    store.create(f"{pointer.FOLDER}/000001.json", b"{}")
    with pytest.raises(CorruptVersionError, match=r"pointer/000001\.json is no move of the pointer"):
        pointer.head(store)


def test_what_was_removed_from_this_machine_is_pulled_anew(store: Store, make_version, trust, tmp_path) -> None:
    publish(store, make_version("here"), trust)
    pulled = pull(store, NAME, tmp_path / "there", trust)
    (pulled / "config.json").write_text("{}")
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)
    shutil.rmtree(pulled)
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)
