"""A tokenizer reads a text the same before and after it moves between a checkpoint and a GGUF."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from boardwright.build.tokenizer import (
    PRE_TOKENIZERS,
    first_difference,
    pre_name,
    tokenize_with,
    tokenizer_from_gguf,
    tokenizer_to_gguf,
)
from boardwright.device.engines.llama import LlamaEngine
from boardwright.schemas.errors import BadStudent
from boardwright.schemas.prompt import END, TURN

CORPUS = [
    "invoice total 12.50 EUR",
    "the receipt of Müller & Co. of 2026-11-22",
    "don't  stop\n\nnow",
    "漢字 😀 1234567",
] * 5
SPECIAL = ["<|endoftext|>", TURN, END]
texts = st.text(max_size=60) | st.lists(st.sampled_from([*CORPUS, *SPECIAL, " ", "\n", "'s", "007", "\u00a0"])).map(
    "".join
)


def pre_tokenizer(name: str) -> Any:
    parts = [
        getattr(pre_tokenizers, part["type"])(**{key: value for key, value in part.items() if key != "type"})
        for part in PRE_TOKENIZERS[name]
    ]
    return pre_tokenizers.Sequence(parts)


def small_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 300 words, as a checkpoint would carry it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(name)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=TURN, eos_token=END, unk_token=SPECIAL[0], pad_token=END
    )


def through_gguf(checkpoint: Path, path: Path, vocab_size: int) -> gguf.GGUFReader:
    writer = gguf.GGUFWriter(path, "llama")
    tokenizer_to_gguf(checkpoint, writer, vocab_size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return gguf.GGUFReader(path)


class TestRoundTrip:
    @pytest.fixture(scope="class", params=sorted(PRE_TOKENIZERS))
    @classmethod
    def pair(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
        folder = tmp_path_factory.mktemp("checkpoint")
        before = small_tokenizer(request.param)
        before.save_pretrained(folder)
        path = folder / "model.gguf"
        return before, tokenizer_from_gguf(through_gguf(folder, path, len(before) + 5), path)

    @settings(max_examples=200)
    @given(text=texts, special=st.booleans())
    def test_every_text_has_the_same_tokens(
        self, pair: tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast], text: str, special: bool
    ) -> None:
        before, after = pair
        tokens = tokenize_with(after)(text, special)
        assert tokens == tokenize_with(before)(text, special)
        assert after.decode(tokens) == text

    def test_the_named_tokens_stay(self, pair: tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]) -> None:
        before, after = pair
        for name in ("bos_token", "eos_token", "unk_token", "pad_token"):
            assert getattr(after, name) == getattr(before, name)
            assert getattr(after, f"{name}_id") == getattr(before, f"{name}_id")

    def test_rows_past_the_vocabulary_have_a_name_and_are_never_used(self, tmp_path: Path) -> None:
        before = small_tokenizer("smollm")
        before.save_pretrained(tmp_path)
        reader = through_gguf(tmp_path, tmp_path / "m.gguf", len(before) + 3)
        tokens = reader.fields["tokenizer.ggml.tokens"].contents()
        types = reader.fields["tokenizer.ggml.token_type"].contents()
        assert len(tokens) == len(set(tokens)) == len(before) + 3
        assert types[-3:] == [gguf.TokenType.UNUSED] * 3


class TestSpecialTokens:
    def test_are_text_in_a_document(self) -> None:
        tokenize = tokenize_with(small_tokenizer("smollm"))
        [token] = tokenize(END, True)
        assert token not in tokenize(f"one {END} two", False)
        assert len(tokenize(END, False)) > 1

    def test_one_kind_does_not_change_the_next_call(self) -> None:
        tokenize = tokenize_with(small_tokenizer("smollm"))
        first = tokenize(END, True)
        tokenize(END, False)
        assert tokenize(END, True) == first


class TestPreTokenizerNames:
    @pytest.mark.parametrize("name", sorted(PRE_TOKENIZERS))
    def test_a_name_gives_the_split_that_gives_the_name(self, name: str) -> None:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizer(name)
        assert pre_name(json.loads(tokenizer.to_str()), Path("student")) == name

    def test_a_single_step_needs_no_sequence(self) -> None:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
        assert pre_name(json.loads(tokenizer.to_str()), Path("student")) == "gpt-2"

    @pytest.mark.parametrize(
        "other",
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.ByteLevel(add_prefix_space=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            pre_tokenizers.Sequence([pre_tokenizers.Digits(False), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
            None,
        ],
    )
    def test_a_split_that_llama_cpp_has_no_name_for(self, other: Any) -> None:
        tokenizer = Tokenizer(models.BPE())
        if other is not None:
            tokenizer.pre_tokenizer = other
        with pytest.raises(BadStudent, match="no name for this student's pre-tokenizer") as raised:
            pre_name(json.loads(tokenizer.to_str()), Path("student"))
        assert raised.value.where == Path("student/tokenizer.json")
        assert "smollm" in str(raised.value.allowed)

    @pytest.mark.parametrize(("model", "pre"), [("llama", "default"), ("gpt2", "qwen2"), ("gpt2", None), (None, None)])
    def test_a_gguf_with_another_tokenizer(self, tmp_path: Path, model: str | None, pre: str | None) -> None:
        writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
        if model:
            writer.add_tokenizer_model(model)
        if pre:
            writer.add_tokenizer_pre(pre)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with pytest.raises(BadStudent, match="tokenizer that we can't train with") as raised:
            tokenizer_from_gguf(gguf.GGUFReader(tmp_path / "m.gguf"), tmp_path / "m.gguf")
        assert raised.value.value == f"model {model or 'none'}, pre {pre or 'none'}"


class TestFirstDifference:
    @staticmethod
    def by_bytes(text: str, special: bool) -> list[int]:
        return list(text.encode())

    @staticmethod
    def by_characters(text: str, special: bool) -> list[int]:
        return [ord(c) for c in text]

    def test_is_none_where_both_agree(self) -> None:
        assert first_difference(["a", "b"], self.by_bytes, self.by_characters) is None

    def test_is_the_first_of_several(self) -> None:
        assert first_difference(["a", "é", "ü"], self.by_bytes, self.by_characters) == "é"


def random_text(rng: random.Random) -> str:
    """Runs of what splits differently: digits, contractions, spaces, scripts, marks, controls, special tokens."""
    runs = [
        lambda: "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFG", k=rng.randint(1, 9))),
        lambda: "".join(rng.choices("0123456789", k=rng.randint(1, 6))),
        lambda: "".join(rng.choices(" \t\n\r\u00a0\u2009\u3000", k=rng.randint(1, 4))),
        lambda: "".join(rng.choices(".,;:!?-_/\\\"'()[]{}€$%&@#*+=<>|~^`", k=rng.randint(1, 4))),
        lambda: rng.choice(["'s", "'t", "'re", "'LL", "don't", "’s", *SPECIAL]),
        lambda: "".join(rng.choices("äöüßéèñçőřżłдюжαβγ漢字かなカナ한글عربيहिन्दीไทย", k=rng.randint(1, 6))),
        lambda: "".join(rng.choices("😀👩‍👧🇩🇪①²½Ⅷ٣७\u0301\u200b\ufeff\x00\x07\x7f\x85", k=rng.randint(1, 3))),
        lambda: "".join(chr(rng.choice([*range(1, 0xD800), *range(0xE000, 0x11000)])) for _ in range(2)),
    ]
    return "".join(rng.choice(runs)() for _ in range(rng.randint(1, 12)))


@pytest.mark.slow
def test_the_students_tokenizer_reads_as_llama_cpp_does(student_gguf: Path) -> None:
    tokenizer = tokenizer_from_gguf(gguf.GGUFReader(student_gguf), student_gguf)
    engine = LlamaEngine(student_gguf, n_ctx=64)
    rng = random.Random(7)
    try:
        samples = [random_text(rng) for _ in range(3000)]
        assert first_difference(samples, tokenize_with(tokenizer), engine.tokenize) is None
        assert tokenize_with(tokenizer)(f"{TURN}user\n", True) == engine.tokenize(f"{TURN}user\n", True)
    finally:
        engine.close()
