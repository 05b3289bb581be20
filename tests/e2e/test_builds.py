"""Builds that need nothing of the small one: another core makes them in the meantime."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import House

pytestmark = pytest.mark.slow


def test_a_task_of_ones_own_builds_unchanged(house: House, student_gguf: Path, tmp_path: Path) -> None:
    assert house.run("boardwright", "init", "my-tickets", cwd=tmp_path).returncode == 0
    ran = house.run(
        "boardwright", "build", tmp_path / "my-tickets", "--student", student_gguf, "--documents", "24",
        "--held-out", "10", "--epochs", "0.4", "--encodings", "Q8_0", "--gate", "records_right=0",
        "--gate", "fields_right=0", "--gate", "tolerance=1", "-o", tmp_path / "out",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["my-tickets-1.0.0-host.bwb"]


def test_a_build_that_was_killed_while_tuning_goes_on_where_it_was(
    house: House, student_gguf: Path, tmp_path: Path
) -> None:
    environment = house.environment | {"BOARDWRIGHT_CHECKPOINT_SECONDS": "0"}
    command = [
        str(Path(sys.executable).with_name("boardwright")), "build", "invoice", "--student", str(student_gguf),
        "--documents", "40", "--held-out", "6", "--epochs", "1", "--seed", "21", "--encodings", "Q8_0",
        "--gate", "records_right=0", "--gate", "fields_right=0", "--gate", "tolerance=1",
        "-o", str(tmp_path / "out"), "--json",
    ]  # fmt: skip
    log = tmp_path / "log"
    with log.open("w") as stderr:
        first = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
        work = house.root / "store" / "work"
        deadline = time.monotonic() + 300
        while not list(work.glob("*/scratch/checkpoint-*/trainer_state.json")):
            assert first.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert not (tmp_path / "out").exists()
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert "going on from step" in second.stderr
    assert len(list((tmp_path / "out").iterdir())) == 1
