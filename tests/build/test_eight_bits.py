"""Frozen matrices in eight bits: nearly the same products, forward and back, and a student that learns the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from boardwright.build import lora, precision
from boardwright.build.completion import loss_on_cpu
from boardwright.build.eight_bits import EightBitLinear, in_eight_bits
from boardwright.build.lora import load_student
from boardwright.build.precision import eight_bits_fit
from boardwright.schemas.task import AdapterName, Training

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not eight_bits_fit(), reason="on this CPU sums of eight-bit products overflow: it takes fp32"),
]


def like(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), 0))


@pytest.mark.parametrize("tokens", [1, 3, 200])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_products_are_nearly_the_same_forward_and_back(tokens: int, bias: bool, compiled: bool) -> None:
    torch.manual_seed(1)
    linear = torch.nn.Linear(96, 64, bias=bias).requires_grad_(False)
    linear.weight *= torch.logspace(-3, 1, 64)[:, None]  # rows of any size
    rounded = EightBitLinear(linear)
    if compiled:
        rounded.compile(dynamic=True)
    inputs = torch.randn(2, tokens, 96) * torch.logspace(-4, 2, tokens)[:, None]  # and tokens
    found = []
    for layer in (linear, rounded):
        given = inputs.clone().requires_grad_()
        outputs = layer(given)
        outputs.backward(torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape))
        assert outputs.shape == (2, tokens, 64) and given.grad is not None
        found.append((outputs.detach(), given.grad))
    for exact, nearly in zip(*found, strict=True):
        assert all(like(a, b) > 0.999 for a, b in zip(exact.flatten(0, 1), nearly.flatten(0, 1), strict=True))


def test_nothing_comes_of_nothing() -> None:
    rounded = EightBitLinear(torch.nn.Linear(8, 4, bias=False))
    given = torch.zeros(3, 8, requires_grad=True)
    rounded(given).sum().backward()
    assert given.grad is not None and given.grad.isfinite().all()
    assert torch.equal(rounded(torch.zeros(3, 8)), torch.zeros(3, 4))


def test_only_what_learns_nothing_is_rounded() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 4).requires_grad_(False), torch.nn.Linear(4, 4))
    in_eight_bits(module)
    assert [type(layer) for layer in module] == [EightBitLinear, torch.nn.Linear]


@pytest.mark.parametrize(("kind", "layers"), [("lora", 7), ("rslora", 7), ("dora", 0)])
def test_a_student_learns_the_same(kind: AdapterName, layers: int, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """layers: of each of the student's, so many are rounded."""
    ids = torch.arange(40)[None]
    found = []
    for eight in (False, True):
        monkeypatch.setattr(lora, "multiplies_eight_bits", lambda eight=eight: eight)
        # Where bf16 is quicker eight bits are not taken; AMX goes wrong with both in one step (docs/LOG.md).
        for module in (lora, precision):
            monkeypatch.setattr(module, "precision", lambda device: torch.float32)
        student = load_student(tiny, Training(rank=4, adapter=kind), 0, "cpu")
        rounded = sum(isinstance(module, EightBitLinear) for module in student.modules())
        assert rounded == (layers * student.config.num_hidden_layers if eight else 0)
        loss = loss_on_cpu(student, {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids})
        loss.backward()
        gradients = [p.grad.flatten() for p in student.parameters() if p.grad is not None]
        found.append((loss.item(), torch.cat(gradients)))
    (exact, mine), (nearly, theirs) = found
    assert nearly == pytest.approx(exact, rel=5e-3)
    assert like(mine, theirs) > 0.99
