"""minisign keys and signatures, byte for byte those of the real tool (https://jedisct1.github.io/minisign/).

Knows nothing of bundles, and not where keys live. Every file is lines: an untrusted comment, then base64 of

    public key   'Ed' id[8] key[32]
    secret key   'Ed' kdf[2] 'B2' salt[32] opslimit[8] memlimit[8] id[8] seed[32] key[32] checksum[32]
    signature    'ED' id[8] signature[64]           over BLAKE2b-512 of the data ('Ed', legacy: over the data itself)
                 trusted comment: text
                 global signature[64]               over signature + text
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from boardwright.schemas.durable import create, open_regular, sync
from boardwright.schemas.errors import BadBundle, KitError

UNTRUSTED = "untrusted comment: "
TRUSTED = "trusted comment: "
MAX_FILE = 16 * 1024  # the tool's own limits are 1 KiB and 8 KiB of comment


class _Malformed(Exception):
    """Why a file is not in minisign's format; each reader turns it into the error its caller expects."""


def shown_id(key_id: bytes) -> str:
    """A key id as minisign shows it (one little-endian number in upper-case hex), but always 16 digits."""
    return f"{int.from_bytes(key_id, 'little'):016X}"


@dataclass(frozen=True)
class PublicKey:
    """Whom to trust."""

    key_id: bytes  # 8 bytes, random; a name, not a proof
    key: bytes = field(repr=False)  # 32 bytes

    @property
    def id(self) -> str:
        return shown_id(self.key_id)

    def encode(self) -> bytes:
        return _text(f"{UNTRUSTED}minisign public key {self.id}", _b64(b"Ed" + self.key_id + self.key))


@dataclass(frozen=True)
class SecretKey:
    """What signs. Kept without a password, as `minisign -G -W` does: a build has nobody to type one."""

    key_id: bytes
    seed: bytes = field(repr=False)  # 32 bytes

    @property
    def id(self) -> str:
        return shown_id(self.key_id)

    @property
    def public(self) -> PublicKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return PublicKey(self.key_id, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def encode(self) -> bytes:
        pair = self.key_id + self.seed + self.public.key
        body = b"Ed" + bytes(2) + b"B2" + bytes(48) + pair + _checksum(pair)
        # "encrypted" is the tool's own wording, for keys without a password too.
        return _text(f"{UNTRUSTED}minisign encrypted secret key", _b64(body))


@dataclass(frozen=True)
class Signature:
    """A parsed signature file; says nothing yet about whether it holds."""

    prehashed: bool
    key_id: bytes
    signature: bytes
    trusted_comment: str
    global_signature: bytes
    untrusted_comment: str  # signed by nobody: never act on it

    @property
    def id(self) -> str:
        return shown_id(self.key_id)

    def encode(self) -> bytes:
        head = (b"ED" if self.prehashed else b"Ed") + self.key_id + self.signature
        return _text(
            UNTRUSTED + self.untrusted_comment,
            _b64(head),
            TRUSTED + self.trusted_comment,
            _b64(self.global_signature),
        )


def generate() -> SecretKey:
    return SecretKey(os.urandom(8), os.urandom(32))


def sign(data: bytes, key: SecretKey, *, trusted_comment: str, untrusted_comment: str) -> Signature:
    """Sign in the prehashed mode. Deterministic: the same data, key and comments give the same signature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for comment in (trusted_comment, untrusted_comment):
        if not comment.isprintable() or len(comment.encode()) > 1000:
            raise KitError(
                "A signature cannot carry this comment.", value=comment, allowed="one printable line up to 1000 bytes"
            )
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    signature = private.sign(hashlib.blake2b(data).digest())
    seal = private.sign(signature + trusted_comment.encode())
    return Signature(True, key.key_id, signature, trusted_comment, seal, untrusted_comment)


def verify(data: bytes, signature: Signature, key: PublicKey, *, where: object = None) -> None:
    """Check both signatures (the data's and the trusted comment's). Raises BadBundle; returning means they hold."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if signature.key_id != key.key_id:
        raise BadBundle("The signature was made with another key.", where=where, value=signature.id, allowed=key.id)
    try:
        public = Ed25519PublicKey.from_public_bytes(key.key)
        public.verify(signature.signature, hashlib.blake2b(data).digest() if signature.prehashed else data)
        public.verify(signature.global_signature, signature.signature + signature.trusted_comment.encode())
    except (InvalidSignature, ValueError) as error:
        raise BadBundle(
            "The signature does not hold: what was signed has been changed.",
            where=where,
            value=f"key {key.id}",
            next="fetch or build the file again",
        ) from error


def parse_public_key(data: bytes, where: object = None) -> PublicKey:
    """Read a public key file, or its base64 line alone. Raises KitError."""
    try:
        lines = _lines(data)
        body = _unb64(lines[1] if len(lines) == 2 and lines[0].startswith(UNTRUSTED) else lines[0], 42)
        if len(lines) > 2 or (len(lines) == 2 and not lines[0].startswith(UNTRUSTED)):
            raise _Malformed(f"{len(lines)} lines")
        if body[:2] != b"Ed":
            raise _Malformed(f"algorithm {body[:2]!r}")
    except _Malformed as error:
        raise KitError(
            f"This is not a minisign public key: {error}.",
            where=where,
            allowed="two lines: an untrusted comment, and 56 characters of base64",
            next="pass the .pub file, not the secret key",
        ) from None
    return PublicKey(body[2:10], body[10:])


def parse_secret_key(data: bytes, where: object = None) -> SecretKey:
    """Read an unencrypted secret key file. Raises KitError; no part of the key is ever shown."""
    try:
        lines = _lines(data)
        if len(lines) != 2 or not lines[0].startswith(UNTRUSTED):
            raise _Malformed(f"{len(lines)} lines")
        body = _unb64(lines[1], 158)
        if body[:2] != b"Ed":
            raise _Malformed("it is for another algorithm")
        if body[2:4] == b"Sc":
            raise KitError(
                "This secret key has a password, and a build has nobody to type it.",
                where=where,
                allowed="a key without a password, kept by its file mode",
                next=f"minisign -C -W -s {where or 'KEY'} removes the password; or make a key with minisign -G -W",
            )
        if body[2:4] != bytes(2) or body[4:6] != b"B2":
            raise _Malformed("unknown key derivation or checksum")
        pair, checksum = body[54:126], body[126:]
        # minisign 0.11 leaves the checksum of a key without a password at zero; others fill it in.
        if checksum not in (bytes(32), _checksum(pair)):
            raise _Malformed("the checksum is wrong")
        key = SecretKey(pair[:8], pair[8:40])
        if key.public.key != pair[40:]:
            raise _Malformed("its public half does not belong to it")
    except _Malformed as error:
        raise KitError(
            f"This is not a minisign secret key: {error}.",
            where=where,
            allowed="two lines: an untrusted comment, and 212 characters of base64",
            next="restore it from a copy, or make a new one with minisign -G -W",
        ) from None
    return key


def parse_signature(data: bytes, where: object = None) -> Signature:
    """Read a signature file. Raises BadBundle."""
    try:
        lines = _lines(data)
        if len(lines) != 4 or not lines[0].startswith(UNTRUSTED) or not lines[2].startswith(TRUSTED):
            raise _Malformed(f"{len(lines)} lines" if len(lines) != 4 else "a comment line is missing")
        head = _unb64(lines[1], 74)
        if head[:2] not in (b"ED", b"Ed"):
            raise _Malformed(f"algorithm {head[:2]!r}")
        return Signature(
            prehashed=head[:2] == b"ED",
            key_id=head[2:10],
            signature=head[10:],
            trusted_comment=lines[2].removeprefix(TRUSTED),
            global_signature=_unb64(lines[3], 64),
            untrusted_comment=lines[0].removeprefix(UNTRUSTED),
        )
    except _Malformed as error:
        raise BadBundle(
            f"This is not a minisign signature: {error}.", where=where, next="fetch or build the file again"
        ) from None


def read_public_key(path: Path) -> PublicKey:
    return parse_public_key(_read(path), path)


def read_secret_key(path: Path) -> SecretKey:
    """Read a secret key file that only its owner can read; anything else is refused, as ssh does."""
    return parse_secret_key(_read(path, private=True), path)


def write_secret_key(path: Path, key: SecretKey) -> None:
    """Write a new secret key file, mode 0600, on the disk when this returns. Never overwrites one."""
    try:
        with create(path, 0o600) as file:
            file.write(key.encode())
            sync(file)
    except OSError as error:
        raise KitError(f"Cannot write the secret key: {error.strerror}.", where=path) from error


def _read(path: Path, *, private: bool = False) -> bytes:
    try:
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise KitError(
            f"Cannot read the key: {error.strerror}.", where=path, next="check the path and its permissions"
        ) from error
    if private and mode & 0o077:
        raise KitError(
            "Others can read this secret key.",
            where=path,
            value=oct(mode & 0o777),
            allowed="0o600",
            next=f"chmod 600 {path}",
        )
    return data


def _lines(data: bytes) -> list[str]:
    if len(data) > MAX_FILE:
        raise _Malformed(f"over {MAX_FILE} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _Malformed("it is not text") from None
    # Not splitlines(): a comment may hold U+2028 and its like.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if not lines[0]:
        raise _Malformed("it is empty")
    return lines


def _unb64(line: str, size: int) -> bytes:
    try:
        body = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise _Malformed("bad base64") from None
    # Unused bits in the last character may be anything to a decoder; one key or signature has one spelling here.
    if len(body) != size or _b64(body) != line:
        raise _Malformed(f"{len(body)} bytes, not {size}" if len(body) != size else "bad base64")
    return body


def _b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _text(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _checksum(pair: bytes) -> bytes:
    return hashlib.blake2b(b"Ed" + pair, digest_size=32).digest()
