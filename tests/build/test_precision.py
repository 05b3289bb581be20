"""A machine multiplies in what it is quickest in, and a student learns the same in either."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from boardwright.build import lora
from boardwright.build import precision as module
from boardwright.build.completion import loss_on_cpu
from boardwright.build.lora import load_student
from boardwright.build.precision import mixed, precision
from boardwright.device.cores import cpu_features
from boardwright.device.engines.onnx import VNNI
from boardwright.schemas.task import Training


@pytest.fixture
def quicker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it to have this machine be quicker in that."""

    def made(wanted: torch.dtype) -> None:
        monkeypatch.setattr(module, "_seconds", lambda dtype: 1.0 if dtype is wanted else 1.1)

    return made


@pytest.mark.parametrize("wanted", [torch.bfloat16, torch.float32])
def test_the_quicker_is_taken_for_weights_and_products(quicker: Any, tiny: Path, wanted: torch.dtype) -> None:
    quicker(wanted)
    assert precision("cpu") is wanted
    student = load_student(tiny, Training(rank=4), 0, "cpu")
    assert student.get_base_model().lm_head.weight.dtype is wanted
    with mixed("cpu"):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype is wanted


def test_a_student_learns_the_same_in_either(quicker: Any, tiny: Path) -> None:
    ids = torch.arange(40)[None]
    found = []
    for wanted in (torch.bfloat16, torch.float32):
        quicker(wanted)
        student = load_student(tiny, Training(rank=4), 0, "cpu")
        loss = loss_on_cpu(student, {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids})
        loss.backward()
        gradients = [p.grad.flatten() for p in student.parameters() if p.grad is not None]
        assert all(one.dtype is torch.float32 for one in gradients)
        found.append((loss.item(), torch.cat(gradients)))
    (in_bf16, mine), (in_fp32, theirs) = found
    assert in_bf16 == pytest.approx(in_fp32, rel=5e-3)
    assert torch.nn.functional.cosine_similarity(mine, theirs, 0) > 0.99


@pytest.mark.parametrize(("bf16", "fp32", "int8", "taken"), [(3, 2, 0.9, True), (3, 2, 1.1, False), (1, 2, 0.1, False)])
def test_eight_bits_have_to_be_twice_as_quick_as_the_fp32_that_is_quickest(
    bf16: float, fp32: float, int8: float, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {torch.bfloat16: bf16, torch.float32: fp32, torch.int8: int8}
    monkeypatch.setattr(module, "_seconds", seconds.__getitem__)
    monkeypatch.setattr(module, "eight_bits_fit", lambda: True)
    assert module.multiplies_eight_bits() is taken


def test_eight_bits_that_overflow_are_not_taken_however_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_seconds", {torch.bfloat16: 10, torch.float32: 9, torch.int8: 1}.__getitem__)
    for fit in (True, False):
        monkeypatch.setattr(module, "eight_bits_fit", lambda fit=fit: fit)
        assert module.multiplies_eight_bits() is fit


@pytest.mark.skipif(not VNNI & cpu_features(), reason="this CPU has no VNNI to be left out")
@pytest.mark.parametrize(("isa", "fit"), [("AVX2", False), ("AVX512_CORE", False), ("DEFAULT", True)])
def test_what_overflows_without_vnni_is_noticed(isa: str, fit: bool) -> None:
    ask = "from boardwright.build.precision import eight_bits_fit; print(eight_bits_fit())"
    told = subprocess.run(
        [sys.executable, "-c", ask], env=os.environ | {"ONEDNN_MAX_CPU_ISA": isa}, capture_output=True, text=True
    )
    assert told.stdout.strip() == str(fit), told.stderr


def test_all_are_measured() -> None:
    assert all(module._seconds(dtype) > 0 for dtype in (torch.bfloat16, torch.float32, torch.int8))


@pytest.mark.parametrize(
    ("major", "wanted", "way"),
    [(7, torch.float32, "cuda"), (8, torch.bfloat16, "unsloth"), (9, torch.bfloat16, "unsloth")],
)
def test_a_gpu_without_bf16_trains_in_fp32(
    major: int, wanted: torch.dtype, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """major: of its compute capability, 7 for a T4, 8 for an A100."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(major=major))
    monkeypatch.setattr(lora, "find_spec", lambda name: name)
    assert precision("cuda") is wanted
    assert lora.this_machines_way() == way
    assert mixed("cuda")._enabled == (wanted is torch.bfloat16)


def test_it_is_measured_with_as_many_threads_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As training has them; more than cores wait for one another, and what is measured is how long."""
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    try:
        module._seconds.__wrapped__(torch.float32)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
