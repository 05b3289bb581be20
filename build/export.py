"""Export: a merged checkpoint folder as a GGUF in 16 bit. Pure Python, offline: no converter script, no compiler.

Knows nothing of quantization. Llama architecture only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from transformers import AutoTokenizer

from boardwright.build.tokenizer import first_difference, tokenize_with, tokenizer_to_gguf
from boardwright.schemas.errors import BadStudent


def export_gguf(checkpoint: Path, target: Path, name: str) -> None:
    """Write `checkpoint` (safetensors) as a GGUF file in fp16. Norms are kept in fp32, as llama.cpp wants them."""
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(target, "llama")
    _write_config(writer, config, name)
    tokenizer_to_gguf(checkpoint, writer, config["vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for file in sorted(checkpoint.glob("model*.safetensors")):  # an importance matrix may lie beside them
        # Through torch, for numpy has no bf16, which students come in.
        with safe_open(file, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - not a mapping
                if key == "lm_head.weight" and config["tie_word_embeddings"]:
                    continue  # llama.cpp multiplies by the embedding when there is no output tensor
                mapped = names.get_name(key, try_suffixes=(".weight", ".bias"))
                if mapped is None:
                    raise BadStudent("This tensor has no place in a llama GGUF.", where=file.name, value=key)
                weight = tensors.get_tensor(key).float().numpy()
                writer.add_tensor(mapped, _arrange(key, weight, config))
    _finish(writer)


def export_adapter(adapter: Path, checkpoint: Path, target: Path, name: str) -> None:
    """Write a PEFT LoRA adapter as a GGUF that llama.cpp puts on the checkpoint's own GGUF, whatever its encoding.

    The factors are kept in fp32: there are few of them. Raises BadStudent for an adapter of another kind."""
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    lora = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    if lora.get("use_dora") or lora.get("use_rslora") or lora["peft_type"] != "LORA":
        raise BadStudent(
            "Only plain LoRA adapters can be used without merging.", where=adapter, value=lora["peft_type"]
        )
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(lora["lora_alpha"]))
    writer.add_name(name)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    with safe_open(adapter / "adapter_model.safetensors", framework="numpy") as tensors:
        for key in tensors.keys():  # noqa: SIM118 - not a mapping
            module, factor, _ = key.removeprefix("base_model.model.").rsplit(".", 2)
            mapped = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
            if mapped is None or factor not in ("lora_A", "lora_B"):
                raise BadStudent("This tensor has no place in a llama adapter.", where=adapter, value=key)
            weight = tensors.get_tensor(key).astype(np.float32)
            if factor == "lora_B":
                # Its rows are those of the product, which llama.cpp keeps in its own rotary order.
                weight = reordered(f"{module}.weight", weight, config)
            writer.add_tensor(f"{mapped}.{factor.lower()}", np.ascontiguousarray(weight))
    _finish(writer)


def check_tokens(checkpoint: Path, model: Path, texts: Sequence[str]) -> None:
    """Raise BadStudent unless training's tokenizer and the exported file's read every text the same.

    model: a GGUF, or an .onnx with its tokenizer beside it."""
    from boardwright.device.engines.load import load_engine

    engine, _ = load_engine(model, n_ctx=64)
    try:
        differing = first_difference(texts, tokenize_with(AutoTokenizer.from_pretrained(checkpoint)), engine.tokenize)
    finally:
        engine.close()
    if differing is not None:
        raise BadStudent(
            "Training and the runtime split this text differently; the student would fail on the board.",
            where=model.name,
            value=differing,
            next="use another student, or report its tokenizer",
        )


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_config(writer: gguf.GGUFWriter, config: dict[str, Any], name: str) -> None:
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_scaling")
    if rope not in (None, {}):
        raise BadStudent("RoPE scaling is not supported.", value=rope, allowed="none")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def _arrange(key: str, weight: npt.NDArray[Any], config: dict[str, Any]) -> npt.NDArray[Any]:
    return reordered(key, weight, config).astype(np.float32 if weight.ndim == 1 else np.float16)


def reordered(key: str, weight: npt.NDArray[Any], config: dict[str, Any]) -> npt.NDArray[Any]:
    """Rows of queries and keys in llama.cpp's order; all else as it is."""
    if key.endswith("q_proj.weight"):
        return _permute(weight, config["num_attention_heads"])
    if key.endswith("k_proj.weight"):
        return _permute(weight, config["num_key_value_heads"])
    return weight


def _permute(weight: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Rows from the half-split rotary order of transformers to the interleaved one of llama.cpp's llama graph."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
