"""Put a bundle on a board that has nothing of ours yet: `python3 bootstrap.py install BUNDLE`.

Knows nothing of slots and signatures: it looks whether the board will do, unpacks the bundle's wheels for a moment and
lets the installer in them do the rest. One file, standard library only, for it is copied to boards as it is; written
so that an old Python gets far enough to say that it is too old.

It runs code of the bundle before the installer has checked the signature. So the bundle comes from an image that was
flashed, or over ssh with --sha256, or from somebody who may run things as root here anyway.

Exit codes: 0 installed, 1 it ran and something did not hold, 2 refused; otherwise those of the installer.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

STATE = "/var/lib/boardwright"
NEEDS = "board.json"
WHEEL = re.compile(r"wheels/([A-Za-z0-9_][A-Za-z0-9._]*)-[A-Za-z0-9._]+(?:-[A-Za-z0-9._]+){3,4}\.whl")
# What only inference imports: no need to unpack 150 MB onto a card, and to remove them again.
UNUSED = ("llama_cpp_python", "llguidance", "numpy", "onnxruntime", "tokenizers", "pip")
MAX_WHEEL = 512 * 1024 * 1024
MAX_UNPACKED = 1024 * 1024 * 1024
CHUNK = 1024 * 1024


class Refused(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, what: str, next: str = "") -> None:
        super().__init__(what)
        self.next = next


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bootstrap.py", description=str(__doc__).splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, text in (("install", "Install a bundle."), ("check", "Only look whether this board will do.")):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("bundle", metavar="BUNDLE")
        verb.add_argument("--sha256", metavar="HEX", help="what the file must hash to")
        verb.add_argument("--state", metavar="DIR", default=os.environ.get("BOARDWRIGHT_STATE") or STATE)
        verb.add_argument("--key", metavar="PUB", help="trust this public key, beside those of this machine")
        verb.add_argument("--no-service", action="store_true", help="install no systemd unit")
    given = parser.parse_args(argv)
    # A unit that is stopped, or a shell that hangs up, must not leave the scratch folder behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    try:
        return bootstrap(given)
    except Refused as error:
        print(f"error: {error}" + (f"\n  next:    {error.next}" if error.next else ""), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def bootstrap(given: Any) -> int:
    """Do what the command line says. Returns the exit code. Raises Refused."""
    if sys.version_info < (3, 11):  # noqa: UP036 – it is run by whatever Python the board has
        raise Refused(
            f"This system's Python is {sys.version_info[0]}.{sys.version_info[1]}; boardwright needs 3.11 or newer.",
            "flash Debian 12 (Bookworm) or newer",
        )
    bundle = Path(given.bundle).absolute()
    try:
        if not stat.S_ISREG(bundle.stat().st_mode):
            raise Refused(f"{bundle} is not a file.")
        if given.sha256:
            check_hash(bundle, given.sha256)
        with zipfile.ZipFile(bundle) as archive:
            wheels = wheels_of(archive)
            if not look(archive, wheels, Path(given.state).absolute()):
                return 2
            if given.verb == "check":
                return 0
            return install(archive, wheels, bundle, given)
    except zipfile.BadZipFile as error:
        raise Refused(f"{bundle} is not a bundle, or is cut short: {error}.", "copy it again") from None
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise Refused(f"The bundle can't be installed: {error.strerror or error}{place}.", "see above") from None


def check_hash(bundle: Path, wanted: str) -> None:
    digest = hashlib.sha256()
    with open(bundle, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != wanted.strip().lower():
        raise Refused(
            f"The bundle is not the one that was meant: its sha256 is {digest.hexdigest()}, not {wanted}.",
            "copy it again",
        )


def wheels_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The bundle's wheels by project. Raises Refused."""
    wheels: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        if not info.filename.endswith(".whl"):
            continue
        name = WHEEL.fullmatch(info.filename)
        if not name or name[1] in wheels or not is_plain(info) or info.file_size > MAX_WHEEL:
            raise Refused(f"This wheel does not belong into a bundle: {info.filename!r}.", "build the bundle again")
        wheels[name[1]] = info
    if NEEDS not in archive.namelist() or "boardwright" not in wheels:
        raise Refused(
            "This bundle was not built for a board: it carries no wheels.",
            "build it with --target (boardwright targets lists the boards)",
        )
    return wheels


def look(archive: zipfile.ZipFile, wheels: dict[str, zipfile.ZipInfo], state: Path) -> bool:
    """Whether this board will do, by the doctor in the bundle. Prints what refuses."""
    # Not beside the slots: that disk may be read-only, which is for the doctor to say.
    with tempfile.TemporaryDirectory(prefix="boardwright-") as scratch:
        unpack(archive, wheels["boardwright"], Path(scratch))
        sys.dont_write_bytecode = True
        sys.path.insert(0, scratch)
        try:
            from boardwright.device.doctor import examine, show
            from boardwright.device.needs import Needs

            needs = Needs.from_json(archive.read(NEEDS))
            findings = list(examine(needs, state))
        except ValueError as error:
            raise Refused(f"{error}.", "build the bundle again") from None
        finally:
            sys.path.remove(scratch)
    refusals = [finding for finding in findings if finding.verdict == "refusal"]
    for finding in refusals:
        print(show(finding), file=sys.stderr)
    return not refusals


def install(archive: zipfile.ZipFile, wheels: dict[str, zipfile.ZipInfo], bundle: Path, given: Any) -> int:
    """Run the installer in the bundle's wheels. Returns its exit code."""
    state = Path(given.state).absolute()
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    sweep(state)
    scratch = tempfile.mkdtemp(prefix=".bootstrap-", dir=state)
    held = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        left = MAX_UNPACKED
        for name, info in wheels.items():
            if name not in UNUSED:
                left -= unpack(archive, info, Path(scratch), left)
        # -P and -s: neither the working folder nor somebody's own packages come before those of the bundle.
        command = [sys.executable, "-P", "-s", "-m", "boardwright.device", "install", str(bundle)]
        command += ["--state", str(state)]
        command += ["--key", str(Path(given.key).absolute())] if given.key else []
        command += ["--no-service"] if given.no_service else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment.update(PYTHONPATH=scratch, PYTHONDONTWRITEBYTECODE="1")
        child = subprocess.Popen(command, env=environment)
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        return code if code >= 0 else 128 - code
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(held)


def sweep(state: Path) -> None:
    """Remove the scratch folders of runs that were killed: nobody holds their locks any more."""
    for scratch in state.glob(".bootstrap-*"):
        fd = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(scratch, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)


def unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, most: int = MAX_UNPACKED) -> int:
    """Write a wheel's files into a folder; returns their bytes. Raises Refused for more than `most`, or odd names."""
    written = 0
    with archive.open(info) as member, zipfile.ZipFile(member) as wheel:
        for file in wheel.infolist():
            parts = file.filename.split("/")
            if file.is_dir():
                continue
            climbs = not all(parts) or {".", ".."} & set(parts) or re.search(r"[\\\0]", file.filename)
            if climbs or not is_plain(file):
                raise Refused(
                    f"{info.filename} holds what no wheel holds: {file.filename!r}.", "build the bundle again"
                )
            written += file.file_size
            if written > most:
                raise Refused(f"{info.filename} is too large when unpacked.", "build the bundle again")
            place = folder.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            # Exactly what the directory says it is: zipfile stops there, and checks the CRC.
            with wheel.open(file) as source, open(place, "xb") as out:
                shutil.copyfileobj(source, out, CHUNK)
    return written


def is_plain(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a regular file: some writers of zips give no mode at all."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    return kind in (0, stat.S_IFREG) and not info.is_dir()


if __name__ == "__main__":
    sys.exit(main())
