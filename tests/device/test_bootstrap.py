"""The first install, on a board that has nothing but its system's Python: what is odd is refused in one line."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from boardwright.device import bootstrap
from boardwright.device.slots import State
from tests.conftest import make_bundle
from tests.installable import HERE, make_installable

FILE = Path(bootstrap.__file__)


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, FILE, *args], capture_output=True, text=True, check=False)


@pytest.fixture
def state(tmp_path: Path, own_folders: Path) -> State:
    return State(tmp_path / "var" / "boardwright")


def odd_zip(path: Path, *members: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


def test_it_is_one_file_of_the_standard_library() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in top if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)
    # An older Python has to read it, to say that it is too old: Debian 11 has 3.9.
    ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_a_bundle_is_installed_and_nothing_else_is_left(state: State, tmp_path: Path) -> None:
    bundle = make_installable(tmp_path / "b")
    (state.folder / ".bootstrap-killed" / "boardwright").mkdir(parents=True)  # of a run that was killed
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    ran = run("install", bundle, "--sha256", digest, "--state", state.folder, "--no-service")
    assert ran.returncode == 0, ran.stderr
    assert (slot := state.active()) and slot.program.exists()
    assert sorted(os.listdir(state.folder)) == ["active", "counters.json", "slots"]


def test_the_installers_verdict_is_passed_on(state: State, tmp_path: Path) -> None:
    ran = run("install", make_installable(tmp_path / "b", code=1), "--state", state.folder, "--no-service")
    assert ran.returncode == 1 and "another record" in ran.stderr
    assert os.listdir(state.folder / "slots") == [] and state.active() is None


def test_a_stranger_is_refused_by_the_installer(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_installable(tmp_path / "b")
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "nobody"))
    ran = run("install", bundle, "--state", state.folder, "--no-service")
    assert ran.returncode == 2 and "not trusted" in ran.stderr
    assert list(state.folder.iterdir()) == []
    key = tmp_path / "keys" / "boardwright.pub"
    assert run("install", bundle, "--state", state.folder, "--no-service", "--key", key).returncode == 0


def test_another_file_than_the_one_that_was_sent_is_refused(state: State, tmp_path: Path) -> None:
    ran = run("install", make_installable(tmp_path / "b"), "--sha256", "0" * 64, "--state", state.folder)
    assert ran.returncode == 2 and "not the one that was meant" in ran.stderr
    assert not state.folder.exists()


def test_a_board_that_will_not_do_is_told_why_before_anything_is_written(state: State, tmp_path: Path) -> None:
    needs = dataclasses.replace(HERE, arch="riscv64", python="3.99")
    bundle = make_installable(tmp_path / "b", needs=needs)
    for verb in ("install", "check"):
        ran = run(verb, bundle, "--state", state.folder)
        assert ran.returncode == 2
        assert "refusal  architecture:" in ran.stderr and "refusal  python:" in ran.stderr
    assert not state.folder.exists()


def test_check_only_looks(state: State, tmp_path: Path) -> None:
    assert run("check", make_installable(tmp_path / "b"), "--state", state.folder).returncode == 0
    assert not state.folder.exists()


NEEDED = ("board.json", HERE.to_json().encode(), 0o100644)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([], "not built for a board"),
        ([("wheels/boardwright-0.1.0-py3-none-any.whl", b"", 0o100644)], "not built for a board"),
        ([NEEDED, ("wheels/../boardwright-0.1.0-py3-none-any.whl", b"", 0o100644)], "does not belong"),
        ([NEEDED, ("/wheels/boardwright-0.1.0-py3-none-any.whl", b"", 0o100644)], "does not belong"),
        ([NEEDED, ("wheels/boardwright-0.1.0-py3-none-any.whl", b"/etc", 0o120777)], "does not belong"),
        ([NEEDED, ("wheels/boardwright-0.1.0-py3-none-any.whl", b"junk", 0o100644)], "not a bundle, or is cut short"),
    ],
)
def test_odd_bundles_are_refused(
    state: State, tmp_path: Path, members: list[tuple[str, bytes, int]], said: str
) -> None:
    ran = run("install", odd_zip(tmp_path / "odd.bwb", *members), "--state", state.folder)
    assert ran.returncode == 2 and said in ran.stderr
    assert "Traceback" not in ran.stderr and not state.folder.exists()


@pytest.mark.parametrize(
    ("name", "mode"),
    [("../out", 0o100644), ("a/../../out", 0o100644), ("/out", 0o100644), ("a\\..\\out", 0o100644), ("a//b", 0o100644),
     ("link", 0o120777), ("pipe", stat.S_IFIFO | 0o644)],
)  # fmt: skip
def test_odd_members_of_a_wheel_are_refused(tmp_path: Path, name: str, mode: int) -> None:
    wheel = odd_zip(tmp_path / "w.whl", (name, b"/etc/passwd", mode))
    bundle = odd_zip(tmp_path / "b.bwb", ("wheels/w-1-py3-none-any.whl", wheel.read_bytes(), 0o100644))
    (tmp_path / "in").mkdir()
    with (
        zipfile.ZipFile(bundle) as archive,
        pytest.raises(bootstrap.Refused, match="what no wheel holds"),
    ):
        bootstrap.unpack(archive, archive.infolist()[0], tmp_path / "in")
    assert list((tmp_path / "in").rglob("*")) == [] and not (tmp_path / "out").exists()


def test_a_wheel_that_swells_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1_000_000))
    bundle = odd_zip(tmp_path / "b.bwb", ("wheels/w-1-py3-none-any.whl", (tmp_path / "w.whl").read_bytes(), 0o100644))
    with zipfile.ZipFile(bundle) as archive, pytest.raises(bootstrap.Refused, match="too large"):
        bootstrap.unpack(archive, archive.infolist()[0], tmp_path, 999_999)
    assert not (tmp_path / "zeros").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.write_bytes(b"PK"), "not a bundle"),
    ],
)
def test_what_is_no_bundle_is_said_in_one_line(tmp_path: Path, make: object, said: str) -> None:
    assert callable(make)
    make(tmp_path / "b.bwb")
    ran = run("install", tmp_path / "b.bwb", "--state", tmp_path / "state")
    assert ran.returncode == 2 and said in ran.stderr and "Traceback" not in ran.stderr


def test_a_bundle_without_wheels_is_refused(state: State, tmp_path: Path) -> None:
    ran = run("install", make_bundle(tmp_path, b"weights"), "--state", state.folder)
    assert ran.returncode == 2 and "carries no wheels" in ran.stderr
