"""The student with its adapter: loaded for training on whatever this machine has, and merged when it has learnt.

Knows nothing of tasks or of how training goes. Plain PEFT on a CPU; Unsloth where CUDA and Unsloth are there,
with the same options and the same adapter layout.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, Literal

import torch

from boardwright.build.eight_bits import in_eight_bits
from boardwright.build.precision import a_thread_a_core, multiplies_eight_bits, precision
from boardwright.build.store import default_root
from boardwright.build.student import quiet_transformers
from boardwright.schemas.errors import BadStudent, BadTask
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Training

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# rsLoRA multiplies by alpha / √rank: at rank 16 this is plain LoRA's factor of 2, which learning rates are made for.
RSLORA_ALPHA = 8
# Compiling takes 12 seconds to a minute and then halves the time of a step: shorter trainings are over before it pays.
COMPILED_FROM = 100_000  # tokens
Way = Literal["cpu", "cuda", "unsloth"]


def this_machines_way() -> Way:
    """What to train with here: Unsloth, plain PEFT on a GPU, or the CPU.

    On a GPU that has no bf16 Unsloth trains in fp16, with a scaling of losses that is its own; PEFT takes fp32."""
    if not torch.cuda.is_available():
        return "cpu"
    return "unsloth" if find_spec("unsloth") and precision("cuda") is torch.bfloat16 else "cuda"


def import_unsloth() -> None:
    """Has to come before TRL and PEFT, whose parts it replaces. It tells nobody of its use, and writes what it compiles
    into our cache, not into the caller's folder."""
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(default_root() / "unsloth"))
    with warnings.catch_warnings():
        # It would be before transformers too, which the student was fetched with.
        warnings.filterwarnings("ignore", ".*Unsloth should be imported before", UserWarning)
        import unsloth  # noqa: F401


def check_options(checkpoint: Path, training: Training, way: Way) -> None:
    """Raise BadTask for options that this student or this machine has no use for, before anything is loaded."""
    if training.four_bit and way == "cpu":
        raise BadTask(
            "4-bit training (QLoRA) needs an NVIDIA GPU, and this machine shows none.",
            where="training.four_bit",
            value=True,
            next="leave --four-bit out: a student this small fits any workstation in 16 bits",
        )
    layers = _layers(checkpoint)
    if not 0 <= training.frozen_layers < layers:
        raise BadTask(
            "A layer at least has to learn.",
            where="training.frozen_layers",
            value=training.frozen_layers,
            allowed=f"0 to {layers - 1}; the student has {layers} layers",
        )


def check_same_tokens(checkpoint: Path, goal: Path) -> None:
    """Raise BadStudent unless both have the same tokens under the same numbers."""
    from transformers import AutoTokenizer

    mine, theirs = (AutoTokenizer.from_pretrained(folder).get_vocab() for folder in (checkpoint, goal))
    if mine != theirs:
        first = min(mine.items() ^ theirs.items())[0]
        raise BadStudent(
            "Distributions can only be learnt from a model with the student's own tokens.",
            where=goal,
            value=f"{len(theirs):,} tokens, where the student has {len(mine):,}; {first!r} is not the same in both",
            next="choose a model of the student's family, leave --vocabulary as it is, or let the model write labels "
            "with `boardwright teach`",
        )


def load_student(checkpoint: Path, training: Training, context: int, way: Way) -> Any:
    """The student with a fresh adapter on it, the same for the same seed. context: tokens of the longest document."""
    torch.manual_seed(training.seed)
    if way == "unsloth":
        return _load_unsloth(checkpoint, training, context)
    model = load_bare(checkpoint, precision("cpu")) if way == "cpu" else _load_cuda(checkpoint, training)
    from peft import LoraConfig, get_peft_model

    model.config.use_cache = False
    options = LoraConfig(target_modules=LINEAR, task_type="CAUSAL_LM", **_options(model, training))
    student: Any = get_peft_model(model, options)
    # DoRA reads the matrices themselves, for their lengths.
    if way == "cpu" and training.adapter != "dora" and multiplies_eight_bits():
        in_eight_bits(student.get_base_model().model.layers)
    return student


def compiled(modules: Iterable[torch.nn.Module], tokens: int) -> None:
    """Have modules compiled when they are first run, once for all lengths, where so many tokens are still to be read
    that it pays.

    On a CPU half of a step goes to reading and writing activations, an elementwise product at a time; compiled, what
    stands between two matrix products is one loop. PyTorch calls a C++ compiler for that; without one all stays."""
    if tokens < COMPILED_FROM:
        return
    if not which(os.environ.get("CXX", "g++")):
        current_step().note("no C++ compiler is at hand: training takes up to twice as long")
        return
    for module in modules:
        module.compile(dynamic=True)


def merge(checkpoint: Path, adapter: Path, folder: Path) -> None:
    """Fold an adapter of any kind into its student; a checkpoint folder in fp16.

    The sum is made in fp32 on the bf16 weights that training saw, then rounded once; fp16 keeps three more bits than
    bf16 and is what a GGUF holds. Raises BadStudent if a weight does not fit.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with quiet_transformers():
        base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, local_files_only=True)
    merged: Any = PeftModel.from_pretrained(base, adapter)
    merged = merged.merge_and_unload(safe_merge=True)
    save_checkpoint(merged, checkpoint, folder)


def save_checkpoint(model: Any, made_from: Path, folder: Path) -> None:
    """Write a model in fp16 with the tokenizer of the checkpoint that it was made from. Raises BadStudent if a weight
    does not fit."""
    from transformers import AutoTokenizer

    for name, weight in model.named_parameters():
        if weight.abs().max() > torch.finfo(torch.float16).max:
            raise BadStudent("A weight does not fit into fp16.", where=name, value=float(weight.abs().max()))
    model.half().save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(made_from).save_pretrained(folder)


def _options(model: Any, training: Training) -> dict[str, Any]:
    """The adapter, in the words that PEFT and Unsloth share."""
    layers = range(training.frozen_layers, model.config.num_hidden_layers)
    return {
        "r": training.rank,
        "lora_alpha": RSLORA_ALPHA if training.adapter == "rslora" else 2 * training.rank,
        "lora_dropout": training.dropout,
        "bias": "none",
        "use_rslora": training.adapter == "rslora",
        "use_dora": training.adapter == "dora",
        "layers_to_transform": list(layers) if training.frozen_layers else None,
    }


def load_bare(checkpoint: Path, dtype: torch.dtype) -> Any:
    """The student without an adapter, on the CPU."""
    from transformers import AutoModelForCausalLM

    a_thread_a_core()
    with quiet_transformers():
        # Plain attention: PyTorch's fused bf16 kernels for CPUs take 38 % of a step at these lengths, this 15 %.
        return AutoModelForCausalLM.from_pretrained(
            checkpoint, dtype=dtype, local_files_only=True, attn_implementation="eager"
        )


def _load_cuda(checkpoint: Path, training: Training) -> Any:
    from peft import prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    rounded = None
    if training.four_bit:  # even to name it asks for the package bitsandbytes
        rounded = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=precision("cuda")
        )
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(
            checkpoint,
            dtype=precision("cuda"),
            local_files_only=True,
            device_map={"": 0},
            quantization_config=rounded,
        )
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False) if rounded else model


def _load_unsloth(checkpoint: Path, training: Training, context: int) -> Any:
    import_unsloth()
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(
        str(checkpoint),
        max_seq_length=context,
        dtype=torch.bfloat16,
        load_in_4bit=training.four_bit,
        local_files_only=True,
        use_gradient_checkpointing=False,
    )
    return FastLanguageModel.get_peft_model(
        model,
        target_modules=LINEAR,
        use_gradient_checkpointing=False,
        random_state=training.seed,
        max_seq_length=context,
        **_options(model, training),
    )


def _layers(checkpoint: Path) -> int:
    config: dict[str, int] = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    return config["num_hidden_layers"]
