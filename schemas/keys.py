"""Where keys live: one that signs here, and those whose bundles are welcome.

    $BOARDWRIGHT_KEYS, else $XDG_CONFIG_HOME/boardwright, else ~/.config/boardwright
        boardwright.key     signs; made on first use, never leaves this machine
        boardwright.pub     its public half, to copy into the trusted/ folder of a board
        trusted/*.pub       others whose bundles are accepted here

    /etc/boardwright/trusted/*.pub      whose bundles are accepted from every user of this machine: how a board keeps
                                        them; not looked at where $BOARDWRIGHT_KEYS names a folder

Knows nothing of bundles.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from boardwright.schemas.durable import create, sync, sync_folder
from boardwright.schemas.errors import KitError
from boardwright.schemas.minisign import (
    PublicKey,
    SecretKey,
    generate,
    read_public_key,
    read_secret_key,
    write_secret_key,
)

SYSTEM = Path("/etc/boardwright")


def keys_folder() -> Path:
    if named := os.environ.get("BOARDWRIGHT_KEYS"):
        return Path(named)
    config = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if config.is_absolute():  # the XDG rule: a relative path there is to be ignored
        return config / "boardwright"
    try:
        return Path.home() / ".config" / "boardwright"
    except RuntimeError as error:
        raise KitError(
            "There is no home folder to keep keys in.", next="set BOARDWRIGHT_KEYS to a folder that only you can read"
        ) from error


def trusted_folder() -> Path:
    return keys_folder() / "trusted"


def signing_key() -> SecretKey:
    """This machine's signing key, made on first use (0600) together with its public half. Raises KitError."""
    folder = keys_folder()
    secret_path, public_path = folder / "boardwright.key", folder / "boardwright.pub"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In this order: whoever makes both beside us writes the secret one first.
        if public_path.exists() and not secret_path.exists():
            # A new key would silently cut off every board that trusts this one.
            raise KitError(
                "The public key is here, but the secret key that signs is gone.",
                where=secret_path,
                next=f"restore it from a copy; or, to start over with a new key, delete {public_path}",
            )
        if not secret_path.exists():
            _publish_secret(folder, secret_path)
        key = read_secret_key(secret_path)
        if not public_path.exists():
            _publish(folder, public_path, key.public.encode())
    except OSError as error:
        raise KitError(
            f"Cannot keep keys in {folder}: {error.strerror}.",
            where=error.filename,
            next="set BOARDWRIGHT_KEYS to a folder that you can write to",
        ) from error
    if read_public_key(public_path) != key.public:
        raise KitError(
            "The public key does not belong to the secret key beside it.",
            where=public_path,
            value=read_public_key(public_path).id,
            allowed=key.id,
            next=f"move it into {folder / 'trusted'} if it is someone else's; else delete it",
        )
    return key


def trusted_keys(extra: Path | None = None) -> tuple[PublicKey, ...]:
    """The keys whose bundles are accepted: our own, every `trusted/*.pub`, the machine's, and `extra` (a .pub file).

    May be empty: then nothing is. A file that cannot be read is an error, not one key fewer. Raises KitError."""
    folder = keys_folder()
    paths = [path for path in [folder / "boardwright.pub"] if path.exists()]
    for place in dict.fromkeys([folder] if os.environ.get("BOARDWRIGHT_KEYS") else [folder, SYSTEM]):
        paths += _public_keys(place / "trusted")
    if extra is not None:
        paths.append(extra)
    return tuple(dict.fromkeys(read_public_key(path) for path in paths))


def _public_keys(folder: Path) -> list[Path]:
    try:
        # Path.glob() passes over a folder that it may not read: then a key would be missing without a word.
        return [path for path in sorted(folder.iterdir()) if path.name.endswith(".pub")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KitError(f"Cannot list the trusted keys: {error.strerror}.", where=error.filename) from error


def _publish_secret(folder: Path, path: Path) -> None:
    """Complete under a temporary name first, then linked: a second process that makes one meanwhile finds ours."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as temp:
        write_secret_key(Path(temp, "key"), generate())
        with suppress(FileExistsError):
            os.link(Path(temp, "key"), path)
    sync_folder(folder)


def _publish(folder: Path, path: Path, data: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as temp:
        with create(Path(temp, "pub")) as file:
            file.write(data)
            sync(file)
        Path(temp, "pub").replace(path)
    sync_folder(folder)
