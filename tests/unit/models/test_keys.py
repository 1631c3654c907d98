from __future__ import annotations

import stat
from pathlib import Path

import pytest

from models import keys
from runtime.errors import CorruptVersionError, InputError, ModelError


def test_the_first_call_makes_a_private_key_that_only_its_owner_reads_and_trusts_it(tmp_path: Path) -> None:
    public = keys.ensure(tmp_path / "keys")
    private = tmp_path / "keys" / keys.PRIVATE_FILE
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert keys.ensure(tmp_path / "keys") == public
    assert [key.id for key in keys.trusted(tmp_path / "keys" / keys.TRUST_FILE)] == [public.id]


def test_a_signature_of_a_trusted_key_holds(tmp_path: Path) -> None:
    public = keys.ensure(tmp_path)
    signature = keys.sign(tmp_path, b"payload")
    assert keys.check(b"payload", signature, tmp_path / keys.TRUST_FILE, "it").id == public.id


def test_a_changed_payload_is_refused(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    signature = keys.sign(tmp_path, b"payload")
    with pytest.raises(CorruptVersionError, match=r"signature of it does not match: .* after key .* build or"):
        keys.check(b"Payload", signature, tmp_path / keys.TRUST_FILE, "it")


def test_another_machines_key_is_refused_until_it_is_trusted(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    keys.ensure(ours)
    public = keys.ensure(theirs)
    signature = keys.sign(theirs, b"payload")
    with pytest.raises(CorruptVersionError, match=rf"signed by key {public.id}, which .* does not trust.*keys trust"):
        keys.check(b"payload", signature, ours / keys.TRUST_FILE, "it")
    assert keys.trust(ours / keys.TRUST_FILE, public)
    assert not keys.trust(ours / keys.TRUST_FILE, public)
    assert keys.check(b"payload", signature, ours / keys.TRUST_FILE, "it") == public


@pytest.mark.parametrize("signature", [b"", b"rsa a b", b"ed25519 only-two", b"\xff\xff \xff \xff"])
def test_what_is_no_signature_is_refused(signature: bytes, tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    with pytest.raises(CorruptVersionError, match="signature of it is no 'ed25519 KEY SIGNATURE'"):
        keys.check(b"payload", signature, tmp_path / keys.TRUST_FILE, "it")


def test_a_damaged_trust_file_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "trusted.txt"
    file.write_text("# mine\n\nssh-rsa AAAA\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 3 of .*trusted\.txt is no 'ed25519 BASE64 NOTE'"):
        keys.trusted(file)


def test_what_is_no_public_key_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'AAAA' is no public key: .*keys list"):
        keys.trust(tmp_path / "trusted.txt", keys.PublicKey("AAAA"))
    assert not (tmp_path / "trusted.txt").exists()


def test_signing_without_a_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"signing\.pem cannot be read: .*keys create"):
        keys.sign(tmp_path, b"payload")


def test_a_revoked_key_counts_no_more_whenever_it_signed_and_is_not_trusted_again(tmp_path: Path) -> None:
    ours, theirs = keys.ensure(tmp_path / "ours"), keys.ensure(tmp_path / "theirs")
    file = tmp_path / "ours" / keys.TRUST_FILE
    keys.trust(file, keys.PublicKey(theirs.encoded, "the trainer"))
    signature = keys.sign(tmp_path / "theirs", b"payload")
    assert keys.check(b"payload", signature, file, "it").id == theirs.id

    assert keys.revoke(file, theirs.id).id == theirs.id

    with pytest.raises(CorruptVersionError, match=rf"signed by key {theirs.id}, which .* has revoked; .*models sign"):
        keys.check(b"payload", signature, file, "it")
    with pytest.raises(InputError, match=rf"key {theirs.id} was revoked here .* delete its line from"):
        keys.trust(file, theirs)
    assert [key.id for key in keys.trusted(file)] == [ours.id]
    assert [(key.id, key.note) for key in keys.revoked(file)] == [(theirs.id, "the trainer")]


def test_a_key_that_nobody_trusts_cannot_be_revoked(tmp_path: Path) -> None:
    ours = keys.ensure(tmp_path)
    with pytest.raises(InputError, match=rf"trusts no key 'abc'; it trusts {ours.id}"):
        keys.revoke(tmp_path / keys.TRUST_FILE, "abc")


def test_after_a_revocation_the_next_call_makes_another_key_and_keeps_the_old_aside(tmp_path: Path) -> None:
    old = keys.ensure(tmp_path)
    keys.revoke(tmp_path / keys.TRUST_FILE, old.id)
    new = keys.ensure(tmp_path)
    assert new.id != old.id
    assert keys.ensure(tmp_path) == new
    assert keys.check(b"payload", keys.sign(tmp_path, b"payload"), tmp_path / keys.TRUST_FILE, "it").id == new.id
    assert (tmp_path / f"revoked-{old.id}.pem").exists()


def test_a_key_gets_a_line_of_its_own_also_where_the_last_one_has_no_end(tmp_path: Path) -> None:
    ours, theirs = keys.ensure(tmp_path / "ours"), keys.ensure(tmp_path / "theirs")
    file = tmp_path / "ours" / keys.TRUST_FILE
    file.write_text(file.read_text().rstrip("\n"))
    assert keys.trust(file, keys.PublicKey(theirs.encoded, "the trainer"))
    assert [(key.id, key.note) for key in keys.trusted(file)] == [(ours.id, "this machine"), (theirs.id, "the trainer")]


def test_a_note_that_would_be_a_second_line_is_refused(tmp_path: Path) -> None:
    ours = keys.ensure(tmp_path / "ours")
    with pytest.raises(InputError, match=r"the note of a key holds '\\n' at character 2; say it in one line"):
        keys.trust(tmp_path / "trusted.txt", keys.PublicKey(ours.encoded, "a\ned25519 AAAA"))


def test_a_trust_file_that_is_no_text_or_cannot_be_written_is_told(tmp_path: Path) -> None:
    ours = keys.ensure(tmp_path / "ours")
    file = tmp_path / "trusted.txt"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"the trust file .*trusted\.txt cannot be read: .* correct it"):
        keys.trusted(file)
    with pytest.raises(InputError, match=r"the trust file .*below cannot be (read|written)"):
        keys.trust(file / "below", ours)
