"""A teacher that is no model: text templates of the task, filled in with drawn records.

Knows nothing of prompts. Templates are Jinja's; a record's fields are its names, dates and numbers in one of the ways
that people write them, and null is none.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from typing import Any

import jinja2

from boardwright.build.prompts import DOCUMENT, spelled
from boardwright.build.teachers.base import Answer, Answers, BadTeacher, Question
from boardwright.schemas.errors import BadTask
from boardwright.schemas.shape import ListShape, NullableShape, ObjectShape, Shape
from boardwright.schemas.task import Task

FOLDER = "templates"


class TemplateTeacher:
    def __init__(self, task: Task) -> None:
        """Raises BadTask for a task without templates, or with one that is not Jinja."""
        self._shape = task.shape
        folder = task.folder / FOLDER
        # A field that the record does not have is a slip of the pen, and not an empty place.
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        files = sorted(folder.glob("*.txt"))
        try:
            self._templates = [environment.get_template(path.name) for path in files]
        except jinja2.TemplateSyntaxError as error:
            raise BadTask(
                f"This template cannot be read: {error.message}.", where=f"{folder / str(error.name)}:{error.lineno}"
            ) from error
        if not files:
            raise BadTask(
                "This task has no templates to write from.",
                where=folder,
                allowed="*.txt, such as “Dear {{ vendor }}, {% if total %}you get {{ total }}{% endif %} …”",
                next="write some, or name a model with --teacher",
            )
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files))
        # Templates that were changed are another teacher: what the old ones got rejected for is tried again.
        self.name = f"template {digest.hexdigest()[:8]}"

    def close(self) -> None:
        pass

    def ask(self, questions: Iterable[Question]) -> Answers:
        for question in questions:
            if question.record is None:
                raise BadTeacher("Templates write documents; they can't read them.", next="use --write N")
            rng = random.Random(question.seed)
            template = rng.choice(self._templates)
            try:
                text = template.render(_spelled(self._shape, question.record, rng))
            except jinja2.TemplateError as error:
                raise BadTask(f"This template cannot be filled in: {error}.", where=template.filename) from error
            yield Answer(json.dumps({DOCUMENT: text}))


def _spelled(shape: Shape, value: Any, rng: random.Random) -> Any:
    match shape:
        case NullableShape(inner=inner):
            return None if value is None else _spelled(inner, value, rng)
        case ObjectShape(fields=fields):
            return {name: _spelled(inner, value[name], rng) for name, inner in fields}
        case ListShape(item=item):
            return [_spelled(item, one, rng) for one in value]
        case _ if isinstance(value, bool):
            return value
        case _:
            return spelled(value, shape, rng)
