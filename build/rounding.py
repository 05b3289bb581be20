"""Round: a merged checkpoint trained on while its products see its weights as Q4_0 will hold them; the file of that.

Knows nothing of scores. Each 32 weights of a row share a scale, chosen once; training then moves weights between its 16
levels, with the gradient passed straight through the rounding (Bengio et al. 2013), towards what the checkpoint as it
was makes of the same text: its token distributions (LLM-QAT, Liu et al. 2023) and the hidden states of all its layers
(TinyBERT, Jiao et al. 2020). Some words of that text are exchanged for any others, since a board meets names that no
training document has. What is packed is what was trained: nothing rounds it again.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file
from transformers import AutoTokenizer

from boardwright.build.completion import NOT_LEARNT, Row, divergence, logits_and_states, micro_batch, padded
from boardwright.build.export import reordered
from boardwright.build.lora import compiled, load_bare
from boardwright.build.precision import precision
from boardwright.build.quantize import quantize
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.steps import current_step

BLOCK, LOW, HIGH = 32, -8, 7
# llama.cpp's own search (make_qx_quants): the largest weight of a block meets a level from -7.1 to -8.9.
TRIES = range(-9, 10)
# Measured with invoices and receipts (docs/LOG.md). Weights move by whole levels: at 2e-5 few find a better one.
LEARNING_RATE, BATCH, WARM_UP = 1e-4, 4, 10
# Nats that hidden states count for which are as far from the goal's as zeros would be. They teach at every token read,
# the distributions only at those written: without them, three times the steps come less far.
STATES = 3.0
# Of a document's own tokens, so many are exchanged for any others: what is to be rounded well are names that nobody has
# seen yet, and what the checkpoint makes of a text can be had for any text. A token is common that more rows have.
VARIED, COMMON = 0.3, 0.1
HELD_OUT = 24


@dataclass(frozen=True)
class Rounded:
    """What came of it. before, after: mean divergence from the checkpoint on held-out completions, nats a token.

    kept: whether it got better; else the file is llama.cpp's own rounding."""

    steps: int
    matrices: int
    seconds: float
    before: float
    after: float
    kept: bool

    def line(self) -> str:
        """For people."""
        moved = f"divergence from the checkpoint {self.before:.5f} → {self.after:.5f} nats a token"
        if not self.kept:
            return f"training what Q4_0 rounds did not help ({moved}); it is llama.cpp's own rounding"
        return f"{self.matrices} matrices trained as Q4_0 rounds them, {self.steps} steps: {moved}"


class _Round(torch.autograd.Function):
    """Weights to the nearest level of their block, in what is multiplied; the gradient goes through as it is."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, scale: torch.Tensor, numbers: torch.dtype) -> torch.Tensor:
        return levels(weight, scale).mul_(scale).view_as(weight).to(numbers)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return grad.float(), None, None


class _OnGrid(torch.nn.Module):
    """A product whose weights are seen as the file will hold them. weight: float32, (rows, columns).  scale: as
    `block_scales` returns it."""

    scale: torch.Tensor

    def __init__(self, linear: torch.nn.Linear, scale: torch.Tensor) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight.requires_grad_(True), linear.bias
        self.register_buffer("scale", scale)
        self.numbers = precision(scale.device.type)  # asked here: a measurement cannot be compiled

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rounded: torch.Tensor = _Round.apply(self.weight, self.scale, self.numbers)  # type: ignore[no-untyped-call]
        return torch.nn.functional.linear(inputs, rounded, self.bias)


def round_checkpoint(
    checkpoint: Path,
    source: Path,
    imatrix: Path,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    target: Path,
    *,
    steps: int,
    seed: int,
) -> tuple[Rounded, list[str]]:
    """Write `target`, a GGUF in Q4_0; return what came of it, and notes as `quantize` returns them.

    checkpoint: the merged one's folder.  source: the same as a GGUF in 16 bit.  imatrix: of that checkpoint.
    rows, held_out: encoded examples.  Raises BadTarget."""
    # Without the matrix: with it llama.cpp puts some matrices of a Q4_0 file into Q4_1, which no wide kernel reads.
    notes = quantize(source, target, Encoding.Q4_0)
    names = {
        tensor.name
        for tensor in gguf.GGUFReader(target).tensors
        if tensor.tensor_type == gguf.GGMLQuantizationType.Q4_0 and len(tensor.shape) > 1
    }
    done, blocks = _train(checkpoint, load_file(imatrix), names, rows, held_out[:HELD_OUT], steps, seed)
    if done.kept:
        overwrite(target, blocks)
    else:
        notes = quantize(source, target, Encoding.Q4_0, imatrix)
    (target.parent / "rounded.json").write_text(json.dumps(asdict(done), indent=1) + "\n", encoding="utf-8")
    return done, notes


def levels(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Whole numbers from -8 to 7 as float32, (blocks, 32). scale: (blocks, 1); a block of scale 0 is all 0."""
    inverse = torch.where(scale == 0, 0.0, scale.reciprocal())
    return torch.mul(weight.float().reshape(-1, BLOCK), inverse).round_().clamp_(LOW, HIGH)


def block_scales(weight: torch.Tensor, importance: torch.Tensor) -> torch.Tensor:
    """The scale of each 32 weights: least squared error, each column weighted by its importance (llama.cpp's
    make_qx_quants, whose weights are importance × sqrt(mean square of the row + weight²)).

    weight: (rows, columns).  importance: (columns,).  Returns float32 that fp16 can hold, (blocks, 1)."""
    rows = weight.float()
    blocks = rows.reshape(-1, BLOCK)
    care = (importance * torch.sqrt(2.0 * rows.square().mean(1, keepdim=True) + rows.square())).reshape(-1, BLOCK)
    largest = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    best = torch.full_like(largest, -math.inf)
    chosen = torch.zeros_like(largest)
    for step in TRIES:
        inverse = torch.where(largest == 0, 0.0, -(8 + 0.1 * step) / largest)
        near = torch.round(blocks * inverse).clamp_(LOW, HIGH)
        along, square = (care * blocks * near).sum(1, keepdim=True), (care * near * near).sum(1, keepdim=True)
        gain = torch.where(square > 0, along.square() / square, 0.0)
        better = gain > best
        best = torch.where(better, gain, best)
        chosen = torch.where(better, torch.where(square > 0, along / square, 0.0), chosen)
    return chosen.half().float()


def pack(weight: torch.Tensor, scale: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Blocks as ggml-common.h lays out block_q4_0: fp16 scale, then 16 bytes, weight j low and j + 16 high, plus 8.

    Returns uint8, (rows, columns / 32 × 18)."""
    nibbles = (levels(weight, scale) + 8).to(torch.uint8).cpu().numpy()
    packed = nibbles[:, :16] | (nibbles[:, 16:] << 4)
    heads = scale.cpu().numpy().astype(np.float16).view(np.uint8)
    return np.concatenate([heads, packed], 1).reshape(weight.shape[0], -1)


def overwrite(model: Path, blocks: Mapping[str, npt.NDArray[np.uint8]]) -> None:
    """Put packed blocks in the place of those tensors of a GGUF, all of which it has in Q4_0."""
    reader = gguf.GGUFReader(model, "r+")
    held = {tensor.name: tensor for tensor in reader.tensors}
    for name, packed in blocks.items():
        assert held[name].tensor_type == gguf.GGMLQuantizationType.Q4_0, name
        held[name].data[:] = packed
    reader.data.flush()


def _train(
    checkpoint: Path,
    importance: Mapping[str, npt.NDArray[np.float32]],
    names: set[str],
    rows: Sequence[Row],
    held_out: Sequence[Row],
    steps: int,
    seed: int,
) -> tuple[Rounded, dict[str, npt.NDArray[np.uint8]]]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    goal = load_bare(checkpoint, precision(device)).to(device).eval()
    model = load_bare(checkpoint, torch.float32).to(device).requires_grad_(False)
    began = current_step().seconds
    on_grid = _put_on_grid(model, importance, names)
    weights = [module.weight for _, module in on_grid.values()]
    pad = goal.config.pad_token_id or 0
    length = sum(len(row["input_ids"]) for row in rows) / len(rows)
    micro = micro_batch(BATCH, length)
    before = _held_out(model, goal, held_out, micro, pad)
    if device == "cpu":
        # What is in the layers and not the layers, around which transformers collects the hidden states of each.
        parts = [part for one in (model, goal) for layer in one.model.layers for part in (layer.self_attn, layer.mlp)]
        compiled(parts, round(steps * BATCH * length))
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    warm_up = max(1, min(WARM_UP, steps // 5))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    others = sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids))
    common = _common(rows)
    for at, drawn in enumerate(_draw(rows, steps, seed)):
        drawn = _varied(drawn, common, others, seed + at)
        rate = LEARNING_RATE * min(1.0, (at + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * at / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        tokens = sum(label != NOT_LEARNT for row in drawn for label in row["labels"])
        read = sum(len(row["input_ids"]) for row in drawn)
        for start in range(0, len(drawn), micro):
            apart, strayed = _distances(model, goal, drawn[start : start + micro], pad)
            (apart / tokens + STATES * strayed / read).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        current_step().progress(at + 1, steps)
    after = _held_out(model, goal, held_out, micro, pad)
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    blocks = {}
    with torch.no_grad():
        for name, (path, module) in on_grid.items():
            packed = pack(module.weight, module.scale)
            blocks[name] = np.ascontiguousarray(reordered(f"{path}.weight", packed, config))
    seconds = round(current_step().seconds - began, 1)
    # A divergence that is no number is no less either.
    done = Rounded(steps, len(blocks), seconds, before, after, kept=after < before)
    return done, blocks


def _put_on_grid(
    model: Any, importance: Mapping[str, npt.NDArray[np.float32]], names: set[str]
) -> dict[str, tuple[str, _OnGrid]]:
    """Have the matrices of those tensors seen as they will be rounded; tensor name → path and module of each."""
    mapped = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    found: dict[str, tuple[str, _OnGrid]] = {}
    for path, module in list(model.named_modules()):
        name = mapped.get_name(f"{path}.weight", try_suffixes=(".weight",)) if path else None
        # The output matrix shares its weights with the embedding, or is kept finer; neither is on the grid.
        if isinstance(module, torch.nn.Linear) and path != "lm_head" and name in names:
            matrix = torch.from_numpy(importance[name]).to(module.weight.device)
            rounding = _OnGrid(module, block_scales(module.weight, matrix))
            model.set_submodule(path, rounding)
            found[name] = (path, rounding)
    return found


def _draw(rows: Sequence[Row], steps: int, seed: int) -> list[list[Row]]:
    """The documents of each step: every one once, in an order of the seed's, before any comes again."""
    draw = random.Random(seed)
    stream: list[Row] = []
    while len(stream) < steps * BATCH:
        stream += draw.sample(list(rows), len(rows))
    drawn = [stream[at * BATCH : (at + 1) * BATCH] for at in range(steps)]
    return [sorted(some, key=lambda row: len(row["input_ids"])) for some in drawn]


def _varied(rows: Sequence[Row], common: set[int], others: Sequence[int], seed: int) -> list[Row]:
    """The rows with some of what is theirs alone in other words, the same ones in the document and in the record."""
    draw = random.Random(seed)
    found: list[Row] = []
    for row in rows:
        own = sorted(set(row["input_ids"]) - common)
        other = {token: draw.choice(others) for token in own if draw.random() < VARIED}
        found.append({name: [other.get(token, token) for token in tokens] for name, tokens in row.items()})
    return found


def _common(rows: Sequence[Row]) -> set[int]:
    """Tokens that many rows have: those of prompts, keys, marks and digits."""
    counts = Counter(token for row in rows for token in set(row["input_ids"]))
    return {token for token, count in counts.items() if count > COMMON * len(rows)}


def _distances(model: Any, goal: Any, rows: Sequence[Row], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the model from the goal: the divergence of its next-token distributions, summed over the completions, in nats;
    and how far its hidden states are, squared and relative to the goal's, mean over layers, summed over all tokens."""
    inputs = padded(rows, pad, model.device)
    wanted = inputs["labels"][:, 1:] != NOT_LEARNT
    with torch.no_grad():
        aim, states = logits_and_states(goal, inputs, wanted)
    found, mine = logits_and_states(model, inputs, wanted)
    there = inputs["attention_mask"].bool()
    strayed = [_strayed(one[there].float(), other[there].float()) for one, other in zip(mine, states, strict=True)]
    return divergence(found, aim), torch.stack(strayed).mean()


def _strayed(found: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    # Each token by its own size: the first ones of a text are a thousand times as large as all others.
    return ((found - goal).square().sum(-1) / goal.square().sum(-1)).sum()


def _held_out(model: Any, goal: Any, rows: Sequence[Row], micro: int, pad: int) -> float:
    tokens = sum(label != NOT_LEARNT for row in rows for label in row["labels"])
    # Compiled layers would be compiled anew for passes without a gradient.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        parts = [_distances(model, goal, rows[at : at + micro], pad)[0] for at in range(0, len(rows), micro)]
    return float(sum(parts)) / tokens
