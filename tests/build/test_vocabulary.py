"""A smaller vocabulary spells every text, and splits the task's own as before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from boardwright.build.export import check_tokens, export_gguf
from boardwright.build.tokenizer import tokenize_with
from boardwright.build.vocabulary import Trimmed, trim_vocabulary
from boardwright.schemas.errors import BadStudent
from boardwright.schemas.prompt import END, TURN
from boardwright.schemas.task import load_task

SPECIAL = ["<|endoftext|>", TURN, END]
# SmolLM2's vocabulary has no token for these bytes, and drops them without a word.
MISSING = 20
SCRIPTS = [
    "Τιμολόγιο 12",
    "请款单 编号 77",
    "ใบแจ้งหนี้",
    "חשבונית",
    "فاتورة",
    "चालान",
    "계산서",
    "😀👩‍👩‍👧 𝔘",
    "\x00\x07\x1b\u2028",
]


def invoices(count: int) -> list[str]:
    generate = load_task("invoice").documents()
    assert generate is not None
    return [example.text for example in islice(generate(3, "train"), count)]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights whose tokenizer learned 1,200 tokens of invoices, and lacks some bytes."""
    folder = tmp_path_factory.mktemp("student")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:-MISSING]
    trainer = trainers.BpeTrainer(
        vocab_size=1200, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(invoices(400), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=TURN, eos_token=END, unk_token=SPECIAL[0], pad_token=END
    )
    fast.save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).bfloat16().save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def trimmed(student: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trimmed]:
    folder = tmp_path_factory.mktemp("trimmed")
    return folder, trim_vocabulary(student, invoices(12), 832, folder)


@cache
def tokenizer_in(folder: Path) -> PreTrainedTokenizerFast:
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def ids(folder: Path, text: str) -> list[int]:
    return tokenize_with(tokenizer_in(folder))(text, False)


def test_the_tasks_own_texts_are_split_as_before(student: Path, trimmed: tuple[Path, Trimmed]) -> None:
    folder, told = trimmed
    before, after = tokenizer_in(student), tokenizer_in(folder)
    assert told == Trimmed(len(before), 832, 1.0)
    for text in invoices(12):
        old, new = ids(student, text), ids(folder, text)
        assert [after.convert_ids_to_tokens(one) for one in new] == [before.convert_ids_to_tokens(one) for one in old]


def test_and_give_the_same_logits(student: Path, trimmed: tuple[Path, Trimmed]) -> None:
    folder, _ = trimmed
    one, other = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32) for path in (student, folder))
    before = tokenizer_in(student)
    kept = [before.convert_tokens_to_ids(token) for token in _tokens(folder) if token in before.get_vocab()]
    for text in invoices(5):
        with torch.inference_mode():
            was, now = (m(torch.tensor([ids(p, text)])).logits for m, p in ((one, student), (other, folder)))
        assert torch.equal(was[..., kept], now[..., : len(kept)])


def _tokens(folder: Path) -> Iterable[str]:
    vocab = tokenizer_in(folder).get_vocab()
    return sorted(vocab, key=lambda token: vocab[token])


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_script_that_nobody_counted_is_spelled_in_bytes(trimmed: tuple[Path, Trimmed], text: str) -> None:
    assert tokenizer_in(trimmed[0]).decode(ids(trimmed[0], text)) == text


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40))
def test_every_text_comes_back(trimmed: tuple[Path, Trimmed], text: str) -> None:
    assert tokenizer_in(trimmed[0]).decode(ids(trimmed[0], text)) == text


def test_special_tokens_keep_their_names_and_meaning(trimmed: tuple[Path, Trimmed]) -> None:
    folder, _ = trimmed
    tokenizer = tokenizer_in(folder)
    assert tokenizer.eos_token == END and tokenizer.bos_token == TURN
    assert tokenize_with(tokenizer)(END, True) == [tokenizer.eos_token_id]
    assert len(tokenize_with(tokenizer)(END, False)) > 1
    config = json.loads((folder / "config.json").read_text())
    assert config["eos_token_id"] == tokenizer.eos_token_id and config["vocab_size"] == len(tokenizer) == 832


def test_llama_cpp_splits_as_training_does(trimmed: tuple[Path, Trimmed], tmp_path: Path) -> None:
    export_gguf(trimmed[0], tmp_path / "model.gguf", "trimmed")
    check_tokens(trimmed[0], tmp_path / "model.gguf", [*invoices(30), *SCRIPTS[:-1]])


@pytest.mark.parametrize("size", [64, 5000])
def test_a_size_that_cannot_be_is_refused(student: Path, tmp_path: Path, size: int) -> None:
    with pytest.raises(BadStudent, match="can't have this size") as raised:
        trim_vocabulary(student, invoices(3), size, tmp_path)
    assert raised.value.exit_code == 2
