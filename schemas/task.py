"""A task: the contract of one job. A folder with `task.py`, which holds a record model and one `Task(...)`.

Knows nothing of students or boards. Shipped tasks have no privilege: `load_task` takes a name or any path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from pydantic import BaseModel

from boardwright.schemas.compare import ComparatorName
from boardwright.schemas.conventions import conformed, conventions
from boardwright.schemas.errors import BadDocument, BadTask, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.neighbours import Neighbours
from boardwright.schemas.prompt import Prompt, prompt_ids, render
from boardwright.schemas.records import canonical
from boardwright.schemas.recurring import NEAR, recurring, restored
from boardwright.schemas.shape import (
    ChoiceShape,
    NumberShape,
    ObjectShape,
    TextShape,
    bare,
    copies,
    fitted,
    has_choice,
    leaf_shapes,
    least_bytes,
    longest,
    printed_fields,
    shape_of,
)
from boardwright.schemas.suggest import did_you_mean

SHIPPED = Path(__file__).parent / "tasks"
DocumentSource = Callable[[int, str], Iterator[Example]]
AdapterName = Literal["lora", "rslora", "dora"]


@dataclass(frozen=True)
class Limits:
    """context: tokens of prompt, document and record together (the KV cache a board must hold).

    output: tokens of the record at most, 0 for what the context leaves. Below what the longest record can take, the
    bounds of texts and lists shrink until every record fits.  windows: read a document that is too long in overlapping
    parts and merge their records; else it is refused.
    """

    context: int = 1024
    output: int = 0
    windows: bool = False


@dataclass(frozen=True)
class Gates:
    """A build under any of these makes no bundle. records_right, fields_right: as `compare.score` tells them.
    tolerance: of fields_right, what the artifact may lose to the best one."""

    records_right: float = 0.0
    fields_right: float = 0.0
    tolerance: float = 0.01


@dataclass(frozen=True)
class Checks:
    """What a row must pass to be trained on, beside the schema.

    required: fields that may not be null.  in_text: fields of a closed set whose value must stand in the document.
    rewritten: fields of free text in a form of their own, whose numbers need not: 22000 ohm is 22k.
    min_chars, max_chars: of the document; 0 for what the context can hold.  languages: ISO 639-1 codes of documents,
    none for any.  most_of_one, most_null: the largest share of rows in which a closed set holds one value, or a field
    is null; beyond it a teacher's rows are turned away, and yours are only named.
    """

    required: tuple[str, ...] = ()
    in_text: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    min_chars: int = 1
    max_chars: int = 0
    languages: tuple[str, ...] = ()
    most_of_one: float = 0.95
    most_null: float = 0.95


@dataclass(frozen=True)
class Training:
    """How the student learns the task. synthetic_*: documents to draw where `documents.py` is the source.

    epochs may be a fraction. batch: documents a step. rank: of the adapter.
    adapter: plain LoRA, rsLoRA (its scale shrinks less with the rank) or DoRA (directions and lengths learnt apart).
    dropout: of the adapter's input, 0 to 1.  frozen_layers: so many of the lowest get no adapter.
    four_bit: the student held in 4 bits meanwhile (QLoRA; CUDA).
    patience: checks on held-out documents without a better one before training ends early, 0 for never.
    seeds: trainings with the seeds seed, seed + 1 …; the best of them is kept.
    vocabulary: tokens that the student keeps, those of the task first; 0 for all.  layers: of its layers, those that do
    most for the task; 0 for all.
    distil_from: a student of the same tokens, by name, whose distributions are learnt beside the labels; "" for none.
    misprints: of the documents that share a word with their neighbour's record, so many are read once more a pass with
    one misprinted, 0 to 1.
    splices: so many of the documents are read once more a pass behind the head of another one, 0 to 1; of tasks whose
    values all stand in their documents.
    rounding: steps that the merged checkpoint is trained on as Q4_0 will round it, where that is to ship, 0 for none.
    """

    epochs: float = 2.0
    batch: int = 4
    learning_rate: float = 1e-3
    rank: int = 16
    synthetic_train: int = 1000
    synthetic_valid: int = 300
    seed: int = 7
    adapter: AdapterName = "lora"
    dropout: float = 0.0
    frozen_layers: int = 0
    four_bit: bool = False
    patience: int = 3
    seeds: int = 1
    vocabulary: int = 0
    layers: int = 0
    distil_from: str = ""
    misprints: float = 0.0
    splices: float = 0.0
    rounding: int = 120

    def __post_init__(self) -> None:
        # epochs=3 in a task.py and --epochs 3 are one training, and have to be one key in the store.
        for option in fields(self):
            if isinstance(option.default, float):
                object.__setattr__(self, option.name, float(getattr(self, option.name)))


@dataclass(frozen=True)
class Task:
    """What one student is to do.

    name: lower case, digits and dashes.  record: the pydantic model.  instruction: one short sentence; every document
    pays for it in training.  comparators: top-level field → "exact", "text" or "number"; the default follows the type.

    escalate: field of a closed set → those of its values that send the document to a person, such as "out_of_scope".
    reading: makes the text that the student reads out of the document, in training and on the board alike: a short
    sketch of a long series. The same document gives the same text, on every machine; ValueError for one it can't read.
    neighbour: the prompt shows the record of the training document that is most like the one to read. For documents
    whose senders come again; their records then travel in the bundle.  neighbours: those, once they are known.
    """

    name: str
    record: type[BaseModel]
    instruction: str
    version: str = "1.0.0"
    comparators: Mapping[str, ComparatorName] = field(default_factory=dict)
    escalate: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reading: Callable[[str], str] | None = None
    neighbour: bool = False
    limits: Limits = Limits()
    gates: Gates = Gates()
    training: Training = Training()
    checks: Checks = Checks()
    folder: Path = Path()
    neighbours: Neighbours | None = None

    @cached_property
    def shape(self) -> ObjectShape:
        return shape_of(self.record)

    @cached_property
    def all_comparators(self) -> dict[str, str]:
        """Every top-level field with its comparator."""
        return {name: self.comparators.get(name, _default(shape)) for name, shape in self.shape.fields}

    @cached_property
    def bounded_shape(self) -> ObjectShape:
        """The shape within limits.output: how long texts and lists can get."""
        budget = self.limits.output
        return fitted(self.shape, budget) if budget else self.shape

    @cached_property
    def longest_record(self) -> int:
        """Tokens that the context keeps free for a record."""
        return longest(self.bounded_shape)

    def having_learnt(self, examples: Iterable[Example]) -> Task:
        """The task as its student will know it: with those examples as neighbours, where it shows any."""
        if not self.neighbour:
            return self
        records = [(one.text, canonical(self.record.model_validate(one.record))) for one in examples]
        known = Neighbours.of(records)
        documents = [(text, json.loads(record)) for text, record in records]
        fields = list(printed_fields(self.shape))
        told = conventions(fields, documents, known.nearest_record)
        same = recurring(fields, documents, partial(known.nearest_record, least=NEAR))
        return replace(self, neighbours=replace(known, conventions=told, recurring=same))

    def conformed(self, record: BaseModel, text: str, sure: Mapping[str, float]) -> BaseModel:
        """The record of a document with values in doubt as its neighbour's record has them: the words before them taken
        in or left out, and those that recur whole. A value is in doubt where that is right more often than the student
        is by how sure it is.

        sure: field → log probability of its value, in nats; one that is left out counts as in doubt."""
        known = self.neighbours
        if not known:
            return record
        fields = printed_fields(self.shape)
        values = {name: getattr(record, name) for name in fields}
        changed = conformed(values, known.nearest_record, text, known.conventions, sure)
        changed |= restored(values, partial(known.nearest_record, least=NEAR), text, known.recurring, sure)
        fits = {name: value for name, value in changed.items() if len(value) <= fields[name].max_chars}
        return record.model_copy(update=fits) if fits else record

    def prompt(self, text: str, *, neighbour_of: str | None = None) -> Prompt:
        """The prompt of a document. The empty one is that of no task's documents, and stands for them all.

        neighbour_of: the text whose neighbour is shown, where it is another than the document; "" for none.
        Raises BadDocument where the task's reading can't read it."""
        known_by = text if neighbour_of is None else neighbour_of
        like = self.neighbours.nearest(known_by) if known_by and self.neighbours else None
        if text and self.reading:
            try:
                text = self.reading(text)
            except ValueError as error:
                raise BadDocument(f"This is no document of the task: {error}.", value=text) from error
        return render(self.instruction, text if like is None else f"Similar: {like}\n\n{text}")

    def prompt_ids(
        self, text: str, tokenize: Callable[[str, bool], list[int]], *, neighbour_of: str | None = None
    ) -> tuple[list[int], list[int]]:
        """Token ids of (prefix, the rest of the prompt) for a document, as `schemas.prompt.prompt_ids` makes them.

        Where the context has no room for the neighbour's record, the document goes without. neighbour_of: as of
        `prompt`."""
        prefix, rest = prompt_ids(self.prompt(text, neighbour_of=neighbour_of), tokenize)
        if self.neighbours and len(prefix) + len(rest) + self.longest_record > self.limits.context:
            return prompt_ids(self.prompt(text, neighbour_of=""), tokenize)
        return prefix, rest

    @property
    def prompt_source(self) -> str:
        """All that prompts depend on beside the document: where it differs, another student is trained."""
        code = (self.folder / "task.py").read_text(encoding="utf-8") if self.reading else ""
        return f"{self.prompt('')}{code}{self.neighbours.id if self.neighbours else ''}"

    def escalated(self, record: BaseModel) -> list[str]:
        """The fields whose values send the document to a person, however sure the student is of them."""
        return [name for name, values in self.escalate.items() if getattr(record, name) in values]

    def documents(self) -> DocumentSource | None:
        """`generate(seed, part)` of the folder's documents.py, or None where there is none."""
        if not (self.folder / "documents.py").is_file():
            return None
        module = _import(self.folder, "documents")
        generate: DocumentSource | None = getattr(module, "generate", None)
        if generate is None:
            raise BadTask(
                "documents.py has no generate(seed, part).",
                where=self.folder / "documents.py",
                allowed="def generate(seed: int, part: str) -> Iterator[Example]",
            )
        return generate


def shipped_tasks() -> list[str]:
    return sorted(path.parent.name for path in SHIPPED.glob("*/task.py"))


def files_of(folder: Path) -> list[Path]:
    """What of a task's folder goes to a board: task.py, and the *.txt files beside it that it may read."""
    return [folder / "task.py", *sorted(folder.glob("*.txt"))]


def load_task(reference: str | Path) -> Task:
    """Load a shipped task by name, or the task of a folder (or of a task.py) by path. Raises BadTask."""
    folder = _folder(reference)
    module = _import(folder, "task")
    # By identity: a second name for the same task is no second task.
    found = {id(value): value for value in vars(module).values() if isinstance(value, Task)}
    where = folder / "task.py"
    if len(found) != 1:
        raise BadTask(f"task.py holds {len(found)} tasks.", where=where, allowed="one Task(...) at the top level")
    task = replace(next(iter(found.values())), folder=folder)
    _check(task, where)
    return task


def _folder(reference: str | Path) -> Path:
    path = Path(reference)
    if path.name == "task.py":
        path = path.parent
    if (path / "task.py").is_file():
        return path.resolve()
    if str(reference) in shipped_tasks():
        return SHIPPED / str(reference)
    raise BadTask(
        "There is no such task.",
        value=str(reference),
        allowed=f"{', '.join(shipped_tasks())}, or a folder that holds task.py",
        next=did_you_mean(str(reference), shipped_tasks()) or "boardwright init NAME makes a task folder of your own",
    )


def _import(folder: Path, name: str) -> ModuleType:
    """Import a module of a task folder as part of a package of its own, so that its relative imports work."""
    package = f"boardwright_task_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    if package not in sys.modules:
        holder = ModuleType(package)
        holder.__path__ = [str(folder)]
        sys.modules[package] = holder
    path = folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{package}.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except KitError:
        raise
    except Exception as error:
        del sys.modules[spec.name]
        raise BadTask(
            f"{path.name} does not load: {type(error).__name__}: {error}.",
            where=path,
            next="run it with python to see more",
        ) from error
    return module


def _check(task: Task, where: Path) -> None:
    if not isinstance(task.name, str) or not re.fullmatch("[a-z0-9-]+", task.name):
        raise BadTask("The task's name cannot be used.", where=where, value=task.name, allowed="a-z, 0-9 and dashes")
    if not (isinstance(task.record, type) and issubclass(task.record, BaseModel)):
        raise BadTask("record is not a pydantic model.", where=where, value=task.record, allowed="a BaseModel class")
    if not isinstance(task.instruction, str) or not task.instruction.strip():
        raise BadTask("The instruction is empty.", where=where, allowed="one short sentence")
    if not has_choice(task.shape):
        raise BadTask(
            "Every record of this task is the same: there is nothing to read.",
            where=where,
            value=task.record.__name__,
            next="give a field more than one possible value",
        )
    names = {name for name, _ in task.shape.fields}
    for name, comparator in task.comparators.items():
        if name not in names:
            raise BadTask("A comparator names no field.", where=where, value=name, allowed=", ".join(sorted(names)))
        if comparator not in get_args(ComparatorName):
            known = ", ".join(get_args(ComparatorName))
            raise BadTask("Unknown comparator.", where=f"{where} {name}", value=comparator, allowed=known)
    _check_printed(task, where)
    for name, values in task.escalate.items():
        closed = bare(dict(task.shape.fields)[name]) if name in names else None
        if not isinstance(closed, ChoiceShape):
            raise BadTask("escalate names no field of a closed set.", where=where, value=name)
        for value in values:
            if value not in closed.values:
                raise BadTask("escalate names a value that the field can't have.", where=f"{where} {name}", value=value)
    if task.reading and (task.limits.windows or copies(task.shape)):
        raise BadTask(
            "A task with a reading can't copy from the document, nor read it in windows: its student sees the reading.",
            where=where,
            next="drop the reading, or Verbatim, Grounded and limits.windows",
        )
    for name in (*task.checks.required, *task.checks.in_text, *task.checks.rewritten):
        if name not in names:
            raise BadTask("A check names no field.", where=where, value=name, allowed=", ".join(sorted(names)))
    if task.limits.output and task.limits.output < least_bytes(task.shape):
        raise BadTask(
            "The budget is too small for a record, however short its texts.",
            where=where,
            value=f"limits.output={task.limits.output}",
            allowed=f"{least_bytes(task.shape)} tokens or more, or 0",
            next="raise limits.output, or leave it out",
        )
    if longest(task.shape) >= task.limits.context:
        raise BadTask(
            "The context has no room for a document beside the longest record.",
            where=where,
            value=f"limits.context={task.limits.context}",
            allowed=f"more than {longest(task.shape)} tokens",
            next="raise limits.context, or tighten the bounds of the fields",
        )


def _check_printed(task: Task, where: Path) -> None:
    """What is learnt as printed differs from what was labelled, which a comparison must not see."""
    for name, shape in task.shape.fields:
        inner = bare(shape)
        if not any(isinstance(leaf, TextShape) and leaf.printed for leaf in leaf_shapes(inner)):
            continue
        if not isinstance(inner, TextShape):
            raise BadTask(
                "Only a field of the record itself can be printed=True, no part of one.", where=f"{where} {name}"
            )
        if task.all_comparators[name] != "text":
            raise BadTask(
                "A field that is printed=True is compared as text, or its right values count as wrong ones.",
                where=f"{where} {name}",
                value=task.all_comparators[name],
                allowed="text",
                next="drop its comparator, or printed=True",
            )


def _default(shape: Any) -> ComparatorName:
    inner = bare(shape)
    if isinstance(inner, NumberShape):
        return "number"
    if isinstance(inner, TextShape) and not inner.verbatim:
        return "text"
    return "exact"
