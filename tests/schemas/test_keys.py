"""Where keys live and who is trusted."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from boardwright.schemas.errors import KitError
from boardwright.schemas.keys import keys_folder, signing_key, trusted_folder, trusted_keys
from boardwright.schemas.minisign import generate, read_public_key


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def test_the_folder_is_ours_then_xdg_then_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("BOARDWRIGHT_KEYS", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert keys_folder() == Path("/home/me/.config/boardwright")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    assert keys_folder() == Path("/home/me/.config/boardwright")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert keys_folder() == Path("/xdg/boardwright")
    monkeypatch.setenv("BOARDWRIGHT_KEYS", "/keys")
    assert keys_folder() == Path("/keys")


def test_a_key_is_made_once(folder: Path) -> None:
    key = signing_key()
    assert signing_key() == key
    assert stat.S_IMODE((folder / "boardwright.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(folder)) == ["boardwright.key", "boardwright.pub"]
    assert trusted_keys() == (key.public,)


def test_many_first_uses_at_once_agree_on_one_key(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: signing_key(), range(8)))
    assert len(keys) == 1
    assert read_public_key(folder / "boardwright.pub") == keys.pop().public


def test_a_lost_public_half_is_written_again(folder: Path) -> None:
    key = signing_key()
    (folder / "boardwright.pub").unlink()
    assert signing_key() == key
    assert trusted_keys() == (key.public,)


def test_a_lost_secret_half_is_not_replaced_in_silence(folder: Path) -> None:
    signing_key()
    (folder / "boardwright.key").unlink()
    with pytest.raises(KitError, match="is gone"):
        signing_key()
    assert not (folder / "boardwright.key").exists()


def test_a_public_half_of_another_is_noticed(folder: Path) -> None:
    signing_key()
    (folder / "boardwright.pub").write_bytes(generate().public.encode())
    with pytest.raises(KitError, match="does not belong"):
        signing_key()


def test_trusted_are_our_own_the_folder_and_the_extra(folder: Path, tmp_path: Path) -> None:
    assert trusted_keys() == ()
    own, board, extra = signing_key(), generate(), generate()
    trusted_folder().mkdir()
    (trusted_folder() / "board.pub").write_bytes(board.public.encode())
    (trusted_folder() / "again.pub").write_bytes(own.public.encode())
    (trusted_folder() / "note.txt").write_text("not a key")
    (tmp_path / "extra.pub").write_bytes(extra.public.encode())
    assert trusted_keys(tmp_path / "extra.pub") == (own.public, board.public, extra.public)


def test_a_trusted_file_that_cannot_be_read_is_an_error(folder: Path) -> None:
    trusted_folder().mkdir(parents=True)
    (trusted_folder() / "bad.pub").write_text("not a key")
    with pytest.raises(KitError, match="not a minisign public key") as caught:
        trusted_keys()
    assert caught.value.where == trusted_folder() / "bad.pub"
    (trusted_folder() / "bad.pub").unlink()
    with pytest.raises(KitError, match="Cannot read the key"):
        trusted_keys(folder / "missing.pub")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "file" / "keys"))
    with pytest.raises(KitError, match="Cannot keep keys"):
        signing_key()


def test_a_board_keeps_keys_for_all_its_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boardwright.schemas.keys.SYSTEM", tmp_path / "etc")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("BOARDWRIGHT_KEYS", raising=False)
    key = generate().public
    (tmp_path / "etc" / "trusted").mkdir(parents=True)
    (tmp_path / "etc" / "trusted" / "a.pub").write_bytes(key.encode())
    assert trusted_keys() == (key,)
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "user" / "boardwright"))
    assert trusted_keys() == ()
