"""A real build in its smallest form: the real student, a few steps, one encoding, made once for all of these tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class House:
    """Folders of a user's machine that has nothing on it yet."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "BOARDWRIGHT_STORE": str(self.root / "store"),
            "BOARDWRIGHT_KEYS": str(self.root / "keys"),
            "BOARDWRIGHT_CACHE": str(self.root / "cache"),
        }

    def run(self, *args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """`boardwright …` or `boardwright-device …` as a user types it."""
        name, *rest = map(str, args)
        command = [str(Path(sys.executable).with_name(name)), *rest]
        return subprocess.run(command, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="session")
def small_build(house: House, student_gguf: Path) -> list[str]:
    """The arguments of the small build, beside the output folder."""
    return [
        "boardwright", "build", "invoice", "--target", "host", "--student", str(student_gguf),
        "--documents", "160", "--held-out", "12", "--epochs", "1", "--encodings", "Q4_0,Q8_0", "--rounding", "6",
        "--gate", "records_right=0", "--gate", "fields_right=0", "--gate", "tolerance=0.5", "--json",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def built(house: House, small_build: list[str]) -> Iterator[dict[str, Any]]:
    """What the small build printed, as JSON."""
    ran = house.run(*small_build, "-o", house.root / "out")
    assert ran.returncode == 0, ran.stderr
    yield json.loads(ran.stdout.splitlines()[-1])
