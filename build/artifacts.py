"""The stages that make an artifact of the merged checkpoint, each in its own way.

Knows nothing of how good it has to be, and imports what does the work only when it has to run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from boardwright.build.model_files import file_name
from boardwright.build.store import Artifact, Store
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.examples import read_examples
from boardwright.schemas.steps import current_step

if TYPE_CHECKING:
    from boardwright.build.completion import Row
    from boardwright.build.pipeline import Request

CALIBRATION_DOCUMENTS = 64


def importance(request: Request, store: Store, version: int, merged: Artifact, prepared: Artifact) -> Artifact:
    """The matrix that tells which columns are to be rounded with care."""

    def make(folder: Path) -> None:
        from boardwright.build.quantize import importance_matrix

        rows = _encoded(request, merged, prepared, "train", CALIBRATION_DOCUMENTS)
        importance_matrix(merged.path, [row["input_ids"] for row in rows], folder)

    return store.produce(
        "imatrix",
        version,
        {"documents": CALIBRATION_DOCUMENTS},
        [merged.id, prepared.id],
        make,
        title="Collect the importance matrix",
        redo=request.again("imatrix"),
    )


def smoothed(request: Request, store: Store, version: int, merged: Artifact, imatrix: Artifact) -> Artifact:
    """The checkpoint that all artifacts are made from, and its importance matrix."""

    def make(folder: Path) -> None:
        from boardwright.build.quantize import IMATRIX
        from boardwright.build.smooth import smooth

        smooth(merged.path, imatrix.path / IMATRIX, folder)

    return store.produce(
        "smooth",
        version,
        {},
        [merged.id, imatrix.id],
        make,
        title="Smooth the columns",
        redo=request.again("smooth"),
    )


def rounded(
    request: Request,
    store: Store,
    version: int,
    checkpoint: Artifact,
    exported: Artifact,
    prepared: Artifact,
) -> Artifact:
    """Q4_0 from a checkpoint that was trained on as it will be rounded. checkpoint: a smoothed one."""
    training = request.training

    def make(folder: Path) -> None:
        from boardwright.build.quantize import IMATRIX
        from boardwright.build.rounding import HELD_OUT, round_checkpoint

        done, notes = round_checkpoint(
            checkpoint.path,
            exported.path / file_name(Encoding.F16),
            checkpoint.path / IMATRIX,
            _encoded(request, checkpoint, prepared, "train"),
            _encoded(request, checkpoint, prepared, "valid", HELD_OUT),
            folder / file_name(Encoding.Q4_0),
            steps=training.rounding,
            seed=training.seed,
        )
        (folder / "notes.json").write_text(json.dumps([*notes, done.line()]) + "\n", encoding="utf-8")
        current_step().note(done.line())

    return store.produce(
        "round",
        version,
        {"steps": training.rounding, "seed": training.seed},  # the prompt is in the checkpoint's id
        [checkpoint.id, exported.id, prepared.id],
        make,
        title="Train what Q4_0 will round",
        redo=request.again("round"),
    )


def onnx(
    request: Request, store: Store, version: int, encoding: Encoding, checkpoint: Artifact, prepared: Artifact
) -> Artifact:
    """For ONNX Runtime, straight from the checkpoint: it shares no step with GGUF."""

    def make(folder: Path) -> None:
        from boardwright.build.export import check_tokens
        from boardwright.build.export_onnx import export_onnx

        model = folder / file_name(encoding)
        export_onnx(checkpoint.path, model, encoding)
        check_tokens(checkpoint.path, model, training_texts(request, prepared))

    return store.produce(
        "onnx",
        version,
        {"encoding": encoding.value},
        [checkpoint.id, prepared.id],
        make,
        title=f"Export to {encoding}",
        redo=request.again("onnx"),
    )


def training_texts(request: Request, prepared: Artifact) -> list[str]:
    return [example.text for example in read_examples(prepared.path / "train.jsonl", request.task.record)]


def _encoded(
    request: Request, checkpoint: Artifact, prepared: Artifact, part: str, most: int | None = None
) -> list[Row]:
    """Prepared examples as training sees them, all of a part or the first so many."""
    from transformers import AutoTokenizer

    from boardwright.build.completion import encode_all

    examples = read_examples(prepared.path / f"{part}.jsonl", request.task.record)[:most]
    return encode_all(request.task, examples, AutoTokenizer.from_pretrained(checkpoint.path))
