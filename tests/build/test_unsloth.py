"""Training by the real Unsloth, on a CPU where there is no GPU: it goes as training by PEFT does.

In processes of its own, for Unsloth replaces parts of transformers, TRL and PEFT.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
APART = Path(sys.prefix) / "unsloth"  # where scripts/setup puts it on a machine without a GPU
pytestmark = [
    pytest.mark.skipif(
        not (APART.is_dir() or find_spec("unsloth")), reason="Unsloth is not here: scripts/setup unsloth"
    ),
    pytest.mark.timeout(1800),  # Unsloth takes bf16 where a CPU has no instructions for it too
]


def run(*words: str, **environment: str) -> str:
    # Not what this run of pytest leaves for its own workers.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    return ran.stdout


def path(*folders: Path) -> str:
    return os.pathsep.join((*map(str, folders), str(ROOT / ".links"), os.environ.get("PYTHONPATH", "")))


def test_all_that_holds_of_a_training_holds_through_unsloth() -> None:
    words = ["pytest", "-q", "-n", "0", "tests/build/test_tune.py"]
    if not torch.cuda.is_available():
        words += ["--deselect", "tests/build/test_tune.py::test_a_goals_distributions_are_learnt_beside_the_labels"]
    said = run(*words, PYTHONPATH=path(APART), BOARDWRIGHT_TEST_WAY="unsloth")
    assert " passed" in said and "skipped" not in said


def test_every_kind_of_adapter_learns_as_through_peft(tmp_path: Path) -> None:
    def learnt(way: str, *apart: Path) -> Any:
        (tmp_path / way).mkdir()
        # Whatever else a library says there, the last line is ours.
        words = ("tests.build.adapters_learnt", way, str(tmp_path / way))
        told = json.loads(run(*words, PYTHONPATH=path(*apart)).splitlines()[-1])
        assert told["unsloth"] is (way == "unsloth")
        return told["found"]

    theirs, plain = learnt("unsloth", APART), learnt("cpu")
    rounded = theirs.pop("four bits")
    assert rounded["adapter"].keys() == plain["lora"]["adapter"].keys()
    assert plain["lora"]["losses"] != pytest.approx(rounded["losses"], rel=0.003)
    assert plain["lora"]["losses"] == pytest.approx(rounded["losses"], rel=0.1)
    assert theirs.keys() == plain.keys()
    for kind, one in theirs.items():
        assert one["adapter"] == plain[kind]["adapter"]
        # The same documents from the same start; what is left is the rounding of bf16, and what is dropped.
        assert one["losses"] == pytest.approx(plain[kind]["losses"], rel=0.03), kind
        assert one["held_out_loss"] == pytest.approx(plain[kind]["held_out_loss"], rel=0.03), kind
