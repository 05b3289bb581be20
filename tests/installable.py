"""Bundles that install on this very machine: real wheels of pip and of this tree, the rest borrowed.

Knows nothing of boards. Building all of a board's wheels takes long; so one wheel here holds a single .pth file that
lends the new venv the packages of the one that runs the tests.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path

from boardwright.device.needs import NEEDS, REQUIREMENTS, WHEELS, Needs
from tests.conftest import make_bundle

ROOT = Path(__file__).parent.parent
ROOMS = ("device", "schemas", "targets")
HERE = Needs(
    target="host", board="this machine", arch=platform.machine(), release="any",
    python=f"3.{sys.version_info[1]}", glibc="2.28", features=(), ram_mb={"armv8.0": 200}, disk_mb=50,
)  # fmt: skip
# Answers golden documents as it is told, and leaves the rest to the real program.
MAIN = """
import os, sys, time
if "verify" in sys.argv:
    time.sleep({seconds})
    print("golden: {answer}")
    sys.exit({code})
from boardwright.device.cli import main
main(prog_name="boardwright-device")
"""


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel of these files: its RECORD is right, its metadata are the least that pip takes."""
    info = f"{name}-{version}.dist-info"
    content = dict(files) | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in content.items()
    )
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in (content | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}).items():
            archive.writestr(path, data)
    return wheel


def own_wheel(folder: Path, main: str | None = None) -> Path:
    """boardwright as it is in this tree.  main: in place of device/__main__.py."""
    files = {
        f"boardwright/{path.relative_to(ROOT)}": path.read_bytes()
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    if main is not None:
        files["boardwright/device/__main__.py"] = main.encode()
    files["boardwright-0.1.0.dist-info/entry_points.txt"] = (
        b"[console_scripts]\nboardwright-device = boardwright.device.cli:main\n"
    )
    return write_wheel(folder, "boardwright", "0.1.0", files)


def pip_wheel(folder: Path) -> Path:
    """The pip that is installed here, as a wheel again: not every Python carries one."""
    # Not imported: setuptools, which compiling needs, can't be loaded after pip in one process.
    pip = distribution("pip")
    package = Path(str(pip.locate_file("pip")))
    files = {
        f"pip/{path.relative_to(package)}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return write_wheel(folder, "pip", pip.version, files)


def make_installable(
    folder: Path,
    *,
    counter: int = 3,
    code: int = 0,
    seconds: float = 0,
    needs: Needs = HERE,
    model: Path | bytes = b"weights",
    parts: Mapping[str, str] | None = None,
    real: bool = False,
) -> Path:
    """A bundle with wheels.  code, seconds: how its program answers golden documents, and after how long.
    real: its program answers them in earnest."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    main = None if real else MAIN.format(code=code, seconds=seconds, answer="ok" if code == 0 else "another record")
    lent = f"{sysconfig.get_path('purelib')}\n".encode()
    ours = [own_wheel(wheels, main), write_wheel(wheels, "lent", "1", {"lent.pth": lent})]
    every = {f"{WHEELS}/{wheel.name}": wheel for wheel in (*ours, pip_wheel(wheels))}
    told = dict(parts or {}) | {NEEDS: needs.to_json(), REQUIREMENTS: "".join(map(_requirement, ours))}
    return make_bundle(folder, model, told, counter=counter, more=every)


def _requirement(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def tree_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Every path below with its inode: the same again when nothing was written anew."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            yield str(path.relative_to(folder)), path.lstat().st_ino
