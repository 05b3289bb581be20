"""The two ways to an example, as questions: a document's record, or a record's document.

Knows nothing of teachers or files. A question is the same on every run, so that a run can go on where one ended.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from boardwright.build.cases import Case
from boardwright.build.draw import NULLS, own_examples, records
from boardwright.build.json_schema import json_schema
from boardwright.build.prompts import DOCUMENT, Prompt, document_schema, few, label_prompt, write_prompt
from boardwright.build.teachers.base import Question
from boardwright.device.documents import Document
from boardwright.schemas.errors import BadDocument, BadRecord, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.records import parse
from boardwright.schemas.shape import longest
from boardwright.schemas.task import Task

# Beside the record itself: white space, and the beginning of a fence that a server lets through.
SPARE_TOKENS = 64
WARMTH = 0.8
MOST_CHARS, LEAST_CHARS = 2000, 200


@dataclass(frozen=True)
class Wanted:
    """A row to be.  text: the document, where there is one already.  example: an answer → the example that it makes;
    raises BadRecord.  origin: where the row comes from, but for the teacher."""

    question: Question
    text: str | None
    example: Callable[[str], Example]
    origin: dict[str, Any]


def to_label(task: Task, documents: Iterable[Document], seed: int) -> Iterator[Wanted | KitError]:
    """Ask for the record of each document; one that could not be read keeps its place, as its error."""
    shots = few(own_examples(task))
    schema, tokens = json_schema(task.shape), longest(task.shape) + SPARE_TOKENS
    for document in documents:
        if isinstance(document.text, BadDocument):
            yield document.text
            continue
        text = document.text
        prompt = label_prompt(task, text, shots)
        own_seed = _seed(seed, document.id)
        question = Question(document.id, prompt.text, schema, task.shape, text, tokens, seed=own_seed)
        yield Wanted(question, text, _labelled(task, document.id, text), _origin(prompt, own_seed, "label"))


def to_write(
    task: Task, count: int, cases: Sequence[Case], seed: int, nulls: float = NULLS
) -> Iterator[Wanted | KitError]:
    """Ask for documents of drawn records, the cases in turn."""
    shots = few(own_examples(task))
    chars = max(LEAST_CHARS, min(MOST_CHARS, 2 * (task.limits.context - longest(task.shape))))
    others = records(task, seed + 1, nulls=0.0)
    for number, drawn, other in zip(range(count), records(task, seed, nulls), others, strict=False):
        case = cases[number % len(cases)]
        id = f"{task.name}-{seed}-{number:06}-{case.name}"
        own_seed = _seed(seed, id)
        rng = random.Random(own_seed)
        record = case.change(task.shape, drawn, rng)
        prompt = write_prompt(task, record, rng, case.tell(task.shape, record, other, rng), chars, shots[:1])
        question = Question(
            id, prompt.text, document_schema(chars), None, "", chars, temperature=WARMTH, seed=own_seed, record=record
        )
        edit = _edited(task, case, record, other, own_seed)
        yield Wanted(
            question, None, _written(id, record, edit), _origin(prompt, own_seed, "write") | {"case": case.name}
        )


def _labelled(task: Task, id: str, text: str) -> Callable[[str], Example]:
    def example(answer: str) -> Example:
        return Example(id, text, parse(task.record, _object(answer)).model_dump(mode="json"))

    return example


def _written(id: str, record: dict[str, Any], edit: Callable[[str], str]) -> Callable[[str], Example]:
    def example(answer: str) -> Example:
        try:
            text = json.loads(_object(answer))[DOCUMENT]
            if not isinstance(text, str) or not text.strip() or "\0" in text:
                raise ValueError("no text in it")
            text.encode("utf-8")  # JSON can spell half a character
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise BadRecord("The answer holds no document.", value=answer) from error
        return Example(id, edit(text.strip()), record)

    return example


def _edited(task: Task, case: Case, record: dict[str, Any], other: dict[str, Any], seed: int) -> Callable[[str], str]:
    # A generator of its own: what is drawn must not depend on how often an answer is read.
    return lambda text: case.edit(task.shape, text, record, other, random.Random(seed + 1))


def _object(answer: str) -> str:
    """The JSON object in an answer: servers that take a schema for a hint write a fence or a remark around it."""
    start, end = answer.find("{"), answer.rfind("}")
    return answer[start : end + 1] if 0 <= start < end else answer


def _origin(prompt: Prompt, seed: int, way: str) -> dict[str, Any]:
    return {"prompt": prompt.origin, "seed": seed, "way": way}


def _seed(seed: int, id: str) -> int:
    """31 bits: what every server takes."""
    return zlib.crc32(f"{seed}:{id}".encode()) & 0x7FFFFFFF
