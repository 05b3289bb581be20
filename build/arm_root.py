"""A minimal arm64 root of an OS release, by extraction: no chroot, no root rights, no emulated package scripts.

Knows nothing of what runs in it. Debian's own apt fetches the packages and checks their signatures; the archive is the
one that this machine uses, or $BOARDWRIGHT_DEBIAN. Raspberry Pi OS and Armbian take python3 and libc6 from there too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from boardwright.build.store import Artifact, Store
from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import current_step

VERSION = 1
ROOT = "root.tar"
PYTHON = ("python3", "libstdc++6")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def arm_root(release: str, store: Store, packages: Sequence[str] = PYTHON) -> Artifact:
    """The artifact whose ROOT holds these packages and all they need, unpacked: 10 s, 80 MB. Raises KitError."""
    return store.produce(
        "root",
        VERSION,
        {"release": release, "packages": list(packages)},
        [],
        lambda folder: _make(release, packages, folder),
        title=f"Fetch an arm64 root of {release}",
    )


def lay_out(root: Artifact, folder: Path) -> Path:
    """Unpack the root into a folder, which must not be there yet."""
    folder.mkdir(parents=True)
    with tarfile.open(root.path / ROOT) as archive:
        archive.extractall(folder, filter="tar")
    return folder


def fetch_debs(release: str, packages: Sequence[str], state: Path) -> list[Path]:
    """Download packages of a release for arm64, with what they depend on, by an apt of its own. Raises KitError."""
    apt = _apt(release, state)
    _run([*apt, "update", "-q"], release)
    _run([*apt, "install", "-y", "-q", "--download-only", *packages], release)
    return sorted((state / "archives").glob("*.deb"))


def _make(release: str, packages: Sequence[str], folder: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise KitError(f"{tool} is not here.", next="run this on Debian or Ubuntu")
    with tempfile.TemporaryDirectory() as scratch:
        debs = fetch_debs(release, packages, Path(scratch) / "apt")
        root = Path(scratch) / "root"
        merge_usr(root)
        for deb in debs:
            unpack_deb(deb, root)
        with tarfile.open(folder / ROOT, "w") as archive:
            archive.add(root, ".")
    current_step().note(f"{len(debs)} packages")


def merge_usr(root: Path) -> None:
    """Debian's layout since Bookworm: /bin, /lib and /sbin are links into /usr."""
    for name in ("bin", "lib", "sbin"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


def unpack_deb(deb: Path, root: Path) -> None:
    """Unpack a package's files. Through tar, which keeps the links of a merged /usr; dpkg-deb -x would replace them."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as source:
        tar = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(root)]
        ran = subprocess.run(tar, stdin=source.stdout, capture_output=True, text=True, check=False)
    if ran.returncode or source.returncode:
        raise KitError("This package can't be unpacked.", where=deb.name, value=ran.stderr.strip()[-300:])


def _apt(release: str, state: Path) -> list[str]:
    """apt-get with its own state folder: nothing of this machine's packages is read or changed."""
    for name in ("lists/partial", "archives/partial", "dpkg"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "dpkg" / "status").touch()
    sources = state / "sources.list"
    signed = f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
    sources.write_text(f"deb {signed}{_archive()} {release} main\n", encoding="utf-8")
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "dpkg" / "status",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
    }
    return ["apt-get", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _archive() -> str:
    """The address of Debian's archive that this machine uses."""
    if named := os.environ.get("BOARDWRIGHT_DEBIAN"):
        return named
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(SUITE)"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in told.stdout.splitlines():
        uri, _, about = line.partition(" ")
        if about.startswith("Debian ") and "security" not in about and "updates" not in about:
            return uri
    raise KitError(
        "This machine's apt knows no archive of Debian.",
        next="set BOARDWRIGHT_DEBIAN to the address of one",
    )


def _run(command: Sequence[str], release: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
    if ran.returncode:
        raise KitError(
            f"Packages of {release} could not be fetched.",
            value=ran.stderr.strip()[-400:],
            next="go online once; what was fetched is kept in the store",
        )
