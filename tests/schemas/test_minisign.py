"""minisign's formats, and that the real tool and ours accept each other's files."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.errors import BadBundle, KitError
from boardwright.schemas.minisign import (
    PublicKey,
    SecretKey,
    generate,
    parse_public_key,
    parse_secret_key,
    parse_signature,
    read_public_key,
    read_secret_key,
    sign,
    verify,
    write_secret_key,
)

KEY = SecretKey(bytes(range(8)), bytes(range(32)))

# Made with minisign 0.11 (-G -W, -S, -S -l) over b"hi\n"; the secret key's checksum is zero, as that version leaves it.
TOOL_PUB = b"""untrusted comment: minisign public key DBC812E956156B68
RWRoaxVW6RLI22/vIKmp6sOsCgFuci3lKgIpDdrdnxOWpu2a39lSKakS
"""
TOOL_KEY = b"""untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAaGsVVukSyNucv0F7WavsHueZIC9IPKYntM4qlznjDJgmAVWe9N861G/vIKmp6sOsCgFuci3lKgIpDdrdnxOWpu2a39lSKakSAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""
TOOL_SIG = b"""untrusted comment: signature from minisign secret key
RURoaxVW6RLI2/UzNnjXcHQs7petwyLznQWiiROyBsxR94mJb19Sw16+4mxCHePJCSLuz4FBdeS0cKIo4+f2LMLbyuE1rJ1R2gU=
trusted comment: timestamp:1795319765\tfile:m\thashed
QTATR2FELaDeBI8BCeIGA/CHpDhkJ2v3ZITROHgfg9Ra3s5dxlt6Dsf6cS+PP/Vc5aLY0/SLguVdQ3qNftYRDQ==
"""
TOOL_LEGACY = b"""untrusted comment: signature from minisign secret key
RWRoaxVW6RLI2ygsj/A5fYhBQyCxmvbnxXv9K9OhPipeoISTIwF5e+UqQp2W/lXjDCJt4O+2OB5TZ3XaOeO1Q/9K4Zb17uTXYwQ=
trusted comment: timestamp:1795319765\tfile:m
prHhULA5KSicGtT/UzBrPfc6+6AWvUdntn6CBzMDnu4S9zrluxvZKtar1aayVdVKEI4Vs0FZGY5ctU+1lOVqDw==
"""


def signed(data: bytes, key: SecretKey = KEY) -> bytes:
    return sign(data, key, trusted_comment="to trust", untrusted_comment="not to trust").encode()


def test_files_of_the_real_tool_are_read() -> None:
    public, secret = parse_public_key(TOOL_PUB), parse_secret_key(TOOL_KEY)
    assert public.id == "DBC812E956156B68"
    assert secret.public == public
    assert public.encode() == TOOL_PUB
    for text, prehashed in ((TOOL_SIG, True), (TOOL_LEGACY, False)):
        signature = parse_signature(text)
        assert signature.prehashed is prehashed
        assert signature.encode() == text
        verify(b"hi\n", signature, public)
        with pytest.raises(BadBundle, match="does not hold"):
            verify(b"ho\n", signature, public)


@pytest.mark.skipif(not shutil.which("minisign"), reason="minisign is not installed (apt-get install minisign)")
def test_the_real_tool_and_ours_accept_each_other(tmp_path: Path) -> None:
    def minisign(*args: str) -> None:
        subprocess.run(["minisign", *args], cwd=tmp_path, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    (tmp_path / "m").write_bytes(b"a message")
    write_secret_key(tmp_path / "ours.key", KEY)
    (tmp_path / "ours.pub").write_bytes(KEY.public.encode())
    (tmp_path / "m.minisig").write_bytes(signed(b"a message"))
    minisign("-V", "-H", "-p", "ours.pub", "-m", "m")

    minisign("-S", "-W", "-s", "ours.key", "-m", "m", "-x", "by-tool.minisig")
    verify(b"a message", parse_signature((tmp_path / "by-tool.minisig").read_bytes()), KEY.public)
    minisign("-R", "-s", "ours.key", "-p", "again.pub")
    assert read_public_key(tmp_path / "again.pub") == KEY.public

    minisign("-G", "-W", "-p", "tool.pub", "-s", "tool.key")
    tool = read_secret_key(tmp_path / "tool.key")
    assert tool.public == read_public_key(tmp_path / "tool.pub")
    (tmp_path / "m.minisig").write_bytes(signed(b"a message", tool))
    minisign("-V", "-p", "tool.pub", "-m", "m")
    minisign("-S", "-l", "-W", "-s", "tool.key", "-m", "m", "-x", "legacy.minisig")
    verify(b"a message", parse_signature((tmp_path / "legacy.minisig").read_bytes()), tool.public)


@given(st.binary(max_size=200), st.text(st.characters(categories=["L", "N", "P"]), max_size=50))
def test_a_signature_holds_for_its_data_and_comment_only(data: bytes, comment: str) -> None:
    made = sign(data, KEY, trusted_comment=comment, untrusted_comment="x")
    assert parse_signature(made.encode()) == made
    verify(data, made, KEY.public)
    for wrong_data, wrong in ((data + b"x", signed(data)), (data, signed(data).replace(b"to trust", b"to Trust"))):
        with pytest.raises(BadBundle, match="does not hold"):
            verify(wrong_data, parse_signature(wrong), KEY.public)


def test_the_key_of_another_is_refused() -> None:
    other = generate()
    with pytest.raises(BadBundle, match="another key"):
        verify(b"x", parse_signature(signed(b"x")), other.public)
    with pytest.raises(BadBundle, match="does not hold"):
        verify(b"x", parse_signature(signed(b"x")), PublicKey(KEY.key_id, other.public.key))


@given(st.binary(max_size=300) | st.text("untrusted comment: \nRWEDed+/=\r\x00").map(str.encode))
def test_anything_else_is_refused_in_words(junk: bytes) -> None:
    with pytest.raises(KitError):
        parse_public_key(junk)
    with pytest.raises(KitError):
        parse_secret_key(junk)
    with pytest.raises(BadBundle):
        parse_signature(junk)


def test_base64_has_one_spelling() -> None:
    line = TOOL_SIG.split(b"\n")[1]
    respelled = line.replace(b"gU=", b"gV=")  # the last two bits of V stand for nothing
    assert base64.b64decode(respelled) == base64.b64decode(line)
    with pytest.raises(BadBundle, match="base64"):
        parse_signature(TOOL_SIG.replace(line, respelled))


def test_a_secret_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_secret_key(path, KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret_key(path) == KEY
    with pytest.raises(KitError, match="exists"):
        write_secret_key(path, generate())
    path.chmod(0o640)
    with pytest.raises(KitError, match="Others can read") as caught:
        read_secret_key(path)
    assert caught.value.next == f"chmod 600 {path}"
    assert "seed" not in repr(KEY) and KEY.seed.hex() not in repr(KEY)


def test_a_secret_key_with_a_password_gets_a_clear_word() -> None:
    body = bytearray(base64.b64decode(TOOL_KEY.split(b"\n")[1]))
    body[2:4] = b"Sc"
    with pytest.raises(KitError, match="has a password") as caught:
        parse_secret_key(b"untrusted comment: x\n" + base64.b64encode(body), "my.key")
    assert "minisign -C -W -s my.key" in str(caught.value.next)


@pytest.mark.parametrize("at", [54, 62, 94, 126], ids=["id", "seed", "public half", "checksum"])
def test_a_damaged_secret_key_is_noticed(at: int) -> None:
    body = bytearray(base64.b64decode(KEY.encode().split(b"\n")[1]))
    body[at] ^= 1
    with pytest.raises(KitError, match="checksum"):
        parse_secret_key(b"untrusted comment: x\n" + base64.b64encode(body))


@pytest.mark.parametrize("at", [62, 94], ids=["seed", "public half"])
def test_a_damaged_secret_key_without_checksum_is_noticed(at: int) -> None:
    body = bytearray(base64.b64decode(TOOL_KEY.split(b"\n")[1]))
    body[at] ^= 1
    with pytest.raises(KitError, match="public half"):
        parse_secret_key(b"untrusted comment: x\n" + base64.b64encode(body))
