"""Our own wheel for a board: the rooms that run there, zipped from what runs here.

Knows nothing of other wheels. It is made from the installed package, so an editable install and an installed wheel give
the same; what trains (`build/`) stays on the workstation. Format: PEP 427.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import zipfile
from importlib.metadata import distribution, version
from pathlib import Path

ROOMS = ("device", "schemas", "targets")
ENTRY_POINTS = "[console_scripts]\nboardwright-device = boardwright.device.cli:main\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: boardwright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
DAY_ONE = (1980, 1, 1, 0, 0, 0)  # of a zip: the same files give the same wheel


def own_wheel(folder: Path) -> Path:
    """Write `boardwright-<version>-py3-none-any.whl` into a folder and return its path."""
    release = version("boardwright")
    info = f"boardwright-{release}.dist-info"
    members = {f"boardwright/{name}": path.read_bytes() for name, path in room_files().items()}
    members |= {
        f"{info}/METADATA": _headers(),
        f"{info}/WHEEL": WHEEL.encode(),
        f"{info}/entry_points.txt": ENTRY_POINTS.encode(),
    }
    record = "".join(f"{name},{_digest(content)},{len(content)}\n" for name, content in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = folder / f"boardwright-{release}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in members.items():
            about = zipfile.ZipInfo(name, DAY_ONE)
            about.external_attr = 0o644 << 16
            about.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(about, content)
    return path


def room_files() -> dict[str, Path]:
    """Every file of the rooms that a board gets: "device/cli.py" -> where it lies here."""
    found = {}
    for room in ROOMS:
        for folder in map(Path, importlib.import_module(f"boardwright.{room}").__path__):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    found[f"{room}/{path.relative_to(folder).as_posix()}"] = path
    return found


def _headers() -> bytes:
    """The metadata without its description, the README: a board has no use for it."""
    text = distribution("boardwright").read_text("METADATA") or ""
    return (text.split("\n\n", 1)[0] + "\n").encode()


def _digest(content: bytes) -> str:
    """As PEP 376 writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
