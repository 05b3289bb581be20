"""ONNX Runtime's keys and values take the memory that they are written to, and no more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
from boardwright.device.engines.onnx import _untouched


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_positions_that_no_token_has_reached_cost_nothing() -> None:
    before = resident()
    memory = _untouched((2, 60, 1, 3, 4096, 64))
    assert memory.nbytes > 370e6 and not memory[1, 59, 0, 2, -1].any()
    memory[..., :8, :] = 1.0  # as a prefix is copied: a little of each head
    assert resident() - before < 20e6
    assert memory[..., :8, :].all()
