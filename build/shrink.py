"""Shrink: the student without the tokens and layers that its task can do without, before it learns the task.

Knows nothing of how either is done; what a smaller student has lost, tuning wins back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from boardwright.build.store import Artifact, Store
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.records import canonical
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Task

if TYPE_CHECKING:
    from boardwright.build.pipeline import Request

# Enough to tell idle layers from busy ones.
DOCUMENTS = 48


def shrink(request: Request, store: Store, version: int, prepared: Artifact, student: Artifact) -> Artifact:
    """The student that is to be tuned: as it is, or without some of its tokens or layers. Raises BadStudent."""
    task, training = request.task, request.training
    train = prepared.path / "train.jsonl"

    def trim(folder: Path) -> None:
        from boardwright.build.vocabulary import trim_vocabulary

        examples = read_examples(train, task.record)
        done = trim_vocabulary(student.path, _texts(task, examples), training.vocabulary, folder)
        current_step().note(
            f"{done.after:,} of {done.before:,} tokens stay, {done.kept_share:.2%} of those in the examples; all else "
            "is spelled in smaller ones"
        )

    if training.vocabulary:
        student = store.produce(
            "shrink",
            version,
            {"vocabulary": training.vocabulary, "prompt": task.prompt_source},
            [student.id, prepared.id],
            trim,
            title="Trim the vocabulary",
            redo=request.again("shrink"),
        )
    whole = student

    def drop(folder: Path) -> None:
        from transformers import AutoTokenizer

        from boardwright.build.completion import encode_all
        from boardwright.build.layers import drop_layers

        examples = read_examples(train, task.record)[:DOCUMENTS]
        rows = encode_all(task, examples, AutoTokenizer.from_pretrained(whole.path))
        gone = drop_layers(whole.path, [row["input_ids"] for row in rows], training.layers, folder)
        current_step().note(f"without the layers {', '.join(map(str, gone))}, which do least for these documents")

    if training.layers:
        student = store.produce(
            "shrink",
            version,
            {"layers": training.layers, "prompt": task.prompt_source},
            [whole.id, prepared.id],
            drop,
            title="Drop layers",
            redo=request.again("shrink"),
        )
    return student


def _texts(task: Task, examples: Sequence[Example]) -> Iterator[str]:
    """All that the student sees of examples, in the parts that are tokenised apart."""
    yield task.instruction
    for example in examples:
        yield task.prompt(example.text).document
        yield canonical(task.record.model_validate(example.record))
