"""A staged bundle holds what was signed and nothing else, through damage, full disks and kills."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from boardwright.schemas.bundle import Bundle, open_bundle, open_staged
from boardwright.schemas.errors import BadBundle, KitError
from tests.schemas.bundles import CONTENT, TRUSTED, make, tree

TESTS = str(Path(__file__).parent)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(make(tmp_path), TRUSTED)


def test_a_read_is_bounded_and_by_name(bundle: Bundle) -> None:
    with pytest.raises(BadBundle, match="too long"):
        bundle.read("model.gguf", len(CONTENT["model.gguf"]) - 1)
    with pytest.raises(BadBundle, match="no such file"):
        bundle.read("manifest.json", 10_000)


def test_staged_files_are_plain_and_alone(bundle: Bundle, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        staged = bundle.stage(tmp_path / "board" / "slots")
    finally:
        os.umask(old)
    assert staged == tmp_path / "board" / "slots" / bundle.id[:16]
    assert set(tree(staged)) == {"manifest.json", "manifest.json.minisig", *CONTENT}
    assert {stat.S_IMODE((staged / name).stat().st_mode) for name in tree(staged)} == {0o644}
    assert {stat.S_IMODE(place.stat().st_mode) for place in (staged, staged / "task")} == {0o755}
    assert os.listdir(staged.parent) == [staged.name]


def test_a_sound_staged_folder_is_used_again(bundle: Bundle, tmp_path: Path) -> None:
    staged = bundle.stage(tmp_path / "slots")
    inode = staged.stat().st_ino
    assert bundle.stage(tmp_path / "slots") == staged
    assert staged.stat().st_ino == inode


def test_a_staged_bundle_is_opened_as_its_file_is(bundle: Bundle, tmp_path: Path) -> None:
    opened = open_staged(bundle.stage(tmp_path / "slot", "bundle"), TRUSTED)
    assert opened.path == tmp_path / "slot" / "bundle"
    assert (opened.id, opened.key, opened.manifest) == (bundle.id, bundle.key, bundle.manifest)
    assert opened.size == bundle.size == bundle.path.stat().st_size
    assert opened.read("model.gguf", 100) == CONTENT["model.gguf"]
    assert tree(opened.stage(tmp_path / "copy")) == tree(opened.path)


def damage_byte(staged: Path) -> None:
    times = (staged / "model.gguf").stat()
    (staged / "model.gguf").write_bytes(b"GGUF WEIGHTS")
    os.utime(staged / "model.gguf", ns=(times.st_atime_ns, times.st_mtime_ns))


def damage_by_link(staged: Path) -> None:
    (staged / "model.gguf").rename(staged.parent / "elsewhere")
    (staged / "model.gguf").symlink_to(staged.parent / "elsewhere")


def damage_by_folder_link(staged: Path) -> None:
    (staged / "task").rename(staged.parent / "elsewhere")
    (staged / "task").symlink_to(staged.parent / "elsewhere")


def replace_by_link(staged: Path) -> None:
    staged.rename(staged.parent / "elsewhere")
    staged.symlink_to(staged.parent / "elsewhere")


def replace_by_nothing(staged: Path) -> None:
    shutil.rmtree(staged)
    staged.mkdir()


def replace_by_file(staged: Path) -> None:
    shutil.rmtree(staged)
    staged.write_bytes(b"")


damages = pytest.mark.parametrize(
    "damage",
    [
        damage_byte,
        damage_by_link,
        damage_by_folder_link,
        replace_by_link,
        lambda staged: (staged / "empty").unlink(),
        lambda staged: (staged / "foreign.py").touch(),
        lambda staged: (staged / "foreign").symlink_to("/tmp"),
        lambda staged: (staged / "manifest.json.minisig").write_bytes(b""),
        replace_by_nothing,
        replace_by_file,
    ],
)


@damages
def test_a_damaged_staged_folder_is_made_anew(bundle: Bundle, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    staged = bundle.stage(tmp_path / "slots")
    sound = tree(staged)
    damage(staged)
    assert bundle.stage(tmp_path / "slots") == staged
    assert not any(path.is_symlink() for path in (staged, *staged.rglob("*")))
    assert tree(staged) == sound
    assert {path.name for path in staged.parent.iterdir()} <= {staged.name, "elsewhere"}


@damages
def test_a_damaged_staged_folder_is_not_opened(
    bundle: Bundle, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    staged = bundle.stage(tmp_path / "slots")
    damage(staged)
    with pytest.raises(KitError):
        open_staged(staged, TRUSTED)


def test_a_staged_bundle_of_a_stranger_is_not_opened(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="not trusted"):
        open_staged(bundle.stage(tmp_path / "slots"), [])


def test_what_is_staged_is_hashed_as_it_is_written(bundle: Bundle, tmp_path: Path) -> None:
    whole = bundle.path.read_bytes()
    bundle.path.write_bytes(whole.replace(b"GGUF weights", b"GGUF WEIGHTS"))
    with pytest.raises(BadBundle, match="not what the manifest says"):
        bundle.stage(tmp_path / "slots")
    with pytest.raises(BadBundle, match="not what the manifest says"):
        bundle.read("model.gguf", 100)
    os.truncate(bundle.path, 100)
    with pytest.raises(BadBundle, match="not what the manifest says"):
        bundle.stage(tmp_path / "slots")
    assert os.listdir(tmp_path / "slots") == []


def test_what_a_killed_process_left_is_swept(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "slots" / ".staging-old" / "x").mkdir(parents=True)
    staged = bundle.stage(tmp_path / "slots")
    assert os.listdir(tmp_path / "slots") == [staged.name]


# The disk is full, the plug is pulled

FULL_DISK = """
import os, shutil, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import bundles as t
from boardwright.schemas import bundle as b
room, full = Path(sys.argv[1]), Path(sys.argv[1], "full")
path = t.make(room, {"model.gguf": os.urandom(2_000_000)})
bundle, files = b.open_bundle(path, t.TRUSTED), {"model.gguf": room / "in" / "0"}
check = b.need_space
for place in "write", "stage":
    # The second time as if somebody else took the room after it was checked.
    for b.need_space in check, lambda *_: None:
        try:
            if place == "write":
                b.write_bundle(full / "t.bwb", bundle.manifest, files, t.KEY)
            else:
                bundle.stage(full)
        except b.KitError as error:
            print(place, type(error).__name__, error.what, os.listdir(full), sep="|")
"""


def run_in_namespace(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    mount = 'mount -t tmpfs -o size=1m none "$1/full" && exec "$0" -B -c "$3" "$1" "$2"'
    command = ["unshare", "-Urm", "sh", "-c", mount, sys.executable, str(tmp_path), TESTS, script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("mounting a small disk of one's own (unshare -Urm) is not permitted here")
    (tmp_path / "full").mkdir()
    done = run_in_namespace(tmp_path, FULL_DISK)
    assert done.stdout.splitlines() == [
        "write|NoSpace|Cannot write the bundle: there is not enough room.|[]",
        "write|NoSpace|Cannot write the bundle: the disk is full. What was half-written has been removed.|[]",
        "stage|NoSpace|Cannot stage the bundle: there is not enough room.|[]",
        "stage|NoSpace|Cannot stage the bundle: the disk is full. What was half-written has been removed.|[]",
    ], done.stderr


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import bundles as t
t.make(Path(sys.argv[1]), counter=2)
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed (apt-get install strace)")
@pytest.mark.parametrize(
    ("call", "when", "counters"),
    [("fsync", 1, {1}), ("?rename,?renameat,?renameat2", 1, {1, 2}), ("fsync", 2, {2})],
    ids=["fsync of the file", "rename", "fsync of the folder"],
)
def test_a_kill_leaves_a_valid_bundle(tmp_path: Path, call: str, when: int, counters: set[int]) -> None:
    path = make(tmp_path)
    trace = ["strace", "-f", "-qq", "-e", f"trace={call}"]
    inject = ["-e", f"inject={call}:signal=SIGKILL:when={when}"]
    script = [sys.executable, "-B", "-c", KILLED, str(tmp_path), TESTS]
    if subprocess.run([*trace, "true"], capture_output=True).returncode:
        pytest.skip("tracing a process is not permitted here")
    done = subprocess.run([*trace, *inject, *script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert open_bundle(path, TRUSTED).manifest.counter in counters
