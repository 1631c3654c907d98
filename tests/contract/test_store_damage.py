"""What a store may have become: damaged, lost, full of what is none of ours; and a machine that has other bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models import keys, manifest, pointer, registry
from models.publish import OtherBytesError, manifest_path, publish, signatures_in, tree_of
from models.pull import pull
from models.store import MAX_READ_BYTES, Store, StoreAwayError, StoreError, open_store
from runtime.errors import CorruptVersionError

NAME = "v-0123456789"
"""Of the versions that `make_version` makes."""

WEIGHTS = "heads/topic.safetensors"


def tree(folder: Path) -> str:
    return tree_of(NAME, (folder / manifest.MANIFEST).read_bytes())


def test_a_machine_with_other_bytes_takes_the_published_ones(store: Store, make_version, trust: Path) -> None:
    first, second = make_version("one", b"one"), make_version("two", b"other")
    publish(store, first, trust)
    with pytest.raises(OtherBytesError, match=f"Take that one with `bellwether models pull {NAME}`"):
        publish(store, second, trust)
    assert pull(store, NAME, second.parent, trust) == second
    assert (second / WEIGHTS).read_bytes() == b"one"
    assert not publish(store, second, trust)


def test_other_bytes_stay_where_the_published_ones_do_not_verify(store, make_version, trust, tmp_path) -> None:
    keys.ensure(tmp_path / "strangers")
    strange = make_version("one", b"one", signer=tmp_path / "strangers")
    publish(store, strange, tmp_path / "strangers" / keys.TRUST_FILE)
    ours = make_version("two", b"other")
    with pytest.raises(CorruptVersionError, match="does not trust"):
        pull(store, NAME, ours.parent, trust)
    registry.verified(ours, trust)
    assert (ours / WEIGHTS).read_bytes() == b"other"


def test_what_the_store_does_not_hold_stays_here(store: Store, make_version, trust: Path) -> None:
    ours = make_version("one")
    assert pull(store, NAME, ours.parent, trust) == ours
    registry.verified(ours, trust)


@pytest.mark.parametrize("name", [WEIGHTS, manifest.MANIFEST])
@pytest.mark.parametrize("is_published", [False, True])
def test_publishing_says_which_object_is_damaged_and_completes_the_version_without_it(
    is_published: bool, name: str, store: Store, make_version, trust: Path, tmp_path: Path
) -> None:
    folder = make_version("here")
    path = f"{tree(folder)}/{name}"
    store.create(path, b"cut of")
    if is_published:
        store.create(manifest_path(NAME), folder / manifest.MANIFEST)
    with pytest.raises(
        CorruptVersionError, match=rf"{path} is damaged: .* remove that object from the store, then pub"
    ):
        publish(store, folder, trust)
    assert store.read(path) == b"cut of"
    store.delete(path)
    assert publish(store, folder, trust)
    assert not publish(store, folder, trust)
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)


def test_a_damaged_manifest_is_told_from_that_of_another_machine(store: Store, make_version, trust: Path) -> None:
    store.create(manifest_path(NAME), b'{"version": "\xff')
    with pytest.raises(CorruptVersionError, match=r"manifest\.json is damaged; remove that object from the store"):
        publish(store, make_version("here"), trust)


def test_a_version_is_signed_by_a_second_key_and_serves_who_trusts_that_one_alone(
    store: Store, make_version, trust: Path, tmp_path: Path
) -> None:
    folder = make_version("here")
    publish(store, folder, trust)
    old = keys.ensure(trust.parent)
    keys.revoke(trust, old.id)
    new = keys.ensure(trust.parent)
    with pytest.raises(CorruptVersionError, match=rf"key {old.id}, which .* has revoked; .*`bellwether models sign`"):
        pull(store, NAME, tmp_path / "there", trust)
    manifest.sign_again(folder, trust.parent)
    assert publish(store, folder, trust)
    assert not publish(store, folder, trust)
    assert store.names(signatures_in(tree(folder))) == sorted([old.id, new.id])
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)
    elsewhere = tmp_path / "elsewhere" / keys.TRUST_FILE
    keys.trust(elsewhere, keys.PublicKey(new.encoded, "the trainer's second"))
    registry.verified(pull(store, NAME, tmp_path / "further", elsewhere), elsewhere)


def test_a_signature_that_is_junk_does_not_hide_a_good_one(store, make_version, trust, tmp_path) -> None:
    folder = make_version("here")
    publish(store, folder, trust)
    for name in ("000", *(keys.ensure(tmp_path / f"other{number}").id for number in range(4))):
        store.create(f"{signatures_in(tree(folder))}/{name}", b"\xff junk")
    for number in range(4):
        keys.trust(trust, keys.ensure(tmp_path / f"other{number}"))
    registry.verified(pull(store, NAME, tmp_path / "there", trust), trust)


def test_what_is_signed_again_is_what_its_manifest_says(make_version, trust: Path) -> None:
    folder = make_version("here")
    before = (folder / manifest.SIGNATURE).read_bytes()
    (folder / WEIGHTS).write_bytes(b"Weights")
    with pytest.raises(CorruptVersionError, match="does not match its digest"):
        manifest.sign_again(folder, trust.parent)
    assert (folder / manifest.SIGNATURE).read_bytes() == before


def test_what_is_too_large_to_be_ours_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore

    store.create("large", b" " * (MAX_READ_BYTES + 1))
    get, read = obstore.get, []

    class Watched:
        def __init__(self, found: object) -> None:
            self.found = found
            self.meta = found.meta  # type: ignore[attr-defined]

        def bytes(self) -> bytes:
            read.append(self.meta["path"])
            return bytes(self.found.bytes())  # type: ignore[attr-defined]

    monkeypatch.setattr(obstore, "get", lambda *args: Watched(get(*args)))
    with pytest.raises(StoreError, match=rf"large has {MAX_READ_BYTES + 1} bytes, at most {MAX_READ_BYTES} are read"):
        store.read("large")
    assert read == []
    store.create("small", b"1")
    assert store.read("small") == b"1"
    assert len(read) == 1


@pytest.mark.parametrize("content", [b'{"action": "\xff"}', b'{"pointer": {"more": ' + b"[" * 100_000])
def test_a_line_of_the_log_that_cannot_be_decoded_is_told(store: Store, content: bytes) -> None:
    store.create(f"{pointer.FOLDER}/000001.json", content)
    with pytest.raises(CorruptVersionError, match=r"000001\.json is no move of the pointer: .*restore it from a copy"):
        pointer.head(store)


def test_a_path_that_no_object_can_have_is_an_error_of_ours(store: Store) -> None:
    with pytest.raises(StoreError, match=r"'a//b' can be no object of .*empty path segment"):
        store.read("a//b")


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_store_that_is_not_there_is_away_and_only_made_when_asked_for(prefix: str, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with pytest.raises(
        StoreAwayError, match=rf"there is no store in {folder}; mount .*models publish` makes it"
    ) as caught:
        open_store(f"{prefix}{folder}")
    assert caught.value.is_retriable
    assert not folder.exists()
    open_store(f"{prefix}{folder}", make=True).create("a", b"1")
    assert (folder / "a").read_bytes() == b"1"


def test_a_store_that_goes_away_is_never_made_anew_nor_taken_for_an_empty_one(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), make=True)
    store.create("a", b"1")
    shutil.rmtree(tmp_path / "store")
    for ask in (lambda: store.names(""), lambda: store.read("a"), lambda: store.create("b", b"1")):
        with pytest.raises(StoreAwayError, match="there is no store in"):
            ask()
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("make", [False, True])
@pytest.mark.parametrize("place", ["file", "file/below", "a\0b"])
def test_a_store_that_cannot_be_a_folder_is_an_error_of_ours(place: str, make: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"is no folder|cannot be made|cannot be opened|there is no store in"):
        open_store(str(tmp_path / place), make=make)
