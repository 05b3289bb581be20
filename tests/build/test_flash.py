"""`boardwright flash` on real disks of the kernel: a disk holds the image, or does not boot."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boardwright.build.verified_copy import FIRST, MARK
from tests.build.loops import SIZE, call, digest, given, loop, need_loops, partitioned, run, used_disk

PROGRAM = [sys.executable, "-m", "boardwright.build.cli", "flash"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_loops()
    return partitioned(tmp_path_factory.mktemp("image") / "board.img")


@pytest.fixture
def backing(tmp_path: Path) -> Path:
    return used_disk(tmp_path / "card.disk")


def packed(image: Path, folder: Path, how: str) -> Path:
    if how == "plain":
        return image
    content = image.read_bytes()
    path = folder / f"board.img.{how}"
    path.write_bytes(lzma.compress(content, preset=0) if how == "xz" else gzip.compress(content, 1))
    return path


@pytest.mark.parametrize("how", ["plain", "xz", "gz"])
def test_a_disk_holds_the_image_as_others_read_it(image: Path, backing: Path, tmp_path: Path, how: str) -> None:
    source = packed(image, tmp_path, how)
    source_before, behind = digest(source), backing.read_bytes()[image.stat().st_size : -FIRST]
    with loop(backing) as device:
        said = call(source, *given(device, backing))
        assert said.exit_code == 0, said.output
        run("cmp", "--bytes", image.stat().st_size, image, device)
        table = run("sfdisk", "--dump", image).replace(str(image), "").split("\n\n")[1]
        assert run("sfdisk", "--dump", device).replace(f"{device}p", "").split("\n\n")[1] == table
    after = backing.read_bytes()
    assert after[image.stat().st_size : -FIRST] == behind, "written behind the image"
    assert after[-FIRST:] == bytes(FIRST), "the old GPT's second header is left"
    assert digest(source) == source_before
    assert digest(image) in said.output
    root = tmp_path / "root"
    with loop(backing, "--offset", str(10240 * 512), "--sizelimit", str(image.stat().st_size - 10240 * 512)) as part:
        run("e2fsck", "-f", "-n", part)
        run("debugfs", "-R", f"dump /hello.txt {root}", part)
    assert root.read_bytes() == Path(f"{image}.files/hello.txt").read_bytes()


@pytest.mark.parametrize("sector", [512, 4096])
def test_an_image_that_ends_within_a_sector_leaves_the_rest_of_it(
    image: Path, backing: Path, tmp_path: Path, sector: int
) -> None:
    odd = tmp_path / "odd.img"
    odd.write_bytes(image.read_bytes() + b"the end")
    before = backing.read_bytes()
    with loop(backing, "--sector-size", str(sector)) as device:
        assert call(odd, *given(device, backing)).exit_code == 0
    size = odd.stat().st_size
    assert backing.read_bytes()[: size + 10_000] == odd.read_bytes() + before[size : size + 10_000]


def test_a_link_to_the_disk_is_the_disk(image: Path, backing: Path, tmp_path: Path) -> None:
    with loop(backing) as device:
        (tmp_path / "by-id").symlink_to(device)
        assert call(image, *given(tmp_path / "by-id", backing)).exit_code == 0
        run("cmp", "--bytes", image.stat().st_size, image, device)


def test_a_dry_run_shows_all_and_writes_nothing(image: Path, backing: Path) -> None:
    before = digest(backing)
    with loop(backing) as device:
        said = call(image, "--device", device, "--allow-fixed", "--dry-run")
    assert said.exit_code == 0
    for part in (str(image), "12.6 MB, MBR", str(backing), "16.8 MB", "old GPT", "1. ", "4. ", "Nothing was written"):
        assert part in said.output
    assert digest(backing) == before


def test_without_a_device_the_disks_are_listed(image: Path, backing: Path) -> None:
    with loop(backing) as device:
        asked = call(image)
        listed = call("--list")
        told = json.loads(call("--list", "--json").output)
    assert asked.exit_code == 2 and "--device /dev/sdX" in asked.output
    for said in (asked, listed):
        (line,) = [line for line in said.output.splitlines() if line.startswith(str(device))]
        assert "16.8 MB" in line and str(backing) in line and "no: it is not removable" in line
    assert listed.exit_code == 0
    assert [one["bytes"] for one in told if one["device"] == str(device)] == [SIZE]


def test_progress_for_programs(image: Path, backing: Path) -> None:
    with loop(backing) as device:
        said = call(image, *given(device, backing), "--json")
    result = json.loads(said.stdout)
    assert result["written"]["sha256"] == digest(image) and result["written"]["size"] == image.stat().st_size
    events = [json.loads(line) for line in said.stderr.splitlines() if line.startswith("{")]
    last = {event["step"]: event for event in events if event["event"] == "progress"}
    assert {step: (event["done"], event["total"]) for step, event in last.items()} == {
        "Write (MB)": (13, 13),
        "Read back (MB)": (13, 13),
    }


@pytest.mark.parametrize(("answer", "code"), [("{serial}", 0), ("yes", 2), ("\x03", 130)])
def test_a_person_types_the_serial(image: Path, backing: Path, answer: str, code: int) -> None:
    before = digest(backing)
    ours, theirs = pty.openpty()
    with loop(backing) as device:
        command = [*PROGRAM, str(image), "--device", str(device), "--allow-fixed"]
        flashing = subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        os.close(theirs)
        with flashing, os.fdopen(ours, "wb", buffering=0) as keyboard:
            assert flashing.stdout is not None
            said = b""
            while b"To go on, type" not in said:
                part = os.read(flashing.stdout.fileno(), 1000)
                assert part, said
                said += part
            if answer == "\x03":
                while flashing.poll() is None:  # one that comes just before the read is seen with the next
                    flashing.send_signal(signal.SIGINT)
                    time.sleep(1)
            else:
                keyboard.write(answer.format(serial=backing).encode() + b"\n")
            rest = flashing.stdout.read()
        assert flashing.returncode == code, rest
        if code == 0:
            run("cmp", "--bytes", image.stat().st_size, image, device)
    assert (digest(backing) == before) == (code != 0)


@pytest.fixture
def traced(image: Path, backing: Path) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Flash with strace's fault in the way; returns the exit code and what was said."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with loop(backing) as device:

        def flash_with(fault: str) -> tuple[int, str]:
            command = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=pwrite64,/preadv,fsync"]
            command += ["-e", f"inject={fault}", *PROGRAM, str(image), *map(str, given(device, backing))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr

        yield flash_with


# Writes: 1 the old GPT's second header, 2 the mark and zeros, 3 to 5 the body, 6 the first block.
@pytest.mark.parametrize("call_number", [3, 4, 5, 6])
def test_a_kill_leaves_a_disk_that_does_not_boot(
    image: Path, backing: Path, traced: Callable[[str], tuple[int, str]], call_number: int
) -> None:
    before = digest(image)
    code, _ = traced(f"pwrite64:signal=SIGKILL:when={call_number}")
    assert code in (-9, 137)
    assert backing.read_bytes()[: len(MARK)] == MARK
    assert digest(image) == before
    assert traced("pwrite64:delay_enter=1:when=1")[0] == 0, "the next try is as good as the first"
    assert backing.read_bytes().startswith(image.read_bytes())


def test_ctrl_c_says_what_is_left(backing: Path, traced: Callable[[str], tuple[int, str]]) -> None:
    code, said = traced("pwrite64:signal=SIGINT:when=4")
    assert code == 130
    assert "It is plainly not bootable now." in said and "Traceback" not in said
    assert backing.read_bytes()[: len(MARK)] == MARK


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("pwrite64:error=EIO:when=4+", "stopped while writing: it was pulled out, or it is broken"),
        ("pwrite64:error=ENODEV:when=4+", "stopped while writing: it was pulled out"),
        ("pwrite64:error=ENOSPC:when=5+", "stopped while writing: it ends before its size"),
        ("pwrite64:retval=100:when=4", "stopped while writing"),
        ("fsync:error=EIO:when=3+", "stopped while emptying its cache"),
        ("/preadv:error=EIO:when=5+", "stopped while reading"),
        ("pwrite64:error=EIO:when=6", "stopped while writing"),
    ],
)
def test_a_disk_that_fails_is_one_message(
    backing: Path, traced: Callable[[str], tuple[int, str]], fault: str, why: str
) -> None:
    code, said = traced(fault)
    assert code == 1
    (message,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert why in message and message.endswith("It is plainly not bootable now.")
    assert backing.read_bytes()[: len(MARK)] == MARK


@pytest.mark.parametrize(("at", "code"), [(14, 2), (5000, 1)])
def test_an_xz_that_is_damaged(image: Path, backing: Path, tmp_path: Path, at: int, code: int) -> None:
    """In what is looked at before: nothing is written. Further on: the disk does not boot."""
    path = packed(image, tmp_path, "xz")
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    before = digest(backing)
    with loop(backing) as device:
        said = call(path, *given(device, backing))
    assert said.exit_code == code
    assert "The xz file is damaged or cut off." in said.output
    assert (digest(backing) == before) == (code == 2)
    assert (backing.read_bytes()[: len(MARK)] == MARK) == (code == 1)
