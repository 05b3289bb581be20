"""Export: a merged checkpoint folder as an ONNX graph for the board's CPU.

Knows nothing of scores. optimum traces the model; the trace is then rewritten for decoding (see `rewrite`) and its
weights are rounded. Llama architecture only.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from boardwright.build.student import quiet_transformers
from boardwright.device.engines import ort  # noqa: F401 – before anything here imports ONNX Runtime
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadStudent

OPSET = 18
CONTRIB = "com.microsoft"
# Weights of a row that share a scale. A divisor of the usual hidden sizes (576, 1536), and faster than 32.
BLOCK = 64
# Of MatMulNBits: activations are rounded to 8 bits too, so that products are whole numbers.
INT8_PRODUCTS = 4


def export_onnx(checkpoint: Path, target: Path, encoding: Encoding) -> None:
    """Write `checkpoint` as `target` (.onnx), with its weights and its tokenizer beside it. Raises BadStudent.

    ONNX_INT8: a scale for each output channel, activations rounded as they come, one scale for a pass.
    ONNX_INT4: a scale for each block of weights and of activations.
    The embedding, which is the output matrix too, takes 8 bits by blocks in both, and stands in the file once."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch, _quiet():
        model = rewrite(_trace(checkpoint, Path(scratch)), config)
        if encoding is Encoding.ONNX_INT8:
            plain, rounded = Path(scratch) / "plain.onnx", Path(scratch) / "rounded.onnx"
            onnx.save(model, plain)
            quantize_dynamic(
                plain,
                rounded,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                # Of what attention puts out, which ONNX's own shape inference does not know.
                extra_options={"DefaultTensorType": TensorProto.FLOAT},
            )
            model = onnx.load(rounded)
        else:
            four_bits = DefaultWeightOnlyQuantConfig(BLOCK, is_symmetric=True, accuracy_level=INT8_PRODUCTS, bits=4)
            quantizer = MatMulNBitsQuantizer(model, algo_config=four_bits)
            quantizer.process()
            model = quantizer.model.model
    _, weights, tokenizer = encoding.files(target)
    # Weights in a file of their own are mapped into memory, not read into it twice.
    weights.unlink(missing_ok=True)  # else it would be added to
    onnx.save(model, target, save_as_external_data=True, location=weights.name, size_threshold=4096)
    weights.chmod(0o644)
    shutil.copyfile(checkpoint / tokenizer.name, tokenizer)


def _trace(checkpoint: Path, scratch: Path) -> onnx.ModelProto:
    from optimum.exporters.onnx import main_export

    with quiet_transformers():
        main_export(
            str(checkpoint),
            scratch,
            task="text-generation-with-past",
            local_files_only=True,
            do_validation=False,
            no_post_process=True,
        )
    return onnx.load(scratch / "model.onnx")


def rewrite(traced: onnx.ModelProto, config: dict[str, Any]) -> onnx.ModelProto:
    """A trace as decoding wants it; the same function of the tokens.

    Attention becomes one operator (GroupQueryAttention) that writes keys and values where they are kept, instead of
    copying all of them each pass; logits are computed for `rows` alone; embedding and output share one matrix of
    8 bits. Inputs: input_ids (1, n), rows (m), seqlens_k (1) and total_sequence_length (1): positions after the pass,
    less one and as they are, past_key_values.*.  Outputs: logits (1, m, vocabulary), present.*."""
    graph = traced.graph
    layers, heads, kv_heads = (
        config[name] for name in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    )
    width = config.get("head_dim") or config["hidden_size"] // heads
    nodes = {node.name: node for node in graph.node}
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"]),
        helper.make_tensor_value_info("rows", TensorProto.INT64, ["rows"]),
        helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, [1]),
        helper.make_tensor_value_info("total_sequence_length", TensorProto.INT32, [1]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "rows", config["vocab_size"]])]
    # New nodes go first: what makes a tensor is looked up by its name, and the first one wins.
    made: list[onnx.NodeProto] = []
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for tensor in _rotary(config["rope_theta"], width, config["max_position_embeddings"]):
        tensors[tensor.name] = tensor
    try:
        for layer in range(layers):
            attention = f"/model/layers.{layer}/self_attn"
            queries, keys, values = (nodes[f"{attention}/{one}_proj/MatMul"].output[0] for one in "qkv")
            past, present = f"past_key_values.{layer}", f"present.{layer}"
            made.append(
                helper.make_node(
                    "GroupQueryAttention",
                    [queries, keys, values, f"{past}.key", f"{past}.value", "seqlens_k", "total_sequence_length",
                     "cos_cache", "sin_cache"],
                    [f"{attention}/attended", f"{present}.key", f"{present}.value"],
                    name=f"{attention}/GroupQueryAttention",
                    domain=CONTRIB,
                    num_heads=heads,
                    kv_num_heads=kv_heads,
                    do_rotary=1,
                )
            )  # fmt: skip
            nodes[f"{attention}/o_proj/MatMul"].input[0] = f"{attention}/attended"
            for part in ("key", "value"):
                shape = [1, kv_heads, "context", width]
                inputs.append(helper.make_tensor_value_info(f"{past}.{part}", TensorProto.FLOAT, shape))
                outputs.append(helper.make_tensor_value_info(f"{present}.{part}", TensorProto.FLOAT, shape))
        embedding = nodes["/model/embed_tokens/Gather"]
        head = nodes["/lm_head/MatMul"]
        matrix = numpy_helper.to_array(tensors[embedding.input[0]])
        made += _embedding("embedding", matrix, "input_ids", embedding.output[0], tensors)
        output = "embedding"
        if not config["tie_word_embeddings"]:
            output = "output"
            _blocks("output", numpy_helper.to_array(tensors[head.input[1]]).T, tensors)
    except KeyError as error:
        raise BadStudent(
            "The ONNX trace of this student is not that of a llama.",
            value=str(error),
            next="use a student of the llama architecture, or encodings of GGUF alone",
        ) from error
    made.append(helper.make_node("Gather", [head.input[0], "rows"], ["wanted"], name="/rows", axis=1))
    made.append(
        helper.make_node(
            "MatMulNBits",
            ["wanted", f"{output}.blocks", f"{output}.scales"],
            ["logits"],
            name="/lm_head/MatMulNBits",
            domain=CONTRIB,
            K=config["hidden_size"],
            N=config["vocab_size"],
            bits=8,
            block_size=BLOCK,
            accuracy_level=INT8_PRODUCTS,
        )
    )
    kept = _live([*made, *graph.node], [one.name for one in outputs])
    used = {name for node in kept for name in node.input}
    return helper.make_model(
        helper.make_graph(kept, "student", inputs, outputs, [t for name, t in tensors.items() if name in used]),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
        ir_version=traced.ir_version,
    )


def _rotary(theta: float, width: int, positions: int) -> Iterable[onnx.TensorProto]:
    """Cosines and sines of every position, float32 of shape (positions, width / 2)."""
    angles = np.outer(np.arange(positions), theta ** (-np.arange(0, width, 2) / width))
    for name, table in (("cos_cache", np.cos(angles)), ("sin_cache", np.sin(angles))):
        yield numpy_helper.from_array(table.astype(np.float32), name)


def _blocks(name: str, matrix: npt.NDArray[np.float32], tensors: dict[str, onnx.TensorProto]) -> None:
    """Add `name`.blocks, uint8 of shape (rows, blocks, BLOCK) around 128, and `name`.scales, one a block."""
    rows, columns = matrix.shape
    if columns % BLOCK:
        raise BadStudent("ONNX encodings need another hidden size.", value=columns, allowed=f"multiples of {BLOCK}")
    blocks = matrix.astype(np.float32).reshape(rows, columns // BLOCK, BLOCK)
    scales = np.maximum(np.abs(blocks).max(-1) / 127, 1e-12).astype(np.float32)
    rounded = np.round(blocks / scales[..., None]) + 128
    tensors[f"{name}.blocks"] = numpy_helper.from_array(rounded.astype(np.uint8), f"{name}.blocks")
    tensors[f"{name}.scales"] = numpy_helper.from_array(scales, f"{name}.scales")


def _embedding(
    name: str, matrix: npt.NDArray[np.float32], ids: str, output: str, tensors: dict[str, onnx.TensorProto]
) -> Iterator[onnx.NodeProto]:
    """Rows of a matrix in blocks, by their ids."""
    _blocks(name, matrix, tensors)
    constants: dict[str, npt.NDArray[Any]] = {
        "middle": np.array(128, np.float32),
        "last_axis": np.array([-1], np.int64),
        "rows_of_embedding": np.array([1, -1, matrix.shape[1]], np.int64),
    }
    for constant, value in constants.items():
        tensors[constant] = numpy_helper.from_array(value, constant)

    def node(kind: str, inputs: list[str], makes: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [makes], name=f"/{name}/{makes}", **attributes)

    yield node("Gather", [f"{name}.blocks", ids], "embedded_blocks")
    yield node("Gather", [f"{name}.scales", ids], "embedded_scales")
    yield node("Cast", ["embedded_blocks"], "embedded_floats", to=TensorProto.FLOAT)
    yield node("Sub", ["embedded_floats", "middle"], "embedded_signed")
    yield node("Unsqueeze", ["embedded_scales", "last_axis"], "embedded_scale_of_each")
    yield node("Mul", ["embedded_signed", "embedded_scale_of_each"], "embedded_scaled")
    yield node("Reshape", ["embedded_scaled", "rows_of_embedding"], output)


def _live(nodes: Sequence[onnx.NodeProto], wanted: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that the wanted tensors need, each behind those that it needs; of two that make a tensor, the first."""
    makes: dict[str, onnx.NodeProto] = {}
    for node in nodes:
        for name in node.output:
            makes.setdefault(name, node)
    order: list[onnx.NodeProto] = []
    seen: set[int] = set()
    stack = [(makes[name], False) for name in wanted]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(makes[name], False) for name in node.input if name in makes and id(makes[name]) not in seen]
    return order


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing and rounding warn of what is meant to be so."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
