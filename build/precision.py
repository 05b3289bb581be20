"""Precision: the numbers in which this machine multiplies matrices fastest.

Knows nothing of models. bf16 is half the memory of fp32 and, where the processor has instructions for it (AVX-512 BF16,
AMX, a GPU since Ampere), twice the speed or more. Where it has none, PyTorch multiplies bf16 all the same, at an eighth
of the speed of fp32 (2 cores of a Zen 3, docs/LOG.md); many of those have instructions for eight bits.
"""

from __future__ import annotations

import functools
import os
import time

import torch

# Rounding takes time too, and precision is worth some: eight bits have to be so many times as quick.
_WORTH_ROUNDING = 2.0
# A product as training makes them: tokens, and a layer's columns and rows. The quickest of a few is what counts, for
# whatever else runs on the machine only slows one down.
_TOKENS, _COLUMNS, _ROWS = 256, 576, 1536
_TRIES = 5
_ROWS_OF_A_CHECK = 64


def precision(device: str) -> torch.dtype:
    """In what to multiply on that type of device, "cpu" or "cuda": bf16, or fp32 on a CPU that is quicker with it and
    on a GPU from before Ampere, where fp16 would be quicker but may overflow: students are made in bf16."""
    if device == "cpu":
        return min((torch.bfloat16, torch.float32), key=_seconds)
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32


def a_thread_a_core() -> None:
    """Of the cores that this process has by now: of more threads, each waits for the others."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def mixed(device: str) -> torch.autocast:
    """A context in which products are made in `precision(device)`, and all else in what it comes in."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision(device) is torch.bfloat16)


def multiplies_eight_bits() -> bool:
    """Whether this CPU, quicker with fp32 than with bf16, multiplies whole numbers of eight bits much faster still, and
    right."""
    quick = precision("cpu") is torch.float32 and _WORTH_ROUNDING * _seconds(torch.int8) < _seconds(torch.float32)
    return quick and eight_bits_fit()


def eight_bits_fit() -> bool:
    """Whether sums of the largest products come out right. Without VNNI oneDNN adds them up in pairs, in 16 bits."""
    ones = torch.full((_TOKENS, _COLUMNS), 127, dtype=torch.int8)
    return bool((torch._int_mm(ones, ones[:_ROWS_OF_A_CHECK].t()) == 127 * 127 * _COLUMNS).all())


@functools.cache
def _seconds(dtype: torch.dtype) -> float:
    """Of one product. Measured, for there are more processors than lists of them; once a process."""
    a_thread_a_core()  # as whatever multiplies in it will have
    inputs, weights = torch.ones(_TOKENS, _COLUMNS, dtype=dtype), torch.ones(_ROWS, _COLUMNS, dtype=dtype).t()
    multiply = torch._int_mm if dtype is torch.int8 else torch.mm
    times = []
    with torch.inference_mode():
        for _ in range(1 + _TRIES):  # the first one also has its kernel made
            began = time.perf_counter()
            multiply(inputs, weights)
            times.append(time.perf_counter() - began)
    return min(times[1:])
