"""An ONNX graph made from a checkpoint computes what the checkpoint computes, pass by pass."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.export import check_tokens
from boardwright.build.export_onnx import export_onnx
from boardwright.build.tokenizer import tokenize_with
from boardwright.device.engines.base import N_BATCH, ContextFull, Feed
from boardwright.device.engines.load import load_engine
from boardwright.device.engines.onnx import OnnxEngine
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadBundle, BadStudent

PROMPT = "<|im_start|>user\nInvoice 12 from Müller, total   12.50<|im_end|>\n"
CONTEXT = 64


def expected(checkpoint: Path, tokens: list[int]) -> npt.NDArray[np.float32]:
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    with torch.inference_mode():
        logits: npt.NDArray[np.float32] = model(input_ids=torch.tensor([tokens])).logits[0].numpy()
    return logits


def prompt_of(checkpoint: Path) -> list[int]:
    return tokenize_with(AutoTokenizer.from_pretrained(checkpoint))(PROMPT, True)


@pytest.fixture(scope="session")
def exported(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(tiny, model, Encoding.ONNX_INT4)
    return model


@pytest.fixture(scope="session")
def engine(exported: Path) -> Iterator[OnnxEngine]:
    made = OnnxEngine(exported, n_ctx=CONTEXT, n_sequences=3, threads=1)
    yield made
    made.close()


# Rounding to 8 bits costs a random model little, to 4 bits more; a wrong rotary order or a transposed matrix costs all.
@pytest.mark.parametrize("encoding, least", [(Encoding.ONNX_INT8, 0.98), (Encoding.ONNX_INT4, 0.93)])
@pytest.mark.parametrize("kind", ["tiny", "tiny_untied"])
def test_onnx_runtime_gives_the_logits_of_transformers(
    kind: str, encoding: Encoding, least: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    checkpoint: Path = request.getfixturevalue(kind)
    model = tmp_path / "model.onnx"
    export_onnx(checkpoint, model, encoding)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.data", "model.onnx", "tokenizer.json"]
    tokens = prompt_of(checkpoint)
    engine, _ = load_engine(model, n_ctx=CONTEXT)
    try:
        [got] = engine.forward([Feed(0, 0, tokens, range(len(tokens)))])
        alike = np.corrcoef(got.ravel(), expected(checkpoint, tokens).ravel())[0, 1]
        assert alike > least
    finally:
        engine.close()


ONE_PASS = """
import sys
from pathlib import Path

import numpy as np

from boardwright.device.engines import onnx
from boardwright.device.engines.base import Feed
from boardwright.device.engines.onnx import OnnxEngine

onnx.cpu_features = frozenset  # under qemu /proc/cpuinfo is that of the machine around it
_, model, answer, *tokens = sys.argv
engine = OnnxEngine(Path(model), n_ctx=64, threads=1)
np.save(answer, engine.forward([Feed(0, 0, [int(token) for token in tokens], range(len(tokens)))])[0])
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 adds products up in 16 bits")
@pytest.mark.skipif(shutil.which("qemu-x86_64-static") is None, reason="needs qemu-user-static")
def test_products_do_not_overflow_on_a_cpu_without_vnni(tiny: Path, tmp_path: Path) -> None:
    """AVX2 adds products of eight bits up in pairs, in 16 bits, where two large ones do not fit."""
    student = AutoModelForCausalLM.from_pretrained(tiny)
    with torch.no_grad():
        for name, weight in student.named_parameters():
            if "proj" in name:
                weight.copy_(weight.sign() * 0.15)  # all as large as can be, once they are rounded
    checkpoint, model, answer = tmp_path / "checkpoint", tmp_path / "model.onnx", tmp_path / "answer.npy"
    student.save_pretrained(checkpoint)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(checkpoint)
    export_onnx(checkpoint, model, Encoding.ONNX_INT8)
    tokens = prompt_of(checkpoint)
    emulated = ["qemu-x86_64-static", "-cpu", "EPYC-Milan", sys.executable, "-c", ONE_PASS]
    ran = subprocess.run([*emulated, model, answer, *map(str, tokens)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert np.corrcoef(np.load(answer).ravel(), expected(checkpoint, tokens).ravel())[0, 1] > 0.98


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_a_prompt_in_pieces_ends_like_the_prompt_at_once(engine: OnnxEngine, tiny: Path, sizes: list[int]) -> None:
    tokens = prompt_of(tiny)
    [whole] = engine.forward([Feed(0, 0, tokens, range(len(tokens)))])
    at = 0
    for size in [*sizes, len(tokens)]:
        part = tokens[at : at + size]
        if part:
            [got] = engine.forward([Feed(1, at, part, range(len(part)))])
            # Activations are rounded by blocks of a row: which rows share a pass does not matter, but for the kernel.
            assert np.abs(got - whole[at : at + size]).max() < 0.1 * whole.std()
        at += size


def test_stepping_back_forgets_what_came_after(engine: OnnxEngine, tiny: Path) -> None:
    tokens = prompt_of(tiny)
    [whole] = engine.forward([Feed(0, 0, tokens, [len(tokens) - 1])])
    engine.forward([Feed(1, 0, [*tokens[:10], *[5] * 20], [])])
    [again] = engine.forward([Feed(1, 10, tokens[10:], [len(tokens) - 11])])
    assert np.abs(again - whole).max() < 0.1 * np.abs(whole).std()


def test_a_copy_has_the_same_beginning_and_a_life_of_its_own(engine: OnnxEngine, tiny: Path) -> None:
    tokens = prompt_of(tiny)
    engine.forward([Feed(0, 0, tokens[:12], [])])
    engine.copy(0, 2, 12)
    first, second = engine.forward([Feed(0, 12, tokens[12:], [0]), Feed(2, 12, tokens[12:], [0])])
    assert np.array_equal(first, second)
    [first] = engine.forward([Feed(2, 12, [7, 8, 9], [2])])
    [second] = engine.forward([Feed(0, 12, tokens[12:], [0])])
    assert not np.array_equal(first, second)


def test_only_the_wanted_rows_come(engine: OnnxEngine, tiny: Path) -> None:
    tokens = prompt_of(tiny)
    none, some = engine.forward([Feed(0, 0, tokens, []), Feed(1, 0, tokens, [2, 5])])
    assert none.shape == (0, engine.n_vocab) and some.shape == (2, engine.n_vocab)
    [whole] = engine.forward([Feed(0, 0, tokens, range(len(tokens)))])
    assert np.abs(some - whole[[2, 5]]).max() < 0.1 * whole.std()


def test_more_than_the_context_or_a_pass_holds_is_refused(engine: OnnxEngine) -> None:
    with pytest.raises(ContextFull):
        engine.forward([Feed(0, CONTEXT - 1, [1, 2], [])])
    with pytest.raises(ContextFull):
        engine.forward([Feed(0, 0, [1] * CONTEXT, [])] * (N_BATCH // CONTEXT + 1))


def test_its_tokenizer_is_that_of_training(exported: Path, tiny: Path, engine: OnnxEngine) -> None:
    texts = [PROMPT, "  lead 7", "日本 ñ\t\n", "<|im_end|> 12"]
    check_tokens(tiny, exported, texts)
    assert engine.tokenize("<|im_end|>", True) != engine.tokenize("<|im_end|>", False)
    for text in texts:
        assert engine.detokenize(engine.tokenize(text, False)) == text.encode()


def test_threads_can_be_changed(exported: Path, tiny: Path) -> None:
    tokens = prompt_of(tiny)
    engine = OnnxEngine(exported, n_ctx=CONTEXT, threads=1)
    [before] = engine.forward([Feed(0, 0, tokens, [3])])
    before = before.copy()
    engine.use_threads(1, 2)
    [after] = engine.forward([Feed(0, 0, tokens, [3])])
    assert np.abs(after - before).max() < 1e-3
    engine.close()


@pytest.mark.parametrize("missing", ["model.data", "tokenizer.json"])
def test_a_model_without_its_other_files_is_refused(missing: str, exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported.parent, folder)
    (folder / missing).unlink()
    with pytest.raises(BadBundle):
        load_engine(folder / "model.onnx", n_ctx=CONTEXT)


def test_a_file_that_is_no_graph_of_ours_is_refused(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(BadBundle, match="cannot load"):
        load_engine(tmp_path / "model.onnx", n_ctx=CONTEXT)
    info = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    opsets = [onnx.helper.make_opsetid("", 18)]
    other = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [info], [out]), opset_imports=opsets, ir_version=9
    )
    onnx.save(other, tmp_path / "model.onnx")
    with pytest.raises(BadBundle, match="not a graph"):
        load_engine(tmp_path / "model.onnx", n_ctx=CONTEXT)


def test_a_hidden_size_that_does_not_fit_the_blocks_is_told(tiny: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "odd"
    shutil.copytree(tiny, checkpoint)
    config = json.loads((checkpoint / "config.json").read_text())
    odd = AutoModelForCausalLM.from_pretrained(tiny).config
    odd.hidden_size, odd.head_dim = 48, 16
    type(AutoModelForCausalLM.from_pretrained(tiny))(odd).half().save_pretrained(checkpoint)
    assert config["hidden_size"] == 64
    with pytest.raises(BadStudent, match="hidden size"):
        export_onnx(checkpoint, tmp_path / "model.onnx", Encoding.ONNX_INT8)


def test_what_the_grammar_forces_is_spelled_as_text_never_as_special_tokens(engine: OnnxEngine) -> None:
    grammar = LLMatcher.grammar_from_lark('start: "x<|im_end|>" "y"')
    forced = LLMatcher(engine.tokenizer, grammar).compute_ff_tokens()
    assert engine.detokenize(forced).startswith(b"x<|im_end|>")
    assert forced[: len(forced) - 1] == engine.tokenize("x<|im_end|>y", False)[: len(forced) - 1]
    special = engine.tokenize("<|im_end|>", True)
    assert len(special) == 1 and not set(special) & set(forced)
    free = LLMatcher(engine.tokenizer, LLMatcher.grammar_from_lark("start: /(.|\\n)*/"))
    assert free.validate_tokens(special) == 0
