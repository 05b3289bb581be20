"""Compare students: candidates, untuned, on a gold set, before anyone trains one of them.

Knows nothing of how a student is run. Each goes through the prompt and the harness that a board has; a second run is a
look-up.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from boardwright.build.ids import file_id
from boardwright.build.model_files import untuned
from boardwright.build.store import Store
from boardwright.build.student import student_licence
from boardwright.build.summary import percent, table
from boardwright.schemas.compare import Scores, wilson
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadExample, BadStudent, KitError, NoSpace
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.found import unfounded
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Task

# Raise it when the same model and gold set would give other figures.
VERSION = 2


@dataclass(frozen=True)
class Figures:
    """One student, measured on this machine.  valid_free: records that validate of those decoded without a grammar.

    scores: with it, through the harness.  bits_per_byte: of the gold records, given the prompt; less is better.
    latency: of a record, one at a time.  size: bytes of the model file.  parameters: all of them, tied ones once."""

    scores: Scores
    valid_free: int
    bits_per_byte: float | None
    latency_ms_p50: float
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    peak_rss_mb: float
    size: int
    parameters: int


@dataclass(frozen=True)
class Candidate:
    """A row of the comparison: figures, or why there are none."""

    student: str
    licence: str
    figures: Figures | None = None
    error: str | None = None


def compare(
    task: Task, examples: Path, students: Sequence[str], encoding: Encoding, count: int | None, store: Store
) -> list[Candidate]:
    """Every candidate, by field score, those that failed last.  count: of the gold documents, the first so many.

    Raises BadExample for a gold set that contradicts the task, BadStudent when no student can be run."""
    golds = read_gold(task, examples)[:count]
    rows = [_candidate(task, examples, len(golds), student, encoding, store) for student in students]
    if all(row.figures is None for row in rows):
        raise BadStudent(
            "None of the students can be run.",
            value=", ".join(students),
            next="\n".join(f"{row.student}: {row.error}" for row in rows),
        )
    return sorted(rows, key=lambda row: -row.figures.scores.fields_right if row.figures else 1.0)


def read_gold(task: Task, path: Path) -> list[Example]:
    """The gold set. Raises BadExample for a record that fails the schema, or holds what its document does not."""
    golds = read_examples(path, task.record)
    for gold in golds:
        for place in unfounded(task.shape, gold.record, gold.text):
            raise BadExample(
                "The gold set contradicts the schema: this value does not stand in its document.",
                where=f"{path}: {gold.id}: {place}",
                allowed="a copy of the document for Verbatim, a date or number of it for Grounded",
                next="correct the record, or give the field a type that need not stand in the document",
            )
    return golds


def _candidate(task: Task, examples: Path, count: int, student: str, encoding: Encoding, store: Store) -> Candidate:
    licence = student_licence(student)["license"]
    try:
        model = untuned(student, encoding, store)
        told = _trial(task, examples, count, model, student, store)
        size, parameters = model.stat().st_size, _parameters(model)
    except NoSpace:
        raise
    except Exception as error:  # a foreign checkpoint can break any library that reads it
        return Candidate(student, licence, error=str(error) if isinstance(error, KitError) else repr(error))
    scores = Scores(**told.pop("scores"))
    return Candidate(student, licence, Figures(scores=scores, size=size, parameters=parameters, **told))


def _trial(task: Task, examples: Path, count: int, model: Path, student: str, store: Store) -> dict[str, Any]:
    def make(folder: Path) -> None:
        output = folder / "trial.json"
        command = [sys.executable, "-m", "boardwright.build.trial", str(task.folder), str(model), str(examples)]
        with subprocess.Popen(
            [*command, str(count), str(output)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None and running.stderr is not None
            for line in running.stdout:
                current_step().progress(*map(float, line.split()))
            said = running.stderr.read().strip()
        if running.returncode:
            raise BadStudent(
                f"The run of this student ended with status {running.returncode}.", value=said[-400:] or None
            )
        if (error := json.loads(output.read_text(encoding="utf-8")).get("error")) is not None:
            raise BadStudent(error)

    contract: dict[str, Any] = {
        "prompt": str(task.prompt("")),
        "limits": asdict(task.limits),
        "comparators": task.all_comparators,
        "machine": platform.node(),  # another machine has other figures
        "documents": count,
    }
    shape = hashlib.sha256(str(task.shape).encode()).hexdigest()
    made = store.produce(
        "trial", VERSION, contract, [file_id(model), file_id(examples), shape], make, title=f"Try {Path(student).name}"
    )
    told: dict[str, Any] = json.loads((made.path / "trial.json").read_text(encoding="utf-8"))
    return told


def _parameters(model: Path) -> int:
    from gguf import GGUFReader

    return sum(int(tensor.n_elements) for tensor in GGUFReader(model).tensors)


def comparison_text(rows: Sequence[Candidate], encoding: Encoding) -> str:
    """The table, the fields behind it, and what its words mean."""
    ran = [(row, row.figures) for row in rows if row.figures]
    names = [Path(row.student).name for row, _ in ran]
    head = ["student", "fields right", "95 %", "records", "valid free", "bits/byte", "p50 ms", "prefill/s", "decode/s"]
    head += ["file MB", "memory MB", "M weights", "licence"]
    lines = [_cells(name, row, figures) for name, (row, figures) in zip(names, ran, strict=True)]
    documents = ran[0][1].scores.documents
    fields = [
        [field, *(percent(figures.scores.per_field[field]) for _, figures in ran)]
        for field in ran[0][1].scores.per_field
    ]
    return "\n".join(
        [
            f"Untuned students in {encoding} on {documents:,} gold documents, measured on this machine:",
            table(head, lines, right=range(1, len(head) - 1)),
            *(f"{Path(row.student).name}: {row.error}" for row in rows if row.error),
            "",
            "By field:",
            table(["field", *names], fields, right=range(1, len(names) + 1)),
            "",
            "valid free: records that validate without the grammar; the prompt names no field, so few can as yet.",
            "bits/byte: how unexpected the gold records are to the student; training starts from there.",
        ]
    )


def _cells(name: str, row: Candidate, figures: Figures) -> list[str]:
    scores = figures.scores
    total = scores.documents * len(scores.per_field)
    low, high = wilson(round(scores.fields_right * total), total)
    return [
        name,
        percent(scores.fields_right),
        f"{100 * low:.0f}–{100 * high:.0f}",
        percent(scores.records_right),
        f"{figures.valid_free} of {scores.documents}",
        "–" if figures.bits_per_byte is None else f"{figures.bits_per_byte:.3f}",
        f"{figures.latency_ms_p50:.0f}",
        f"{figures.prefill_tokens_per_s:.0f}",
        f"{figures.decode_tokens_per_s:.0f}",
        f"{figures.size / 1e6:.1f}",
        f"{figures.peak_rss_mb:.0f}",
        f"{figures.parameters / 1e6:.1f}",
        row.licence,
    ]


def comparison_json(rows: Sequence[Candidate], encoding: Encoding) -> str:
    return json.dumps({"encoding": encoding.value, "students": [asdict(row) for row in rows]})
