"""Wheels for a board: ours, and which of others fit."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from boardwright.build.own_wheel import own_wheel
from boardwright.build.wheels import check_tags, read_wheels, requirements
from boardwright.schemas.errors import KitError
from boardwright.targets.profile import OsRelease

BOOKWORM = OsRelease(release="bookworm", python="3.11", glibc="2.36")


def fake(folder: Path, name: str, metadata: str = "Name: x\n") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{'-'.join(name.split('-')[:2])}.dist-info/METADATA", metadata)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "a-1-py3-none-any.whl",
        "a-1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
        "a-1-cp39-abi3-manylinux_2_31_aarch64.whl",
        "a-1-py3-none-manylinux_2_34_aarch64.whl",
    ],
)
def test_a_wheel_for_the_board_fits(tmp_path: Path, name: str) -> None:
    check_tags([tmp_path / name], BOOKWORM)


@pytest.mark.parametrize(
    "name",
    [
        "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
        "a-1-cp313-cp313-manylinux_2_17_aarch64.whl",
        "a-1-cp311-cp311-manylinux_2_38_aarch64.whl",
        "a-1-cp311-cp311-musllinux_1_2_aarch64.whl",
    ],
)
def test_one_for_another_machine_python_or_glibc_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KitError, match="not for the board"):
        check_tags([tmp_path / name], BOOKWORM)


def test_requirements_pin_every_wheel_by_hash_but_pip(tmp_path: Path) -> None:
    for name in ("Some_Thing-1.0-py3-none-any.whl", "pip-26.3-py3-none-any.whl"):
        fake(tmp_path, name)
    [line] = requirements(read_wheels(tmp_path)).splitlines()
    assert line.startswith("some-thing==1.0 --hash=sha256:") and len(line.split("sha256:")[1]) == 64


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: old\n", "MIT OR Apache-2.0"),
        ("License: BSD\nClassifier: License :: OSI Approved :: MIT License\n", "BSD"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Name: x\n", "not stated"),
    ],
)
def test_the_licence_is_what_the_metadata_says(tmp_path: Path, metadata: str, licence: str) -> None:
    fake(tmp_path, "a-1-py3-none-any.whl", metadata)
    assert read_wheels(tmp_path)[0].licence == licence


class TestOurOwn:
    def test_the_same_tree_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        assert own_wheel(tmp_path / "a").read_bytes() == own_wheel(tmp_path / "b").read_bytes()

    def test_pip_installs_it_and_the_board_s_command_runs(self, tmp_path: Path) -> None:
        wheel = own_wheel(tmp_path)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*command, "--target", str(tmp_path / "site"), str(wheel)], check=True, capture_output=True)
        # Isolated from this tree: -S leaves out site-packages, where the links to it are.
        code = (
            f"import sys; sys.path[:0] = ['{tmp_path}/site']; import boardwright.device.needs as n; print(n.__file__)"
        )
        ran = subprocess.run([sys.executable, "-S", "-c", code], check=True, capture_output=True, text=True)
        assert ran.stdout.startswith(str(tmp_path / "site"))

    def test_what_trains_stays_at_home(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(own_wheel(tmp_path)) as wheel:
            names = wheel.namelist()
        rooms = {name.split("/")[1] for name in names if name.startswith("boardwright/")}
        assert rooms == {"device", "schemas", "targets"}
        assert not [name for name in names if "__pycache__" in name]
