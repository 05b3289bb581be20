"""A bundle has one form; anything else is refused, and nothing half-written is ever found under a final name."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import subprocess
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boardwright.schemas import minisign
from boardwright.schemas.bundle import describe, open_bundle, write_bundle
from boardwright.schemas.errors import BadBundle, KitError
from boardwright.schemas.minisign import PublicKey, SecretKey
from tests.schemas.bundles import CONTENT, KEY, TRUSTED, lay_out, make, manifest_of, tree


def sign(raw: bytes, key: SecretKey = KEY) -> bytes:
    """What a holder of the key can sign without our own checks: any bytes."""
    comments = {"trusted_comment": "t-1-b.bwb counter:1", "untrusted_comment": "signature of a boardwright bundle"}
    return minisign.sign(raw, key, **comments).encode()


Edit = Callable[[zipfile.ZipInfo], None]


def zipped(members: list[tuple[str, bytes]], edit: Edit = lambda info: None) -> bytes:
    """The same container by Python's own zipfile, which shares no code with ours."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that is there twice
        for name, data in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            edit(info)
            archive.writestr(info, data)
    return out.getvalue()


def members_of(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def refused(path: Path, data: bytes, match: str | None = None) -> None:
    path.write_bytes(data)
    with pytest.raises(BadBundle, match=match) as caught:
        open_bundle(path, TRUSTED)
    assert caught.value.where is not None


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    bundle = open_bundle(make(tmp_path), TRUSTED)
    assert [entry.name for entry in bundle.manifest.files] == list(CONTENT)
    assert {name: bundle.read(name, 100) for name in CONTENT} == CONTENT
    assert bundle.key == KEY.public
    assert bundle.id == hashlib.sha256(bundle.manifest.encode()).hexdigest()


names = st.from_regex(r"[a-z0-9_][a-z0-9._-]{0,5}(/[a-z0-9_][a-z0-9._-]{0,5}){0,2}", fullmatch=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, st.binary(max_size=3000), min_size=1, max_size=5), st.integers(1, 2**63 - 1))
def test_round_trip(tmp_path: Path, content: dict[str, bytes], counter: int) -> None:
    try:
        path = make(tmp_path, content, counter=counter)
    except BadBundle:  # one name is a folder of another
        return
    bundle = open_bundle(path, TRUSTED)
    staged = bundle.stage(tmp_path / "slots")
    assert tree(staged) == content | dict(members_of(path)[:2])
    assert {name: bundle.read(name, 3000) for name in content} == content


def test_the_form_is_that_of_an_ordinary_zip(tmp_path: Path) -> None:
    path = make(tmp_path)
    members = members_of(path)
    assert [name for name, _ in members] == ["manifest.json", "manifest.json.minisig", *CONTENT]
    assert zipped(members) == path.read_bytes()
    assert zipfile.ZipFile(path).testzip() is None


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    first = make(tmp_path).read_bytes()
    for path in (tmp_path / "in").iterdir():
        os.utime(path, (0, 0))
        path.chmod(0o600)
    assert make(tmp_path).read_bytes() == first
    assert sorted(os.listdir(tmp_path)) == ["in", "t.bwb"]
    assert stat.S_IMODE((tmp_path / "t.bwb").stat().st_mode) == 0o644


@pytest.mark.skipif(not shutil.which("minisign"), reason="minisign is not installed (apt-get install minisign)")
def test_the_real_tool_accepts_the_signature(tmp_path: Path) -> None:
    staged = open_bundle(make(tmp_path), TRUSTED).stage(tmp_path / "slots")
    (tmp_path / "key.pub").write_bytes(KEY.public.encode())
    command = ["minisign", "-V", "-H", "-p", str(tmp_path / "key.pub"), "-m", str(staged / "manifest.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "t-1-b.bwb counter:1" in done.stdout


# Damage and forgery


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    whole = path.read_bytes()
    assert len(whole) < 2500
    fd = os.open(path, os.O_WRONLY)
    for at, byte in enumerate(whole):
        for bit in range(8):
            os.pwrite(fd, bytes([byte ^ 1 << bit]), at)
            try:
                open_bundle(path, TRUSTED)
            except BadBundle:
                continue
            pytest.fail(f"bit {bit} of byte {at} is free")
        os.pwrite(fd, bytes([byte]), at)
    os.close(fd)
    open_bundle(path, TRUSTED)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    contents_end = path.read_bytes().index(b"PK\1\2")
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(BadBundle, match="cut short" if length >= contents_end else None):
            open_bundle(path, TRUSTED)


def test_a_change_with_checksums_put_right_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    members = members_of(path)
    for number, (name, data) in enumerate(members):
        for at in range(0, len(data), 2):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            refused(path, zipped([*members[:number], (name, changed), *members[number + 1 :]]))


def edit_info(**attributes: Any) -> Edit:
    def edit(info: zipfile.ZipInfo) -> None:
        for name, value in attributes.items():
            setattr(info, name, value)

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        edit_info(compress_type=zipfile.ZIP_DEFLATED),
        edit_info(external_attr=(stat.S_IFLNK | 0o777) << 16),
        edit_info(external_attr=(stat.S_IFDIR | 0o755) << 16 | 0x10),
        edit_info(external_attr=(stat.S_IFREG | 0o4755) << 16),
        edit_info(date_time=(2026, 1, 1, 0, 0, 0)),
        edit_info(extra=b"\xfe\xca\x00\x00"),
        edit_info(comment=b"x"),
        edit_info(create_system=0),
        edit_info(extract_version=45),
        edit_info(internal_attr=1),
    ],
    ids=["deflate", "link", "folder", "setuid", "date", "extra", "comment", "system", "version", "text"],
)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_another_zip_of_the_same_content_is_refused(tmp_path: Path, edit: Edit, which: int) -> None:
    path = make(tmp_path)
    members = members_of(path)
    chosen = members[which][0]
    refused(path, zipped(members, lambda info: edit(info) if info.filename == chosen else None))


def test_members_are_those_of_the_manifest_in_order(tmp_path: Path) -> None:
    path = make(tmp_path)
    members = members_of(path)
    one, two, rest = members[0], members[1], members[2:]
    for other in (
        [],
        [one],
        [one, two],
        [two, one, *rest],
        [one, two, *rest[:-1]],
        [one, two, *rest, rest[-1]],
        [one, one, two, *rest],
        [one, two, *reversed(rest)],
        [one, two, *rest, ("../evil", b"x")],
        [one, two, *rest, ("folder/", b"")],
        [("./manifest.json", one[1]), two, *rest],
    ):
        refused(path, zipped(other))


def test_bytes_outside_the_members_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    whole = path.read_bytes()
    directory = whole.index(b"PK\1\2")
    for other in (whole + b"\0", whole + whole):
        refused(path, other, "belong to nothing")
    for other in (
        b"#!/bin/sh\n" + whole,
        whole[:directory] + b"\0" + whole[directory:],
        whole[:-2] + b"\1\0x",  # a comment, rightly declared
        b"",
        b"PK",
        b"\0" * 4096,
        os.urandom(4096),
    ):
        refused(path, other)


@pytest.mark.parametrize("size", [2**20 + 1, 2**32 - 1])
def test_a_length_is_checked_before_it_is_believed(tmp_path: Path, size: int) -> None:
    path = make(tmp_path)
    whole = path.read_bytes()
    lie = size.to_bytes(4, "little")
    refused(path, whole[:18] + lie + lie + whole[26:], "length is out of bounds")


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", ".", "..", "a\\b", "manifest.json"])
def test_an_evil_name_is_refused_even_if_signed(tmp_path: Path, name: str) -> None:
    path = make(tmp_path)
    raw, content = members_of(path)[0][1], members_of(path)[2:]
    evil = raw.replace(b'"empty"', b'"' + name.replace("\\", "\\\\").encode() + b'"')
    forged = [("manifest.json", evil), ("manifest.json.minisig", sign(evil)), *content[:-1], (name, b"")]
    refused(path, zipped(forged), "does not validate")


def test_a_signature_in_another_form_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    (_, raw), (_, signature), *content = members_of(path)
    assert sign(raw) == signature
    lines = signature.split(b"\n")
    for other in (
        b"\r\n".join(lines),
        signature.removesuffix(b"\n"),
        signature.replace(b"signature of a", b"signature by a"),
        minisign.sign(raw, KEY, trusted_comment="other", untrusted_comment=lines[0][19:].decode()).encode(),
    ):
        minisign.verify(raw, minisign.parse_signature(other), KEY.public)  # a true signature, but not in our form
        forged = [("manifest.json", raw), ("manifest.json.minisig", other), *content]
        refused(path, zipped(forged), "not the one that belongs")


# Keys


def test_an_unknown_key_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "keys"))
    path, other = make(tmp_path), minisign.generate()
    with pytest.raises(BadBundle, match="not trusted here") as caught:
        open_bundle(path, [other.public])
    assert caught.value.value == KEY.id
    assert caught.value.allowed == other.id
    assert str(tmp_path / "keys" / "trusted") in str(caught.value.next) and "--key" in str(caught.value.next)
    with pytest.raises(BadBundle, match="not trusted here"):
        open_bundle(path)  # the keys of this machine: none yet
    (tmp_path / "keys" / "trusted").mkdir(parents=True)
    (tmp_path / "keys" / "trusted" / "signer.pub").write_bytes(KEY.public.encode())
    open_bundle(path)


def test_a_key_that_only_bears_the_id_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    twin = PublicKey(KEY.key_id, minisign.generate().public.key)
    with pytest.raises(BadBundle, match="does not hold"):
        open_bundle(path, [twin])
    for keys in ([twin, KEY.public], [KEY.public, twin]):
        assert open_bundle(path, keys).key == KEY.public


def test_the_manifest_names_the_key_that_signs_it(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="names another key"):
        make(tmp_path, key_id="0" * 16)
    path = make(tmp_path)
    (_, raw), _, *content = members_of(path)
    other = minisign.generate()
    path.write_bytes(zipped([("manifest.json", raw), ("manifest.json.minisig", sign(raw, other)), *content]))
    with pytest.raises(BadBundle, match="not the one that belongs"):
        open_bundle(path, [other.public])


# Writing


def test_a_file_that_changed_since_the_manifest_is_not_packed(tmp_path: Path) -> None:
    files = lay_out(tmp_path / "in", CONTENT)
    manifest = manifest_of(files)
    for data in (b"GGUF WEIGHTS", b"GGUF", b"GGUF weights and more"):
        files["model.gguf"].write_bytes(data)
        with pytest.raises(BadBundle, match="manifest says"):
            write_bundle(tmp_path / "t.bwb", manifest, files, KEY)
    del files["empty"]
    with pytest.raises(BadBundle, match="do not agree"):
        write_bundle(tmp_path / "t.bwb", manifest, files, KEY)
    assert os.listdir(tmp_path) == ["in"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    old = make(tmp_path).read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(KitError, match="Cannot write the bundle: Input/output error"):
        make(tmp_path, counter=2)
    assert (tmp_path / "t.bwb").read_bytes() == old
    assert sorted(os.listdir(tmp_path)) == ["in", "t.bwb"]


def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(KitError, match="not a file"):
            open_bundle(path, TRUSTED)
        with pytest.raises(KitError, match="not a file"):
            describe({"x": path})
    with pytest.raises(KitError, match="No such file"):
        open_bundle(tmp_path / "none.bwb", TRUSTED)
    with pytest.raises(BadBundle, match="file name"):
        describe({"../x": make(tmp_path)})
