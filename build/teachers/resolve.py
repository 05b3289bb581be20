"""From what `--teacher` says to a teacher.

Knows nothing of how each one works, and imports only the chosen one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from boardwright.build.teachers.base import BadTeacher, Settings, Teacher
from boardwright.schemas.steps import step
from boardwright.schemas.task import Task


@dataclass(frozen=True)
class Known:
    """A model on the hub: its id there, its licence, and the GPU memory that its weights take, in GB."""

    id: str
    licence: str
    weights_gb: float


# For a GPU of 16 GB: 8 GB of weights in bf16 and half the memory for the caches of a batch. It needs no package for
# quantized weights, and it answers at once instead of thinking aloud.
DEFAULT = Known("Qwen/Qwen3-4B-Instruct-2507", "Apache-2.0", 8.1)
TEMPLATE = "template"
KINDS = f"{TEMPLATE} (with --write), a checkpoint folder, a .gguf file, a Hugging Face id (owner/name), or http://HOST:PORT/v1[,http://…]"


def resolve_teacher(reference: str | None, settings: Settings, task: Task | None = None) -> Teacher:
    """The teacher of this name; DEFAULT without one. Raises BadTeacher with what is missing and how to get it.

    task: whose templates write, where that is the teacher."""
    if reference is not None and reference.startswith(("http://", "https://")):
        from boardwright.build.teachers.server import Servers

        with step("Connect to the teacher"):
            return Servers.connect([url.strip() for url in reference.split(",") if url.strip()], settings)
    if settings.model is not None:
        raise BadTeacher(
            "--model names a model of a server.", value=reference, allowed="--teacher http://HOST:PORT/v1 with it"
        )
    if reference == TEMPLATE and task is not None:
        from boardwright.build.teachers.template import TemplateTeacher

        return TemplateTeacher(task)
    reference = DEFAULT.id if reference is None else reference
    path = Path(reference).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        from boardwright.build.teachers.gguf import GgufTeacher

        return GgufTeacher(path)
    if path.is_dir() or (reference.count("/") == 1 and not reference.startswith((".", "/", "~"))):
        name = path.resolve().name if path.is_dir() else reference
        folder = path if path.is_dir() else fetched(reference)  # before torch is loaded: it may not be there
        return _of_checkpoint(folder, name, settings)
    raise BadTeacher(
        "There is no such teacher.",
        value=reference,
        allowed=KINDS,
        next=f"check the path, or leave --teacher out for {DEFAULT.id}",
    )


def _of_checkpoint(folder: Path, name: str, settings: Settings) -> Teacher:
    """Served by vLLM where that is installed and comes up, which is quicker than transformers."""
    from boardwright.build.teachers import vllm

    with step(f"Load {name}") as running:
        if vllm.is_installed():
            try:
                return vllm.VllmTeacher(folder, name, settings)
            except BadTeacher as error:
                where = f"; all that vLLM said is in {error.where}" if error.where else ""
                running.note(f"{error.what} Transformers answers instead{where}.")
        from boardwright.build.teachers.checkpoint import CheckpointTeacher

        return CheckpointTeacher(folder, name, settings.workers)


def fetched(name: str) -> Path:
    """The folder of a model of the hub, from the local cache or over the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.txt"]))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        size = f" ({DEFAULT.weights_gb} GB, {DEFAULT.licence})" if name == DEFAULT.id else ""
        raise BadTeacher(
            "This teacher is not in the local Hugging Face cache and could not be fetched.",
            value=name,
            allowed=KINDS,
            next=f"go online once and run `hf download {name}`{size}, or name another with --teacher",
        ) from error
