"""Model files: a checkpoint as a GGUF in 16 bit, and that GGUF in an encoding; each looked up in the store.

Knows nothing of what a checkpoint was trained for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from boardwright.build.store import Artifact, Store
from boardwright.build.student import resolve_student
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget
from boardwright.schemas.steps import current_step, step

# Raise a number when the same inputs would give another file.
EXPORT, QUANTIZE = 1, 3
# What no tokenizer agrees on by chance: scripts, accents, digits, white space, JSON.
PROBES = (
    "Invoice 12 from Müller & Söhne,\ttotal  1.234,50 €\n\n  2024-06-02",
    "請求書 合計 ٣٤ हिन्दी Việt Ελλάδα 👩‍👧 naïve",
    '{"vendor":"A \\"B\\"","total":null}',
)


def file_name(encoding: Encoding) -> str:
    return f"model-{encoding.value}{encoding.suffix}"


def export_model(
    store: Store,
    checkpoint: Artifact,
    name: str,
    texts: Callable[[], Sequence[str]],
    texts_id: str,
    *,
    redo: bool = False,
) -> Artifact:
    """The checkpoint as a GGUF in F16.  name: what the student is for.  texts: both tokenizers must split them alike.

    Raises BadStudent."""

    def make(folder: Path) -> None:
        from boardwright.build.export import check_tokens, export_gguf

        model = folder / file_name(Encoding.F16)
        export_gguf(checkpoint.path, model, f"{name} student")
        checked = texts()
        check_tokens(checkpoint.path, model, checked)
        current_step().note(f"{len(checked):,} texts split the same in training and in llama.cpp")

    return store.produce(
        "export", EXPORT, {"name": name}, [checkpoint.id, texts_id], make, title="Export to GGUF", redo=redo
    )


def quantize_model(
    store: Store, source: Artifact, encoding: Encoding, imatrix: Artifact | None = None, *, redo: bool = False
) -> Artifact:
    """What `export_model` made, in an encoding of llama.cpp, with notes.json beside it. Raises BadTarget."""

    def make(folder: Path) -> None:
        from boardwright.build.quantize import IMATRIX, quantize

        matrix = imatrix.path / IMATRIX if imatrix else None
        notes = quantize(source.path / file_name(Encoding.F16), folder / file_name(encoding), encoding, matrix)
        (folder / "notes.json").write_text(json.dumps(notes) + "\n", encoding="utf-8")
        for note in notes:
            current_step().note(note)

    return store.produce(
        "quantize",
        QUANTIZE,
        {"encoding": encoding.value},
        [source.id, *([imatrix.id] if imatrix else [])],
        make,
        title=f"Quantize to {encoding}",
        redo=redo,
    )


def untuned(reference: str, encoding: Encoding, store: Store) -> Path:
    """A student as it comes, as one model file. Raises BadStudent, BadTarget."""
    if encoding.runtime != "llama.cpp":
        allowed = ", ".join(one for one in Encoding if one.runtime == "llama.cpp")
        raise BadTarget("An untuned student is only run in an encoding of GGUF.", value=encoding.value, allowed=allowed)
    with step(f"Make a model file of {Path(reference).name}"):
        checkpoint = resolve_student(reference, store)
        made = export_model(store, checkpoint, "untuned", lambda: PROBES, "probes")
        if encoding is not Encoding.F16:
            made = quantize_model(store, made, encoding)
    return made.path / file_name(encoding)
