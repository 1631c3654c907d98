"""Who may publish a model version: ed25519 keys that sign manifests, and the file of those that a worker trusts."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runtime import one_line
from runtime.errors import CorruptVersionError, InputError, ModelError

PRIVATE_FILE = "signing.pem"
"""This machine's private key, mode 0600; lies in the keys folder, never in a registry."""

TRUST_FILE = "trusted.txt"
"""One key a line: `ed25519 BASE64 NOTE` is trusted, `revoked BASE64 NOTE` never again; `#` begins a comment."""

ALGORITHM = "ed25519"

REVOKED = "revoked"


@dataclass(frozen=True)
class PublicKey:
    """A key that can check signatures.

    Attributes:
        encoded: the 32 raw bytes in base64, as it stands in a trust file.
        note: whose it is, for people.
    """

    encoded: str
    note: str = ""

    @property
    def id(self) -> str:
        """First 16 hex digits of the raw key's SHA-256: names the key in signatures and messages."""
        return sha256(base64.b64decode(self.encoded)).hexdigest()[:16]

    def load(self) -> Ed25519PublicKey:
        """The key as the cryptography library wants it.

        Raises:
            InputError: it is no base64 of 32 bytes.
        """
        try:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(self.encoded, validate=True))
        except (ValueError, binascii.Error) as error:
            raise InputError(
                f"{self.encoded!r} is no public key: {error}; copy the line that `bellwether keys list` prints"
            ) from error


def ensure(folder: Path) -> PublicKey:
    """This machine's key, made on the first call, and on the first after it was revoked, and trusted by this machine.

    Raises:
        ModelError: the folder cannot be written, or the private key cannot be read.
    """
    path = folder / PRIVATE_FILE
    gone: PublicKey | None = None
    if path.exists():
        public = public_of(folder)
        if all(known.id != public.id for known in revoked(folder / TRUST_FILE)):
            return public
        gone = public
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if gone is not None:
            path.rename(folder / f"revoked-{gone.id}.pem")  # kept for who wants to know what it was; nothing reads it
        # O_EXCL and the mode at creation: never readable by others, not even for a moment, and never overwritten.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except OSError as error:
        raise ModelError(f"no signing key can be written to {path}: {error}; make the folder writable") from error
    public = public_of(folder)
    trust(folder / TRUST_FILE, PublicKey(public.encoded, "this machine"))
    return public


def public_of(folder: Path) -> PublicKey:
    """The public half of this machine's key.

    Raises:
        ModelError: there is no key, or it cannot be read.
    """
    raw = _private(folder).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return PublicKey(base64.b64encode(raw).decode(), "this machine")


def trust(file: Path, key: PublicKey) -> bool:
    """Add a key to a trust file; False where it is there already.

    Raises:
        InputError: it is no public key, was revoked, its note is no line of text, or the file cannot be written.
    """
    key.load()
    one_line.checked(key.note, "the note of a key")
    if any(known.id == key.id for known in revoked(file)):
        raise InputError(
            f"key {key.id} was revoked here and is not trusted again by a command; if that was a mistake, delete its "
            f"line from {file} first"
        )
    if any(known.id == key.id for known in trusted(file)):
        return False
    _write(file, [*_text(file), f"{ALGORITHM} {key.encoded} {key.note}".rstrip()])
    return True


def revoke(file: Path, key_id: str) -> PublicKey:
    """Serve nothing any more that a key signed, whenever it did.

    Raises:
        InputError: no trusted key has this id, or the file cannot be written.
    """
    key = next((known for known in trusted(file) if known.id == key_id), None)
    if key is None:
        if any(gone.id == key_id for gone in revoked(file)):
            raise InputError(f"key {key_id} is revoked in {file} already; nothing is to be done")
        known = ", ".join(known.id for known in trusted(file)) or "none"
        raise InputError(f"{file} trusts no key {key_id!r}; it trusts {known}")
    changed = [
        line.replace(ALGORITHM, REVOKED, 1) if line.split("#")[0].split()[1:2] == [key.encoded] else line
        for line in _text(file)
    ]
    _write(file, changed)
    return key


def trusted(file: Path) -> list[PublicKey]:
    """The keys of a trust file, none where it does not exist.

    Raises:
        InputError: a line is no key.
    """
    return [key for state, key in _lines(file) if state == ALGORITHM]


def revoked(file: Path) -> list[PublicKey]:
    """The keys that a trust file says never to trust again.

    Raises:
        InputError: a line is no key.
    """
    return [key for state, key in _lines(file) if state == REVOKED]


def _lines(file: Path) -> list[tuple[str, PublicKey]]:
    keys = []
    for number, line in enumerate(_text(file), start=1):
        content = line.partition("#")[0].split(maxsplit=2)
        if not content:
            continue
        if content[0] not in {ALGORITHM, REVOKED} or len(content) == 1:
            raise InputError(f"line {number} of {file} is no '{ALGORITHM} BASE64 NOTE'; correct or delete it")
        key = PublicKey(content[1], content[2] if len(content) == 3 else "")
        key.load()
        keys.append((content[0], key))
    return keys


def _text(file: Path) -> list[str]:
    """The lines of a trust file, none where it does not exist."""
    try:
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the trust file {file} cannot be read: {error}; correct it, or its rights") from error


def _write(file: Path, lines: list[str]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = file.stat().st_mode if file.exists() else 0o644
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
            new.write("\n".join(lines) + "\n")
        Path(new.name).chmod(mode)
        Path(new.name).replace(file)  # a worker reads the old file or the new one, never half
    except OSError as error:
        raise InputError(
            f"the trust file {file} cannot be written: {error.strerror}; make its folder writable"
        ) from error


def sign(folder: Path, payload: bytes) -> bytes:
    """Sign with this machine's key: the content of a `manifest.sig`.

    Raises:
        ModelError: there is no key, or it cannot be read.
    """
    signature = base64.b64encode(_private(folder).sign(payload)).decode()
    return f"{ALGORITHM} {public_of(folder).id} {signature}\n".encode()


def check(payload: bytes, signature: bytes, trust_file: Path, place: str) -> PublicKey:
    """Which trusted key signed a payload.

    Args:
        payload: the exact bytes that were signed.
        signature: content of the `manifest.sig`.
        trust_file: the keys that count.
        place: what was signed, for the message.

    Raises:
        CorruptVersionError: no trusted key did, or the payload was changed afterwards.
    """
    parts = signature.decode("ascii", errors="replace").split()
    if len(parts) != 3 or parts[0] != ALGORITHM:
        raise CorruptVersionError(f"the signature of {place} is no '{ALGORITHM} KEY SIGNATURE'; build or pull it again")
    key = next((key for key in trusted(trust_file) if key.id == parts[1]), None)
    if any(known.id == parts[1] for known in revoked(trust_file)):
        raise CorruptVersionError(
            f"{place} is signed by key {parts[1]}, which {trust_file} has revoked; if you know that the version is "
            "yours, `bellwether models sign` signs it with a key of today, else build it again"
        )
    if key is None:
        raise CorruptVersionError(
            f"{place} is signed by key {parts[1]}, which {trust_file} does not trust; if you know whose it is, "
            "`bellwether keys trust`, else build the version here with `bellwether models build`"
        )
    try:
        key.load().verify(base64.b64decode(parts[2], validate=True), payload)
    except (InvalidSignature, ValueError, binascii.Error):
        raise CorruptVersionError(
            f"the signature of {place} does not match: it was changed after key {key.id} signed it; "
            "build or pull it again"
        ) from None
    return key


def _private(folder: Path) -> Ed25519PrivateKey:
    path = folder / PRIVATE_FILE
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"the signing key {path} cannot be read: {error}; `bellwether keys create` makes one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ModelError(f"the signing key {path} is no {ALGORITHM} key; move it away and run `bellwether keys create`")
    return key
