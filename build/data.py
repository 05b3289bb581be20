"""Data: examples in, a training part and a held-out part out, with nothing that stands in both.

Knows nothing of students. Near-duplicates are taken out of the training part, never out of the held-out part.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from boardwright.schemas.compare import fold
from boardwright.schemas.errors import BadExample, BadTask
from boardwright.schemas.examples import Example, read_examples, write_examples
from boardwright.schemas.found import unfounded
from boardwright.schemas.task import DocumentSource, Task

SHINGLE = 5
# Receipts of one shop share their letterhead and differ in everything that matters: Jaccard 0.5 to 0.7 is usual there.
NEAR = 0.8
HELD_OUT_SHARE = 0.1
HELD_OUT_MOST = 300
HELD_OUT_LEAST = 10


@dataclass(frozen=True)
class DataReport:
    """Counts of documents: read, dropped and why, and what is left. spare: held out beyond HELD_OUT_MOST.

    unfounded_dropped: with a verbatim or grounded value that the document does not hold: it would teach inventing."""

    read: int
    duplicates_dropped: int
    near_held_out_dropped: int
    unfounded_dropped: int
    spare: int
    train: int
    valid: int


def prepare(
    task: Task, examples: Path | None, valid: Path | None, counts: tuple[int, int], seed: int, folder: Path
) -> DataReport:
    """Write train.jsonl, valid.jsonl and data_report.json into `folder`.

    examples: labelled lines; without, the task's documents.py draws counts = (train, valid) documents from the seed.
    valid: the held-out part; without, a tenth of the examples, chosen by their text and so the same on every run.
    """
    if examples is not None:
        read = read_examples(examples, task.record)
        held_out = read_examples(valid, task.record) if valid is not None else []
    elif valid is not None:
        raise BadTask("--valid needs --examples.", next="give both files, or neither to draw synthetic documents")
    else:
        generate = document_source(task)
        read = list(itertools.islice(generate(seed, "train"), counts[0]))
        held_out = list(itertools.islice(generate(seed, "valid"), counts[1]))
    distinct = list({fold(example.text): example for example in read}.values())
    learn = distinct
    if not held_out:
        learn, held_out = _split(distinct, examples)
    near = near_duplicates([e.text for e in learn], [e.text for e in held_out])
    distant = [example for example, drop in zip(learn, near, strict=True) if not drop]
    if not distant:
        raise BadExample("No training example is left that is not also held out.", where=examples)
    train = [example for example in distant if not any(unfounded(task.shape, example.record, example.text))]
    if not train:
        path = next(unfounded(task.shape, distant[0].record, distant[0].text))
        raise BadExample(
            "Every training example holds a value that does not stand in its document.",
            where=f"example {distant[0].id}: {path}",
            allowed="a copy of the document for Verbatim, a date or number of it for Grounded",
            next="correct the records, or give the field a type that need not stand in the document",
        )
    report = DataReport(
        read=len(read),
        duplicates_dropped=len(read) - len(distinct),
        near_held_out_dropped=sum(near),
        unfounded_dropped=len(distant) - len(train),
        spare=len(distinct) - len(learn) - len(held_out) if learn is not distinct else 0,
        train=len(train),
        valid=len(held_out),
    )
    write_examples(folder / "train.jsonl", train)
    write_examples(folder / "valid.jsonl", held_out)
    (folder / "data_report.json").write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return report


def document_source(task: Task) -> DocumentSource:
    """The task's own source of synthetic documents. Raises BadTask where it has none."""
    generate = task.documents()
    if generate is None:
        raise BadTask(
            "This task has no synthetic documents to learn from.",
            where=task.folder,
            next="pass --examples FILE.jsonl, or write a documents.py with generate(seed, part)",
        )
    return generate


def _split(examples: list[Example], where: Path | None) -> tuple[list[Example], list[Example]]:
    """Hold out a tenth, by a hash of the text alone: adding documents later moves none from one part to the other.

    Of very many, what is over HELD_OUT_MOST goes into neither part, or later documents would push some into training.
    Of few (under about a hundred) the tenth is filled up to HELD_OUT_LEAST, which later documents can undo.
    """
    if len(examples) < 2 * HELD_OUT_LEAST:
        raise BadExample(
            "There are too few different examples to hold some out.",
            where=where,
            value=len(examples),
            allowed=f"at least {2 * HELD_OUT_LEAST}",
            next="add examples, or pass a held-out file with --valid",
        )
    ranked = sorted(examples, key=_draw)
    tenth = ranked[: max(HELD_OUT_LEAST, sum(_draw(example) < HELD_OUT_SHARE for example in examples))]
    held_out = {id(example) for example in tenth}
    return [e for e in examples if id(e) not in held_out], tenth[:HELD_OUT_MOST]


def _draw(example: Example) -> float:
    """In [0, 1), evenly, the same for the same text on every run."""
    return int.from_bytes(hashlib.sha256(fold(example.text).encode()).digest()[:6], "big") / 2**48


def near_duplicates(texts: Sequence[str], others: Sequence[str], threshold: float = NEAR) -> list[bool]:
    """For each text, whether one of the others is nearly the same: Jaccard similarity of their shingle sets.

    A shingle is five letters or digits in a row, case and punctuation aside (Broder 1997).
    """
    sets = [_shingles(text) for text in texts]
    sizes = np.array([len(s) for s in sets], np.int64)
    owners = np.repeat(np.arange(len(sets)), sizes)
    flat = np.concatenate(sets) if sets else np.empty(0, np.uint32)
    order = np.argsort(flat, kind="stable")
    flat, owners = flat[order], owners[order]
    near = np.zeros(len(texts), bool)
    for other in others:
        wanted = _shingles(other)
        starts, ends = np.searchsorted(flat, wanted, "left"), np.searchsorted(flat, wanted, "right")
        hits = np.concatenate([owners[a:b] for a, b in zip(starts, ends, strict=True)] or [np.empty(0, np.int64)])
        shared = np.bincount(hits, minlength=len(texts))
        near |= shared >= threshold * (sizes + len(wanted) - shared)
    return [bool(value) for value in near]


def _shingles(text: str) -> npt.NDArray[np.uint32]:
    folded = fold(text)
    pieces = {folded[i : i + SHINGLE] for i in range(max(1, len(folded) - SHINGLE + 1))}
    return np.unique(np.fromiter((zlib.crc32(piece.encode()) for piece in pieces), np.uint32, len(pieces)))
