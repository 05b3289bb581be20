"""Layers: a student without those that do the least for its task.

Knows nothing of training: what a shorter student has lost, tuning wins back. A layer's influence is how far it turns
the hidden states that run through it, 1 - cos(in, out) (ShortGPT, Men et al. 2024): their angle, not their length, is
what the next norm leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.precision import a_thread_a_core
from boardwright.build.student import quiet_transformers
from boardwright.schemas.errors import BadStudent
from boardwright.schemas.steps import current_step


def influence(model: Any, rows: Sequence[Sequence[int]]) -> list[float]:
    """Of each layer, 1 - the mean cosine between the hidden states before and behind it; 0 for one that does nothing.

    rows: token ids, one document each."""
    totals, tokens = torch.zeros(model.config.num_hidden_layers), 0
    with torch.inference_mode():
        for done, row in enumerate(rows, 1):
            states = model(torch.tensor([list(row)]), output_hidden_states=True, use_cache=False).hidden_states
            # The last state has been through the final norm, which turns it too: the layer's own output has not.
            for at, (before, behind) in enumerate(pairwise(states)):
                cosine = torch.nn.functional.cosine_similarity(before.float(), behind.float(), dim=-1)
                totals[at] += float((1 - cosine).sum())
            tokens += len(row)
            current_step().progress(done, len(rows))
    return [float(one) / max(1, tokens) for one in totals]


def drop_layers(checkpoint: Path, rows: Sequence[Sequence[int]], keep: int, folder: Path) -> list[int]:
    """Write `checkpoint` with `keep` of its layers into `folder`; return which went.

    The first and the last stay: one reads the embedding, the other writes for the output. Raises BadStudent."""
    a_thread_a_core()
    with quiet_transformers():
        model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16, local_files_only=True)
    count = model.config.num_hidden_layers
    if not 2 <= keep < count:
        raise BadStudent(
            "The student can't have this many layers.",
            where=checkpoint,
            value=keep,
            allowed=f"2 to {count - 1}",
            next=f"leave them all, which are {count}, or choose a number below",
        )
    weak = influence(model.eval(), rows)
    gone = sorted(sorted(range(1, count - 1), key=lambda at: weak[at])[: count - keep])
    layers = model.model.layers
    model.model.layers = torch.nn.ModuleList(layer for at, layer in enumerate(layers) if at not in gone)
    for at, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = at  # its place in the KV cache
    model.config.num_hidden_layers = keep
    model.save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return gone
