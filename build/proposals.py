"""Proposals: what a person is asked to decide on, and who proposed it.

Knows nothing of decisions. A harness proposes through the prompt and the grammar that the board has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boardwright.build.gold_set import Proposal
from boardwright.device.documents import expand, read_documents
from boardwright.schemas.errors import BadBundle, BadDocument, KitError
from boardwright.schemas.examples import read_examples, read_lines
from boardwright.schemas.steps import step
from boardwright.schemas.task import Task

if TYPE_CHECKING:
    from boardwright.device.bundles import Installed
    from boardwright.device.harness import Harness


def of_examples(task: Task, path: Path) -> list[Proposal]:
    """Rows that have records already, as `teach` writes them. Raises BadExample."""
    lines = [line for _, line in read_lines(path)]
    examples = read_examples(path, task.record)
    return [
        Proposal(one.id, one.text, one.record, _teacher(line) or path.name)
        for one, line in zip(examples, lines, strict=True)
    ]


def of_documents(place: Path) -> list[Proposal]:
    """Documents of a folder or of JSON lines, with nothing proposed. One that can't be read is left out and told.

    Raises KitError where none is left."""
    if not place.exists():
        raise KitError("There is no such file or folder.", where=place, next="check the path")
    with step(f"Read {place.name}") as running:
        readable: dict[str, Proposal] = {}
        broken: list[BadDocument] = []
        for one in read_documents(expand([str(place)])):
            if isinstance(one.text, BadDocument):
                broken.append(one.text)
                running.note(f"left out: {one.where}: {one.text.what}")
            elif readable.setdefault(one.id, Proposal(one.id, one.text)).text != one.text:
                raise BadDocument(
                    "Two documents have the same id.", where=one.where, value=one.id, allowed="unique ids"
                )
    if not readable:
        raise broken[0] if broken else BadDocument("There is no document.", where=place, allowed="one or more")
    return list(readable.values())


def propose(harness: Harness, pile: Sequence[Proposal], proposer: str) -> list[Proposal]:
    """The pile with the harness's records; a document that it can't read keeps an empty one, and why."""
    done: list[Proposal] = []
    with step("Propose records") as running:
        for one, outcome in zip(pile, harness.extract_many([one.text for one in pile]), strict=True):
            if isinstance(outcome, KitError):
                done.append(replace(one, note=f"Nothing proposed: {outcome.what}"))
            else:
                done.append(replace(one, record=outcome.record.model_dump(mode="json"), proposer=proposer))
            running.progress(len(done), len(pile))
    return done


def check_bundle(installed: Installed, task: Task) -> None:
    """Raises BadBundle for one whose records are not the task's."""
    if installed.task.shape != task.shape:
        raise BadBundle(
            "This bundle makes records of another shape than the task's.",
            where=installed.bundle.path,
            value=f"{installed.task.name} {installed.task.version}",
            allowed=", ".join(name for name, _ in task.shape.fields),
            next="give the bundle of this task, or build it anew",
        )


def _teacher(line: dict[str, Any]) -> str:
    origin = line.get("origin")
    teacher = origin.get("teacher") if isinstance(origin, dict) else None
    return teacher if isinstance(teacher, str) else ""
