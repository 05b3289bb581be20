"""Real disks of the kernel over files: loop devices, and sysfs trees of machines that are not here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from boardwright.build.cli import cli

SIZE = 16 << 20  # bytes of the disks that tests write to
TOOLS = ("losetup", "partx", "sfdisk", "mkfs.ext4", "mkfs.vfat", "mkswap", "wipefs")


def need_loops() -> None:
    if os.geteuid():
        pytest.skip("loop devices need root")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if not Path("/dev/loop-control").exists():
        pytest.skip("this kernel has no loop devices")


def run(*command: object, text: str | None = None) -> str:
    done = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@contextmanager
def loop(file: Path, *options: str, partitions: bool = False) -> Iterator[Path]:
    """A loop device over the file. partitions: their devices too, also where the kernel reads no tables itself."""
    device = Path(run("losetup", "--find", "--show", *options, file).strip())
    try:
        if partitions:
            run("partx", "--add", device)
        yield device
    finally:
        if partitions:
            run("partx", "--delete", device)
        run("losetup", "--detach", device)
        # Gone when its last user is: one that looks at all disks may have it open for a moment.
        for _ in range(50):
            if not Path("/sys/block", device.name, "loop").exists():
                break
            time.sleep(0.02)


def partitioned(path: Path, size_mb: int = 12) -> Path:
    """An image as a board's: a FAT and an ext4 filesystem with a file in each, behind an MBR."""
    path.write_bytes(b"")
    os.truncate(path, size_mb << 20)
    run("sfdisk", "-q", path, text="label: dos\nstart=2048,size=8192,type=c,bootable\nstart=10240,type=83\n")
    content = path.with_name(f"{path.name}.files")
    content.mkdir()
    (content / "hello.txt").write_bytes(os.urandom(100_000).hex().encode())
    rest = (size_mb << 10) - 5120
    run("mkfs.vfat", "--offset", 2048, path, 4096)
    run("mkfs.ext4", "-q", "-F", "-E", f"offset={10240 * 512}", "-d", content, path, f"{rest}k")
    return path


def used_disk(path: Path) -> Path:
    """The file behind a disk that was in use before: a GPT, and what looks like data."""
    path.write_bytes(os.urandom(SIZE))
    run("sfdisk", "-q", "--wipe=never", path, text="label: gpt\nsize=8192\nsize=8192\n")
    return path


def tree(folder: Path, files: Mapping[str, str | int]) -> Path:
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{value}\n")
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def call(*arguments: object) -> Result:
    """`boardwright flash` with these arguments, with no terminal to ask at."""
    return CliRunner().invoke(cli, ["flash", *map(str, arguments)])


def given(device: Path, backing: Path) -> list[object]:
    """All the words that there are: what is refused with them is refused."""
    return ["--device", device, "--allow-fixed", "--serial", backing]
