"""The wheels of a board: all that its virtual environment holds, for its Python and glibc, from the index or built.

Knows nothing of what is in a bundle beside them. Versions are those that are installed here: what a board runs is what
the bundle was evaluated with.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from boardwright.build.cross import PACKAGE, llama_wheel
from boardwright.build.ids import file_id
from boardwright.build.own_wheel import own_wheel
from boardwright.build.store import Artifact, Store
from boardwright.schemas.errors import KitError
from boardwright.targets.profile import OsRelease

VERSION = 1
# numpy and cryptography ask for no older one, and a Raspberry Pi OS of 2023 has 2.36.
OLDEST_GLIBC = 17
PIP = "pip==26.3"  # for the board's virtual environment; not the one that runs here
EXTRAS = {"llama.cpp": "device", "onnxruntime": "device,onnx"}


@dataclass(frozen=True)
class Wheel:
    """A wheel of the set. licence: as its metadata says it, an SPDX expression at best."""

    path: Path
    name: str
    version: str
    licence: str
    texts: tuple[tuple[str, str], ...]  # (file name, licence text)

    @property
    def sha256(self) -> str:
        return file_id(self.path)


def board_wheels(release: OsRelease, runtime: str, store: Store) -> Artifact:
    """A folder of wheels for an OS release and a runtime, pip's own among them, looked up or fetched. Raises KitError.

    Reads the package index only for versions that are pinned here, and builds nothing but llama.cpp and ourselves."""
    built = llama_wheel(store)
    pins = _pins()

    llama = next(built.path.glob("*.whl"))
    with tempfile.TemporaryDirectory() as scratch:
        own = own_wheel(Path(scratch))
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")

        def make(folder: Path) -> None:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
            command += ["--dest", str(folder), "--constraint", str(constraints), *_platform(release)]
            command += [f"{own}[{EXTRAS[runtime]}]", str(llama), PIP]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise KitError(
                    f"The wheels for {release.release} (Python {release.python}) could not be had.",
                    value=ran.stderr.strip()[-600:],
                    next="go online once; or build where these versions have wheels for aarch64",
                )
            check_tags(list(folder.glob("*.whl")), release)

        return store.produce(
            "wheels",
            VERSION,
            {"python": release.python, "glibc": release.glibc, "runtime": runtime, "pins": pins, "pip": PIP},
            [built.id, file_id(own)],
            make,
            title=f"Fetch the wheels for {release.release}, Python {release.python}",
        )


def read_wheels(folder: Path) -> list[Wheel]:
    """The wheels of a folder, by name. Raises KitError for a file that is none."""
    return [_read(path) for path in sorted(folder.glob("*.whl"))]


def requirements(wheels: Sequence[Wheel]) -> str:
    """What pip installs from them with `--require-hashes`: all but itself."""
    lines = [f"{one.name}=={one.version} --hash=sha256:{one.sha256}" for one in wheels if one.name != "pip"]
    return "\n".join(lines) + "\n"


def unpack(wheels: Sequence[Path], folder: Path) -> None:
    """Lay wheels out as an import path, without pip: for looking at them and for proofs, not for a board."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


def check_tags(wheels: Sequence[Path], release: OsRelease) -> None:
    """Every wheel fits the release's Python, glibc and processor. Raises KitError."""
    fitting = board_tags(release)
    for path in wheels:
        if not parse_wheel_filename(path.name)[3] & fitting:
            raise KitError(
                "This wheel is not for the board.",
                where=path.name,
                allowed=f"CPython {release.python}, aarch64, glibc {release.glibc} or older",
            )


def board_tags(release: OsRelease) -> set[Tag]:
    """What pip on the board would take (PEP 425, PEP 600)."""
    python = tuple(map(int, release.python.split(".")))
    platforms = _platforms(release)
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, platforms=platforms)}


def _platforms(release: OsRelease) -> list[str]:
    newest = int(release.glibc.split(".")[1])
    glibcs = [f"manylinux_2_{minor}_aarch64" for minor in range(newest, OLDEST_GLIBC - 1, -1)]
    return [*glibcs, "manylinux2014_aarch64", "linux_aarch64"]


def _platform(release: OsRelease) -> list[str]:
    names = [word for platform in _platforms(release) for word in ("--platform", platform)]
    return ["--python-version", release.python, "--implementation", "cp", *names]


def _pins() -> dict[str, str]:
    """Every distribution that is installed here, ours and llama.cpp's aside: those come as files."""
    own = {"boardwright", PACKAGE, "pip"}
    found = {canonicalize_name(one.name): one.version for one in distributions()}
    # What a GPU build calls itself (2.13.0+cpu) is on no index, and no board runs it.
    return {name: version for name, version in sorted(found.items()) if name not in own and "+" not in version}


def _read(path: Path) -> Wheel:
    name, version, _, _ = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        inside = next(member for member in names if member.endswith(".dist-info/METADATA"))
        about = Parser().parsestr(archive.read(inside).decode("utf-8"))
        texts = tuple(
            (Path(member).name, archive.read(member).decode("utf-8", "replace"))
            for member in names
            if ".dist-info/" in member
            and Path(member).name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE"))
        )
    return Wheel(path, str(name), str(version), _licence(about), texts)


def _licence(about: Message) -> str:
    """The SPDX expression where there is one (PEP 639), else what the older fields say."""
    if expression := about.get("License-Expression"):
        return str(expression)
    classified = [str(one).rsplit(" :: ", 1)[-1] for one in about.get_all("Classifier", []) if "License ::" in one]
    stated = str(about.get("License", "")).strip().splitlines()
    return (stated[0][:80] if stated and stated[0] else "") or ", ".join(classified) or "not stated"
