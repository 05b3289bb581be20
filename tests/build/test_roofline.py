"""The roofline: arithmetic that can be done by hand, and what was published of boards."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.roofline import TYPICAL, ModelShape, Work, model_shape, predict, student_shape
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import KitError
from boardwright.targets.profile import Target, all_targets, load_target

from .models import BODY, HEAD, NORM, tiny_gguf

BOARDS = [target for target in all_targets() if target.arch != "any"]


def shape(body: float, head: float, head_bits: float, bits: float = 4.5) -> ModelShape:
    """A published model: millions of weights of its layers and of its output matrix."""
    return ModelShape(int(body * 1e6), int(head * 1e6), int(1e6 * (body * bits + head * head_bits) / 8))


QWEN25_05B = shape(357.9, 136.1, 8.5)
QWEN3_06B = shape(440.5, 155.6, 6.5625)
QWEN3_17B = shape(1409.4, 311.2, 6.5625)
QWEN15_18B = shape(1214.5, 311.2, 6.5625)
SMOLLM_360M = shape(314.6, 47.2, 8.5, 4.85)
CARD = "https://huggingface.co/PowerInfer/SmallThinker-4BA0.6B-Instruct"

# Decode, tokens a second. memory_efficiency is a published figure of another model, not fitted to these. The Pi 4 is
# the worst: by its STREAM copy, 5.5 GB/s (sci-pi.org.uk), instead of twice its memcpy it would be off by 1.6.
PUBLISHED = [
    ("rpi5-8gb", QWEN25_05B, 33.8, "llama.cpp discussion 30069"),
    ("rpi5-8gb", QWEN3_06B, 27.44, CARD),
    ("rpi5-8gb", QWEN3_17B, 11.08, CARD),
    ("opi5-8gb", QWEN3_06B, 45.93, CARD),
    ("opi5-8gb", QWEN3_17B, 20.29, CARD),
    ("opi5plus-4gb", QWEN3_06B, 45.93, CARD),
    ("opi3b-2gb", QWEN3_06B, 9.76, CARD),
    ("opi3b-2gb", QWEN3_17B, 4.15, CARD),
    ("rpi4-2gb", QWEN15_18B, 3.05, "https://github.com/aidatatools/ollama-benchmark/pull/9"),
]
FACTOR = 1.5


@pytest.mark.parametrize(("name", "model", "published", "source"), PUBLISHED)
def test_decode_lands_near_what_was_published(name: str, model: ModelShape, published: float, source: str) -> None:
    told = predict(load_target(name), model, Encoding.Q4_0)
    assert told and 1 / FACTOR < told.decode_tokens_per_s / published < FACTOR, source


def test_prefill_lands_near_the_one_published_figure() -> None:
    """No proof: compute_efficiency was chosen by it. No figure was found for boards without dot product."""
    told = predict(load_target("rpi5-8gb"), QWEN25_05B, Encoding.Q4_0)
    assert told and 1 / FACTOR < told.prefill_tokens_per_s / 289.9 < FACTOR


def test_an_engine_without_our_kernels_is_slower_than_the_roofline_of_its_board() -> None:
    """2.6 tokens/s are those of rustllm, not of llama.cpp (llm-inference.com): a bound from below, no more."""
    told = predict(load_target("rpi-zero2w"), SMOLLM_360M, Encoding.Q4_K_M)
    assert told and 2.6 < told.decode_tokens_per_s < 5 * 2.6


def board(**roofline: float) -> Target:
    target = load_target("rpi4-2gb")
    assert target.roofline
    return target.model_copy(update={"roofline": target.roofline.model_copy(update=roofline)})


def test_a_token_takes_as_long_as_reading_the_weights_where_memory_is_slow() -> None:
    told = predict(board(bandwidth_gb_s=1.0, memory_efficiency=0.5, macs_per_cycle=1000), QWEN3_06B, Encoding.Q4_0)
    assert told and told.decode_tokens_per_s == pytest.approx(0.5e9 / QWEN3_06B.size)


def test_a_prompt_takes_as_long_as_its_products_where_memory_is_fast() -> None:
    """4 threads of 1 GHz, 2 products a cycle, half of them reached; logits of the last token only."""
    fast = board(bandwidth_gb_s=1000.0, clock_mhz=1000, macs_per_cycle=2.0, compute_efficiency=0.5)
    told = predict(fast, ModelShape(1_000_000, 500_000, 1_000_000), Encoding.Q4_0)
    assert told and told.prefill_tokens_per_s == pytest.approx(128 / ((128 * 1e6 + 0.5e6) / 4e9))


def test_a_record_is_its_first_pass_and_the_few_that_follow() -> None:
    slow = board(bandwidth_gb_s=1.0, memory_efficiency=1.0, macs_per_cycle=100_000, compute_efficiency=1.0)
    weights = ModelShape(1_000_000, 0, 100_000_000)
    told = predict(slow, weights, Encoding.Q4_0, Work(prompt=10, output=5, drafted=4, accepted=4, passes=3))
    assert told and told.record_ms == pytest.approx(3 * 100 / 0.935)


def test_this_machine_is_measured_and_not_predicted() -> None:
    assert predict(load_target("host"), QWEN3_06B, Encoding.Q4_0) is None


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
@given(
    work=st.builds(
        Work,
        prompt=st.floats(1, 2000),
        output=st.floats(1, 500),
        drafted=st.floats(0, 500),
        accepted=st.just(0.0),
        passes=st.floats(1, 500),
    )
)
def test_every_encoding_of_every_board_has_a_finite_prediction(target: Target, work: Work) -> None:
    for encoding in target.encodings:
        told = predict(target, student_shape(encoding), encoding, work)
        assert told and all(0 < figure < 1e9 for figure in vars(told).values())


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_more_bits_never_decode_faster_and_a_longer_record_takes_longer(target: Target) -> None:
    told = [predict(target, student_shape(one), one) for one in target.encodings]
    speeds = [one.decode_tokens_per_s for one in told if one]
    assert speeds == sorted(speeds, reverse=True)
    short = predict(target, student_shape(Encoding.Q4_0), Encoding.Q4_0)
    long = predict(target, student_shape(Encoding.Q4_0), Encoding.Q4_0, Work(600, 64, 64, 57, TYPICAL.passes))
    assert short and long and short.record_ms < long.record_ms


def test_efficiencies_are_chosen_for_a_kind_of_board_and_not_for_each() -> None:
    kinds = {("asimddp" in t.cpu.features, t.roofline.compute_efficiency) for t in BOARDS if t.roofline}
    assert len(kinds) == 2
    assert len({t.roofline.memory_efficiency for t in BOARDS if t.roofline}) == 1


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_file_tells_its_shape(tmp_path: Path, tied: bool) -> None:
    """Embeddings of an untied model are looked up, not multiplied: they count for nothing."""
    told = model_shape(tiny_gguf(tmp_path / "m.gguf", tied=tied), Encoding.F16, 0)
    assert told == ModelShape(BODY, HEAD, 2 * (BODY + NORM + HEAD))


@pytest.mark.parametrize("data", [b"", b"no weights", b"GGUF", b"GGUF" + bytes(60)])
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(KitError, match="can't be read"):
        model_shape(tmp_path / "m.gguf", Encoding.Q4_0, len(data))


def test_of_a_file_for_onnx_runtime_every_byte_counts(tmp_path: Path) -> None:
    assert model_shape(tmp_path / "m.onnx", Encoding.ONNX_INT8, 1000) == ModelShape(1000, 0, 1000)


def test_the_students_shape_is_what_is_written() -> None:
    """92 MB of Q4_0 and 145 MB of Q8_0 were measured, norms, metadata and tokenizer included."""
    assert student_shape(Encoding.Q4_0).size == pytest.approx(91.9e6, rel=0.03)
    assert student_shape(Encoding.Q8_0).size == pytest.approx(145e6, rel=0.03)
