"""An image gets a bundle, its service and its set-up; every other file stays as it was, byte for byte."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from boardwright.build import image as image_module
from boardwright.build.board_setup import Setup, setup_of
from boardwright.build.cli import cli
from boardwright.build.disk_image import read_table
from boardwright.build.ext4 import Ext4
from boardwright.build.image import build_image
from boardwright.build.injected import Injected, Link
from boardwright.device.needs import REQUIREMENTS, Needs
from boardwright.schemas.errors import BadBundle, KitError, NoSpace
from boardwright.schemas.keys import signing_key
from tests.build.os_images import (
    ARMBIAN,
    BOOKWORM,
    LAYOUTS,
    MIB,
    TRIXIE,
    Layout,
    elf,
    everything,
    make_image,
    mounted,
    partitions,
)
from tests.conftest import make_bundle

inject = Ext4.inject
HASH = "$6$abcdefgh$" + "x" * 86
SETUP = {
    "hostname": "till-3",
    "locale": "de_DE.UTF-8",
    "keyboard": "de",
    "timezone": "Europe/Berlin",
    "user": {"name": "ada", "password_hash": HASH},
    "ssh": {"keys": []},
    "wifi": {"ssid": "Café 1", "psk": "correct horse", "country": "DE"},
}
BOARDS = {"bookworm": "rpi5-4gb", "trixie": "rpi5-4gb", "armbian": "opi5-8gb"}
EXTRA: list[Injected | Link] = [
    Injected("/opt/proof/unit.sh", b"#!/bin/sh\n", mode=0o4750, uid=1000, gid=50),
    Link("/etc/systemd/system/multi-user.target.wants/proof.service", "/opt/proof/proof.service"),
]


@pytest.fixture(autouse=True)
def _folders(own_folders: Path) -> None:
    """Keys and store of a user who has none yet."""


def bundle_for(folder: Path, layout: Layout, size: int = 3 * MIB, **changes: Any) -> Path:
    board = changes.pop("board", BOARDS[layout.name])
    fields: dict[str, Any] = {
        "target": board, "board": "a board", "arch": "aarch64", "release": layout.codename, "python": layout.python,
        "glibc": "2.36", "features": (), "ram_mb": {"armv8.0": 200}, "disk_mb": 100,
    }  # fmt: skip
    needs = Needs(**fields | changes)
    folder.mkdir(exist_ok=True)
    return make_bundle(folder, os.urandom(size), {"board.json": needs.to_json(), REQUIREMENTS: "\n"}, target=board)


def setup() -> Setup:
    return setup_of(SETUP, "setup.toml")


def free_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("full", [False, True], ids=["roomy", "almost full"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_put_in_is_there_and_all_else_is_as_it_was(tmp_path: Path, name: str, full: bool) -> None:
    layout = LAYOUTS[name]
    base = make_image(tmp_path / "base", layout, full=full)
    bundle = bundle_for(tmp_path / "bundle", layout)
    before, digest = everything(base, tmp_path), hashlib.sha256(base.read_bytes()).hexdigest()
    table = read_table(base)

    built = build_image(bundle, base, tmp_path / "new.img",
                        setup=setup(), extra=EXTRA)  # fmt: skip

    assert hashlib.sha256(base.read_bytes()).hexdigest() == digest
    assert bool(built.grown) == full
    after = everything(built.image, tmp_path)
    root = len(partitions(base)) - 1
    boot = "/boot/firmware/"
    told = {f"{0 if path.startswith(boot) else root}:{path.removeprefix(boot[:-1])}" for path in built.files}
    changed = {path for path in after if before.get(path) != after[path]}
    folders = {path for path in changed - told if str(after[path][0]).startswith("0o40")}
    assert changed - folders == told
    assert all(str(after[path][:3]) == "('0o40755', 0, 0)" for path in folders)
    assert before.keys() <= after.keys()

    key = signing_key().public
    assert after[f"{root}:/usr/local/lib/boardwright/bundle.bwb"][5] == sha256(bundle.read_bytes())
    assert after[f"{root}:/etc/boardwright/trusted/{key.id}.pub"][5] == sha256(key.encode())
    assert after[f"{root}:/opt/proof/unit.sh"][:3] == ("0o104750", 1000, 50)
    link = after[f"{root}:/etc/systemd/system/multi-user.target.wants/boardwright-install.service"]
    assert (link[0], link[5]) == ("0o120777", "/etc/systemd/system/boardwright-install.service")

    start = partitions(built.image)[root][0]
    check = subprocess.run(["e2fsck", "-fn", f"new.img?offset={start}"], cwd=tmp_path, capture_output=True)
    assert check.returncode == 0, check.stdout.decode()
    grown = read_table(built.image)
    assert (grown.label, grown.id, len(grown.partitions)) == (table.label, table.id, len(table.partitions))
    for old, new in zip(table.partitions, grown.partitions, strict=True):
        assert (old.number, old.start, old.type, old.uuid) == (new.number, new.start, new.type, new.uuid)
    # What lies before the partitions is a boot loader's.
    gap = slice(64 * 512, min(one.start for one in table.partitions))
    assert built.image.read_bytes()[gap] == base.read_bytes()[gap]
    assert built.image.stat().st_blocks * 512 < built.size
    assert free_in(tmp_path) == sorted(["base", "bundle", "keys", "mounted", "new.img", "new.img.rpi-imager-manifest"])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("start", "label"), [(4, "gpt"), (4, "dos"), (16, "dos")])
def test_armbian_comes_with_either_table_and_start(tmp_path: Path, start: int, label: str) -> None:
    base = make_image(tmp_path / "base", ARMBIAN, full=True, start=start, label=label)
    built = build_image(bundle_for(tmp_path / "bundle", ARMBIAN), base, tmp_path / "new.img")
    assert built.kind == "Armbian" and built.grown
    with mounted(built.image, 0, tmp_path / "mounted") as root:
        assert (root / "usr/local/lib/boardwright/bundle.bwb").is_file()
    if label == "gpt":
        verified = subprocess.run(["sgdisk", "-v", str(built.image)], capture_output=True, text=True)
        assert "No problems found" in verified.stdout


def test_a_bundle_much_larger_than_the_image_makes_it_grow_enough(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", BOOKWORM, full=True)
    built = build_image(bundle_for(tmp_path / "bundle", BOOKWORM, 150 * MIB), base, tmp_path / "new.img")
    assert built.grown > 150 * MIB


def test_packed_in_and_packed_out(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", TRIXIE)
    packed = tmp_path / "named-as-one-likes"
    packed.write_bytes(lzma.compress(base.read_bytes(), preset=0))
    built = build_image(bundle_for(tmp_path / "bundle", TRIXIE), packed, tmp_path / "new.img.xz")
    raw = lzma.decompress(built.image.read_bytes())
    assert (len(raw), sha256(raw)) == (built.size, built.sha256)
    (tmp_path / "raw.img").write_bytes(raw)
    assert any(path.endswith("bundle.bwb") for path in everything(tmp_path / "raw.img", tmp_path))

    told = json.loads(built.manifest.read_text())
    entry = told["os_list"][0]
    assert entry["url"] == built.image.as_uri()
    assert (entry["extract_size"], entry["extract_sha256"]) == (len(raw), sha256(raw))
    assert entry["image_download_size"] == built.image.stat().st_size
    assert entry["image_download_sha256"] == sha256(built.image.read_bytes())
    assert (entry["init_format"], entry["devices"]) == ("cloudinit-rpi", ["pi5-64bit"])
    assert told["imager"]["devices"][0]["tags"] == ["pi5-64bit"]


def test_imager_offers_its_own_set_up_only_where_there_is_none(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", BOOKWORM)
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)
    plain = build_image(bundle, base, tmp_path / "plain.img")
    assert json.loads(plain.manifest.read_text())["os_list"][0]["init_format"] == "systemd"
    ready = build_image(bundle, base, tmp_path / "ready.img", setup=setup())
    assert json.loads(ready.manifest.read_text())["os_list"][0]["init_format"] == "none"


def test_the_same_goes_in_no_second_time(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", BOOKWORM)
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)
    once = build_image(bundle, base, tmp_path / "once.img", setup=setup())
    with pytest.raises(KitError, match="set-up already"):
        build_image(bundle, once.image, tmp_path / "twice.img", setup=setup())
    with pytest.raises(KitError, match="nothing is overwritten") as refused:
        build_image(bundle, once.image, tmp_path / "twice.img")
    assert "boardwright-install.service" in str(refused.value)
    assert not (tmp_path / "twice.img").exists()


def damage(image: Path) -> None:
    """The block bitmap of the first group, all zeros."""
    device = f"{image.name}?offset={48 * MIB}"
    told = subprocess.run(["dumpe2fs", device], cwd=image.parent, capture_output=True, text=True).stdout
    block = int(told.split("Block bitmap at ")[1].split()[0])
    with image.open("r+b") as file:
        file.seek(48 * MIB + block * 4096)
        file.write(bytes(4096))


def encrypt(image: Path) -> None:
    with image.open("r+b") as file:
        file.seek(48 * MIB)
        file.write(bytes(MIB))
        file.seek(48 * MIB)
        file.write(b"LUKS\xba\xbe\x00\x01aes".ljust(592, b"\0"))


def with_volumes(image: Path) -> None:
    with image.open("r+b") as file:
        file.seek(48 * MIB)
        file.write(bytes(MIB))
        body = ((32).to_bytes(4, "little") + b"LVM2 001" + b"x" * 32).ljust(492, b"\0")
        checksum = zlib.crc32(body, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        file.seek(48 * MIB + 512)
        file.write(b"LABELONE" + (1).to_bytes(8, "little") + checksum.to_bytes(4, "little") + body)


def dirty(image: Path) -> None:
    device = f"{image.name}?offset={48 * MIB}"
    subprocess.run(["debugfs", "-w", "-R", "feature needs_recovery", device], cwd=image.parent, capture_output=True)


def cut(image: Path) -> None:
    os.truncate(image, image.stat().st_size - 8 * MIB)


def no_image(image: Path) -> None:
    image.write_bytes(b"just some text\n" * 10_000)


def zipped(image: Path) -> None:
    image.write_bytes(b"PK\3\4" + bytes(1000))


def torn(image: Path) -> None:
    packed = lzma.compress(image.read_bytes()[: 20 * MIB], preset=0)
    image.write_bytes(packed[: len(packed) // 2])


def rotten(image: Path) -> None:
    packed = bytearray(lzma.compress(image.read_bytes()[: 20 * MIB], preset=0))
    packed[len(packed) // 2] ^= 0x55
    image.write_bytes(packed)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage, "damaged"),
        (encrypt, "encrypted"),
        (with_volumes, "LVM"),
        (dirty, "not shut down"),
        (cut, "cut short"),
        (no_image, "not a disk image"),
        (zipped, "packed by zip"),
        (torn, "damaged or cut short"),
        (rotten, "damaged or cut short"),
    ],
)
def test_what_cannot_be_worked_on_is_refused_in_words(tmp_path: Path, harm: Callable[[Path], None], words: str) -> None:
    base = make_image(tmp_path / "base", BOOKWORM)
    harm(base)
    digest = sha256(base.read_bytes())
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)
    with pytest.raises(KitError, match=words):
        build_image(bundle, base, tmp_path / "new.img")
    assert sha256(base.read_bytes()) == digest
    assert free_in(tmp_path) == ["base", "bundle", "keys"]


def test_the_kind_is_told_by_the_files_in_it(tmp_path: Path) -> None:
    bundle = bundle_for(tmp_path / "bundle", ARMBIAN)
    unknown = {"usr/lib/armbian/armbian-firstlogin": None}
    base = make_image(tmp_path / "base", ARMBIAN, change=dict(unknown)).rename(tmp_path / "raspios-armbian.img")
    with pytest.raises(KitError, match="do not know") as refused:
        build_image(bundle, base, tmp_path / "new.img")
    assert "Debian GNU/Linux (trixie), /etc/armbian-release" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "layout", "words"),
    [
        ({"release": "trixie"}, BOOKWORM, "another release"),
        ({"python": "3.12"}, BOOKWORM, "not there"),
        ({"board": "opi5-8gb"}, BOOKWORM, "for other boards"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], layout: Layout, words: str
) -> None:
    base = make_image(tmp_path / "base", layout)
    bundle = bundle_for(tmp_path / "bundle", layout, **change)
    with pytest.raises(KitError) as refused:
        build_image(bundle, base, tmp_path / "new.img")
    assert words in str(refused.value)


def test_a_32_bit_system_is_refused(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", BOOKWORM, change={"usr/bin/python3.11": elf(40, bits=1)})
    with pytest.raises(KitError, match="another") as refused:
        build_image(bundle_for(tmp_path / "bundle", BOOKWORM), base, tmp_path / "new.img")
    assert "32-bit" in str(refused.value)


def test_a_strangers_bundle_and_one_without_wheels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make_image(tmp_path / "base", BOOKWORM)
    (tmp_path / "host").mkdir()
    with pytest.raises(BadBundle, match="no wheels"):
        build_image(make_bundle(tmp_path / "host", b"weights"), base, tmp_path / "new.img")
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "elsewhere"))
    signing_key()
    with pytest.raises(BadBundle, match="not trusted"):
        build_image(bundle, base, tmp_path / "new.img")
    built = build_image(bundle, base, tmp_path / "new.img", key=tmp_path / "keys" / "boardwright.pub")
    assert built.image.exists()


@pytest.mark.parametrize("size", [4, 60])
def test_a_full_disk_is_said_once_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    base = make_image(tmp_path / "base", BOOKWORM, full=True)
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "none", str(small)]).returncode:
        pytest.skip("no mounts here")
    try:
        with pytest.raises(NoSpace):
            build_image(bundle, base, small / "new.img")
        assert free_in(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(5, "Input/output error")])
def test_whatever_stops_it_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Any) -> None:
    base = make_image(tmp_path / "base", BOOKWORM)
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)

    def stopped(*arguments: object) -> None:
        raise stop

    monkeypatch.setattr(Ext4, "verify", stopped)
    with pytest.raises((KeyboardInterrupt, KitError)):
        build_image(bundle, base, tmp_path / "new.img")
    assert free_in(tmp_path) == ["base", "bundle", "keys"]


def test_a_file_system_that_is_full_after_all_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """debugfs ends with 0 then, and leaves a file that is cut short."""
    base = make_image(tmp_path / "base", BOOKWORM, full=True)
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM, 20 * MIB)
    monkeypatch.setattr(image_module, "_make_room", lambda *arguments: 0)
    with pytest.raises(KitError, match="could not be put"):
        build_image(bundle, base, tmp_path / "new.img")
    monkeypatch.setattr(Ext4, "inject", _write_half)
    with pytest.raises(KitError, match="does not read back"):
        build_image(bundle, base, tmp_path / "new.img")
    assert free_in(tmp_path) == ["base", "bundle", "keys"]


def _write_half(ext4: Ext4, entries: list[Injected | Link], scratch: Path) -> None:
    """What a tool does that says nothing of its troubles."""
    files = [one for one in entries if isinstance(one, Injected)]
    links = [one for one in entries if isinstance(one, Link)]
    half = [Injected(one.path, b"half", one.mode, one.uid, one.gid, one.replace) for one in files]
    inject(ext4, [*half, *links], scratch)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a//b", "/a b", '/a"b', "/a\nb", "/", "", "/ä"])
def test_a_path_that_would_need_quotes_is_refused(path: str) -> None:
    with pytest.raises(KitError, match="cannot be put"):
        Injected(path, b"")


def test_something_in_the_way_is_named(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", BOOKWORM, change={"opt/file": b""})
    bundle = bundle_for(tmp_path / "bundle", BOOKWORM)
    for path in ("/opt/file", "/opt/file/below", "/etc/os-release", "/usr/local/lib/boardwright/bundle.bwb"):
        with pytest.raises(KitError, match="in the way") as refused:
            build_image(bundle, base, tmp_path / "new.img", extra=[Injected(path, b"")])
        assert str(refused.value.value) in path


def test_the_output_is_never_the_base(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", BOOKWORM)
    with pytest.raises(KitError, match="over its base"):
        build_image(bundle_for(tmp_path / "bundle", BOOKWORM), base, base)


def test_the_command_says_what_it_did_and_what_it_could_not(tmp_path: Path) -> None:
    base = make_image(tmp_path / "base", ARMBIAN)
    bundle = bundle_for(tmp_path / "bundle", ARMBIAN)
    told = tmp_path / "setup.toml"
    told.write_text('[wifi]\nssid = "shop"\npsk = "12345678"\ncountry = "DE"\nhidden = true\n')
    arguments = ["image", str(bundle), "--base", str(base), "-o", str(tmp_path / "new.img"), "--setup", str(told)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "Debian GNU/Linux (trixie) as Armbian" in done.output and "note: wifi.hidden" in done.output
    shown = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    assert shown["kind"] == "Armbian" and shown["grown"] == 0

    told.write_text("[wifi]\nssid = 1\n")
    refused = CliRunner().invoke(cli, arguments)
    assert refused.exit_code == 2 and "wifi.ssid" in refused.output and "Traceback" not in refused.output
