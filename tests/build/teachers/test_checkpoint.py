"""A teacher is held in what the machine is quickest in, as far as its memory goes."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("outlines")
from boardwright.build.teachers import checkpoint


def test_a_teacher_that_would_fill_the_memory_in_fp32_stays_in_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    monkeypatch.setattr(checkpoint, "precision", lambda device: torch.float32)
    assert checkpoint._numbers(tmp_path, "cpu") is torch.float32
    monkeypatch.setattr(checkpoint, "SHARE", 1e-9)
    assert checkpoint._numbers(tmp_path, "cpu") is torch.bfloat16
