"""Tokenizers between their two homes: the fields of a GGUF, and the tokenizer.json of a checkpoint.

Knows nothing of weights. Byte-level BPE only, and only pre-tokenizers that llama.cpp has under a name: a pair that
splits differently would train on one reading of a document and deploy on another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from boardwright.schemas.errors import BadStudent

# llama.cpp's name (LLAMA_VOCAB_PRE_TYPE_* in llama-vocab.cpp) → the same split in tokenizers' own form.
PRE_TOKENIZERS: dict[str, list[dict[str, Any]]] = {
    "smollm": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
    "gpt-2": [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}],
}
# Of a ByteLevel step, trim_offsets concerns only character positions.
_IGNORED = {"trim_offsets"}


def tokenizer_from_gguf(reader: gguf.GGUFReader, path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that a GGUF carries, as transformers wants it. Raises BadStudent when it's of another kind."""
    model, pre = _text(reader, "tokenizer.ggml.model"), _text(reader, "tokenizer.ggml.pre")
    if model != "gpt2" or pre not in PRE_TOKENIZERS:
        raise BadStudent(
            "This GGUF has a tokenizer that we can't train with.",
            where=path,
            value=f"model {model}, pre {pre}",
            allowed=f"model gpt2 (byte-level BPE), pre {' or '.join(PRE_TOKENIZERS)}",
            next="use the model's Hugging Face checkpoint folder as the student",
        )
    tokens: list[str] = reader.fields["tokenizer.ggml.tokens"].contents()
    types: list[int] = reader.fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ", 1)) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([_pre_tokenizer(part) for part in PRE_TOKENIZERS[pre]])
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types, strict=True) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])

    def named(kind: str) -> str | None:
        field = reader.fields.get(f"tokenizer.ggml.{kind}_token_id")
        return tokens[field.contents()] if field else None

    template = reader.fields.get("tokenizer.chat_template")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=named("bos"),
        eos_token=named("eos"),
        unk_token=named("unknown"),
        pad_token=named("padding") or named("eos"),
        chat_template=template.contents() if template else None,
        clean_up_tokenization_spaces=False,
    )


def tokenizer_to_gguf(folder: Path, writer: gguf.GGUFWriter, vocab_size: int) -> None:
    """Write the tokenizer of a checkpoint folder into a GGUF. Raises BadStudent when llama.cpp has no name for it."""
    source = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_name(source, folder))
    special = {token["id"] for token in source["added_tokens"] if token["special"]}
    by_id = {i: token for token, i in source["model"]["vocab"].items()}
    by_id.update({token["id"]: token["content"] for token in source["added_tokens"]})
    # Rows of the embedding past the vocabulary have no text; llama.cpp still wants a name for each.
    tokens = [by_id.get(i, f"[PAD{i}]") for i in range(vocab_size)]
    writer.add_token_list(tokens)
    writer.add_token_types(
        [
            gguf.TokenType.CONTROL if i in special else (gguf.TokenType.NORMAL if i in by_id else gguf.TokenType.UNUSED)
            for i in range(vocab_size)
        ]
    )
    merges = source["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    loaded = AutoTokenizer.from_pretrained(folder)
    for kind in ("bos", "eos", "unk", "pad"):
        token_id = getattr(loaded, f"{kind}_token_id")
        if token_id is not None:
            getattr(writer, f"add_{kind}_token_id")(token_id)
    writer.add_add_bos_token(False)
    if loaded.chat_template:
        writer.add_chat_template(loaded.chat_template)


def pre_name(source: dict[str, Any], where: Path) -> str:
    """llama.cpp's name of a tokenizer.json's pre-tokenizer. Raises BadStudent where there is none."""
    given = source.get("pre_tokenizer") or {}
    parts = given.get("pretokenizers", [given])
    for name, known in PRE_TOKENIZERS.items():
        if [_essence(part) for part in parts] == [_essence(part) for part in known]:
            return name
    raise BadStudent(
        "llama.cpp has no name for this student's pre-tokenizer, or we don't know it.",
        where=where / "tokenizer.json",
        value=given,
        allowed=", ".join(PRE_TOKENIZERS),
        next="use a student of the SmolLM2 or GPT-2 family, or add the pre-tokenizer to build/tokenizer.py",
    )


def tokenize_with(tokenizer: PreTrainedTokenizerFast) -> Callable[[str, bool], list[int]]:
    """`tokenize(text, special)` of a transformers tokenizer, as the harness's engines have it."""
    backend = tokenizer.backend_tokenizer

    def tokenize(text: str, special: bool) -> list[int]:
        # Off by default: text that spells a special token must stay text, as it does on the board.
        backend.encode_special_tokens = not special
        return list(backend.encode(text, add_special_tokens=False).ids)

    return tokenize


def first_difference(
    texts: Iterable[str], one: Callable[[str, bool], list[int]], other: Callable[[str, bool], list[int]]
) -> str | None:
    """The first text that two tokenizers read differently, or None."""
    return next((text for text in texts if one(text, False) != other(text, False)), None)


def _pre_tokenizer(part: dict[str, Any]) -> Any:
    options = {key: value for key, value in part.items() if key != "type"}
    return getattr(pre_tokenizers, part["type"])(**options)


def _essence(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in _IGNORED}


def _text(reader: gguf.GGUFReader, name: str) -> str:
    field = reader.fields.get(name)
    return str(field.contents()) if field else "none"
