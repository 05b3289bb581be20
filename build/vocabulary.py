"""Vocabulary: a student without the tokens that its task has no use for.

Knows nothing of training. A fifth of a 135M student is the table of 49,152 tokens, most of which never occur in one
task's documents. What goes is split into smaller tokens, in the end into single bytes: there is no text that a smaller
vocabulary can't spell. A text whose tokens all stay is split as before, so a student loses nothing on it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from boardwright.build.student import quiet_transformers
from boardwright.build.tokenizer import pre_name
from boardwright.schemas.errors import BadStudent

BYTES = tuple(sorted(pre_tokenizers.ByteLevel.alphabet()))
# llama.cpp interleaves rows of a matrix by up to 16; a multiple of 64 suits every kernel.
ROWS = 64


@dataclass(frozen=True)
class Trimmed:
    """tokens: before and after.  kept_share: of the tokens of the texts, those that stayed as they were."""

    before: int
    after: int
    kept_share: float


def trim_vocabulary(checkpoint: Path, texts: Iterable[str], size: int, folder: Path) -> Trimmed:
    """Write `checkpoint` with `size` tokens (rounded up to a multiple of 64) into `folder`.

    texts: what the task is made of, to see which tokens matter; the rest are those that the tokenizer learned first.
    Raises BadStudent where the size is too small for bytes and special tokens, or not smaller than what is there."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    source = json.loads(tokenizer.backend_tokenizer.to_str())
    pre_name(source, checkpoint)  # refuses what is no byte-level BPE that we know
    before = len(source["model"]["vocab"])
    size = -(-size // ROWS) * ROWS
    counts = _count(tokenizer, texts)
    kept, added = _keep(source, counts, size, checkpoint)
    _write_tokenizer(tokenizer, source, kept, added, folder)
    _write_weights(checkpoint, kept, len(added), folder)
    total = sum(counts.values())
    return Trimmed(
        before=before,
        after=len(kept) + len(added),
        kept_share=sum(counts[one] for one in kept) / total if total else 1.0,
    )


def _count(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Counter[int]:
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    counts: Counter[int] = Counter()
    for encoded in backend.encode_batch(list(texts), add_special_tokens=False):
        counts.update(encoded.ids)
    return counts


def _keep(source: dict[str, Any], counts: Counter[int], size: int, where: Path) -> tuple[list[int], list[str]]:
    """The old ids that stay, in their old order, and the bytes that the student never had."""
    vocab: dict[str, int] = source["model"]["vocab"]
    parents = {vocab[a + b]: (vocab[a], vocab[b]) for a, b in source["model"]["merges"]}
    added = [byte for byte in BYTES if byte not in vocab]
    kept = {token["id"] for token in source["added_tokens"]} | {vocab[byte] for byte in BYTES if byte in vocab}
    if not len(kept) + len(added) < size < len(vocab):
        raise BadStudent(
            "The vocabulary can't have this size.",
            where=where,
            value=size,
            allowed=f"{len(kept) + len(added) + ROWS} to {len(vocab) - ROWS} tokens",
            next="leave the vocabulary as it is, or choose a size between",
        )
    # By use, then by age: merges stand in the order in which the tokenizer learned them.
    for one in [*(token for token, _ in counts.most_common()), *parents]:
        line = _with_parents(one, parents, kept)
        if len(kept) + len(added) + len(line) <= size:
            kept.update(line)
        if len(kept) + len(added) == size:
            break
    return sorted(kept), added


def _with_parents(token: int, parents: dict[int, tuple[int, int]], kept: set[int]) -> set[int]:
    """The token and all that it is merged from, without those that are kept already."""
    found: set[int] = set()
    waiting = [token]
    while waiting:
        one = waiting.pop()
        if one not in kept and one not in found:
            found.add(one)
            waiting.extend(parents.get(one, ()))
    return found


def _write_tokenizer(
    tokenizer: PreTrainedTokenizerFast, source: dict[str, Any], kept: Sequence[int], added: Sequence[str], folder: Path
) -> None:
    new = {old: at for at, old in enumerate(kept)}
    vocab = {token: new[old] for token, old in source["model"]["vocab"].items() if old in new}
    merges = [[a, b] for a, b in source["model"]["merges"] if a + b in vocab]
    vocab |= {byte: len(kept) + at for at, byte in enumerate(added)}
    source["added_tokens"] = [token | {"id": new[token["id"]]} for token in source["added_tokens"]]
    # In the vocabulary too, or tokenizers gives them numbers of its own behind all others.
    vocab |= {token["content"]: token["id"] for token in source["added_tokens"]}
    source["model"] |= {"vocab": vocab, "merges": merges}
    named = {name: getattr(tokenizer, name) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(source)),
        chat_template=tokenizer.chat_template,
        clean_up_tokenization_spaces=False,
        **named,
    ).save_pretrained(folder)


def _write_weights(checkpoint: Path, kept: Sequence[int], added: int, folder: Path) -> None:
    with quiet_transformers():
        model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16, local_files_only=True)
    rows = torch.tensor(kept)
    tied = model.config.tie_word_embeddings
    for layer in [model.get_input_embeddings()] + ([] if tied else [model.get_output_embeddings()]):
        weight = layer.weight.data
        # A byte that was never seen says nothing yet.
        mean = weight.float().mean(0, keepdim=True).to(weight.dtype).expand(added, -1)
        layer.weight = torch.nn.Parameter(torch.cat([weight[rows], mean]))
    if tied:
        model.tie_weights()
    new = {old: at for at, old in enumerate(kept)}
    for config in (model.config, model.generation_config):
        for name in ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id"):
            old = getattr(config, name, None)
            if isinstance(old, int):
                setattr(config, name, new.get(old, old))
    model.config.vocab_size = len(kept) + added
    model.save_pretrained(folder, safe_serialization=True)
