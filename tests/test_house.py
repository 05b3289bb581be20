"""The house rules are checked by something that fails when they are broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("build", "device", "schemas", "targets")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """An empty house with this project's rules."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / ".links", tmp_path / ".links", symlinks=True)
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "thing.py").touch()
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": ".links"}
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_a_portion_of_the_namespace(room: str) -> None:
    assert (ROOT / ".links" / "boardwright" / room).resolve() == ROOT / room
    assert (ROOT / room / "py.typed").is_file()
    # It would make `python -m build` run ours, and the namespace a package.
    assert not (ROOT / room / "__init__.py").exists()


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("device", "from boardwright.build import thing"),
        ("device", "def late() -> None:\n    import boardwright.build.thing"),
        ("device", "def late() -> None:\n    import torch"),
        ("schemas", "from boardwright.build import thing"),
        ("schemas", "from boardwright.device import thing"),
        ("targets", "from boardwright.device import thing"),
    ],
)
def test_an_import_against_the_flow_fails(house: Path, room: str, line: str) -> None:
    (house / room / "thing.py").write_text(line)
    said = lint(house)
    assert said.returncode == 1
    assert "1 broken" in said.stdout or "2 broken" in said.stdout
    assert f"boardwright.{room}.thing -> " in said.stdout


def test_imports_along_the_flow_pass(house: Path) -> None:
    (house / "build" / "thing.py").write_text("import torch\nfrom boardwright.device import thing")
    (house / "device" / "thing.py").write_text("from boardwright.schemas import thing")
    assert lint(house).returncode == 0


def test_no_tests_is_a_failure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
