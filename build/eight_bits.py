"""Frozen matrices in eight bits, for CPUs that multiply those several times as fast as what a student comes in.

Knows nothing of models or of whether it pays (`build.precision`). Both products that a frozen matrix takes part in,
forward and back, are of whole numbers: the matrix is rounded once, by rows, and each token as it comes; sums are exact,
in 32 bits (LLM.int8, Dettmers et al. 2022; for gradients SwitchBack, Wortsman et al. 2023).
"""

from __future__ import annotations

from typing import Any

import torch

_MOST = 127


def in_eight_bits(module: torch.nn.Module) -> None:
    """Replace every linear layer in a module that learns nothing."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.Linear) and not child.weight.requires_grad:
                setattr(parent, name, EightBitLinear(child))


class EightBitLinear(torch.nn.Module):
    """A linear layer that learns nothing. weight: int8, of shape (outputs, inputs).  scale: fp32, of each output."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight, scale = _rounded(linear.weight.detach().float())
        self.weight: torch.Tensor
        self.scale: torch.Tensor
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale[:, 0])
        self.bias = linear.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = _Product.apply(inputs, self.weight, self.scale)  # type: ignore[no-untyped-call]
        return outputs if self.bias is None else outputs + self.bias


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(weight, scale)
        tokens, sizes = _rounded(inputs.reshape(-1, inputs.shape[-1]))
        outputs = torch._int_mm(tokens, weight.t()) * sizes * scale
        return outputs.reshape(*inputs.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        weight, scale = ctx.saved_tensors
        # The scales of the outputs are summed over here, so they have to go into what is rounded.
        tokens, sizes = _rounded(gradient.reshape(-1, gradient.shape[-1]) * scale)
        back = torch._int_mm(tokens, weight) * sizes
        return back.reshape(*gradient.shape[:-1], weight.shape[1]), None, None


def _rounded(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row in eight bits, and what one of them is worth, of shape (rows, 1)."""
    size = (rows.abs().amax(1, keepdim=True) / _MOST).clamp_min(torch.finfo(torch.float32).tiny)
    return torch.round(rows / size).to(torch.int8), size
