"""Entry: a field of a record as a person types it, read and held to its type and its document at once.

Knows nothing of terminals. What is typed may be what the document says ("2. Juni 2024", "1.234,50"): it becomes what
the record says, where only one reading is possible.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from boardwright.schemas.errors import BadRecord
from boardwright.schemas.found import dates_in, numbers_in, unfounded
from boardwright.schemas.records import spell
from boardwright.schemas.shape import (
    BoolShape,
    ChoiceShape,
    DateShape,
    ListShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
    bare,
)
from boardwright.schemas.suggest import did_you_mean
from boardwright.schemas.task import Task

MOST_SHOWN = 8


def empty(shape: ObjectShape) -> dict[str, Any]:
    """A record to fill in: no list has an item, and all else is null, also where the type wants a value."""
    return {name: [] if isinstance(inner, ListShape) else None for name, inner in shape.fields}


def choices(shape: Shape) -> tuple[str, ...]:
    """The values of a closed set; none where the field is no such."""
    match bare(shape):
        case ChoiceShape(values=values):
            return values
        case BoolShape():
            return ("true", "false")
    return ()


def prefill(shape: Shape, value: Any) -> str:
    """What stands in the line before anything is typed; `read` takes it for the same value."""
    if value is None:
        return ""
    if isinstance(value, str) and value.isprintable() and value == value.strip() and _quoted(value) is None:
        return value
    # Escapes, so that a document's control characters don't reach the terminal by way of the line.
    return "".join(c if c.isprintable() else _escape(c) for c in spell(value))


def read_field(task: Task, name: str, typed: str, text: str) -> Any:
    """The JSON form of what was typed for a field. Raises BadRecord with the reason."""
    return checked_field(task, name, read(dict(task.shape.fields)[name], typed, name), text)


def checked_field(task: Task, name: str, value: Any, text: str) -> Any:
    """The value as a record writes it, if it is of the field's type and stands in the document where it must.

    Raises BadRecord with the field's path and the reason."""
    info = task.record.model_fields[name]
    # A field alone: another one that is still wrong must not be in the way.
    alone: Any = create_model("Alone", **{name: (info.annotation, info)})  # type: ignore[call-overload]
    written = _validated(alone, {name: value})[name]
    shape = dict(task.shape.fields)[name]
    for path in unfounded(shape, written, text, name):
        raise _not_there(shape, written, text, path)
    return written


def checked_record(task: Task, record: dict[str, Any], text: str) -> dict[str, Any]:
    """The whole record, checked field by field and then by the model's own validators. Raises BadRecord."""
    names = [name for name, _ in task.shape.fields]
    if foreign := sorted(set(record) - set(names)):
        raise BadRecord("The record has no such field.", value=foreign[0], allowed=", ".join(names))
    written = {name: checked_field(task, name, record.get(name), text) for name in names}
    return _validated(task.record, written)


def read(shape: Shape, typed: str, path: str = "") -> Any:
    """A JSON value of typed text; its bounds are not checked. Nothing typed is null, or else an empty list.

    Raises BadRecord where it can't be read."""
    typed = typed.strip()
    inner = bare(shape)
    if not typed and isinstance(shape, NullableShape):
        return None
    if not typed and not isinstance(inner, ListShape):
        raise BadRecord("This field needs a value.", where=path)
    match inner:
        case TextShape():
            quoted = _quoted(typed)
            return typed if quoted is None else quoted
        case ChoiceShape() | BoolShape():
            quoted = _quoted(typed)
            name = chosen(choices(shape), typed if quoted is None else quoted, path)
            return name if isinstance(inner, ChoiceShape) else name == "true"
        case DateShape():
            return _only_reading(typed, _iso(typed), (one.value for one in dates_in(typed)), path)
        case NumberShape(places=places):
            plain = typed if re.fullmatch(r"-?\d+(\.\d+)?", typed) else None
            return _only_reading(typed, plain, (one.value for one in numbers_in(typed, places)), path)
        case ListShape() | ObjectShape():
            try:
                return json.loads(typed or "[]")
            except (ValueError, RecursionError) as error:
                raise BadRecord(f"This is not JSON: {error}.", where=path) from None
        case _:
            return typed  # an int, which the model reads


def _validated(model: type[BaseModel], record: dict[str, Any]) -> dict[str, Any]:
    try:
        return model.model_validate(record).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        missing = first["type"] == "missing" or first.get("input") is None
        what = "This field needs a value" if missing else first["msg"]
        raise BadRecord(f"{what}.", where=where or None, value=None if missing else first.get("input")) from None


def _escape(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]  # DEL is the one that JSON leaves


def _quoted(typed: str) -> str | None:
    """What a JSON string says; None for text that is none."""
    if len(typed) < 2 or not typed.startswith('"') or not typed.endswith('"'):
        return None
    try:
        value = json.loads(typed)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def chosen(values: Sequence[str], typed: str, path: str | None = None) -> str:
    """By name, by number from 1, or by a beginning that only one has."""
    if typed in values:
        return typed
    if typed.isdecimal() and 1 <= int(typed) <= len(values):
        return values[int(typed) - 1]
    begun = [value for value in values if value.casefold().startswith(typed.casefold())]
    if len(begun) == 1:
        return begun[0]
    raise BadRecord(
        "Several values begin so." if begun else "There is no such value.",
        where=path,
        value=typed,
        allowed=_some(begun or values),
        next=None if begun else did_you_mean(typed, values),
    )


def _iso(typed: str) -> str | None:
    try:
        return datetime.date.fromisoformat(typed).isoformat()
    except ValueError:
        return None


def _only_reading(typed: str, plain: str | None, readings: Iterable[str], path: str) -> str:
    found = [plain] if plain is not None else list(dict.fromkeys(readings))
    if len(found) == 1:
        return found[0]
    if found:
        raise BadRecord("This can be read in more than one way.", where=path, value=typed, allowed=_some(found))
    raise BadRecord("This can't be read as what the field holds.", where=path, value=typed)


def _not_there(shape: Shape, value: Any, text: str, path: str) -> BadRecord:
    inner = bare(shape)
    allowed: str | None = None
    if isinstance(inner, TextShape) and isinstance(value, str):
        near = re.search(r"\s*".join(re.escape(word) for word in value.split()), text, re.IGNORECASE)
        allowed = f"as it stands there, on one line: {spell(near[0])}" if near else None
    elif isinstance(inner, DateShape):
        allowed = _some(dict.fromkeys(one.value for one in dates_in(text))) or "null: there is no date"
    elif isinstance(inner, NumberShape):
        allowed = (
            _some(dict.fromkeys(one.value for one in numbers_in(text, inner.places))) or "null: there is no number"
        )
    shown = value if not isinstance(inner, ListShape | ObjectShape) else None
    return BadRecord("This does not stand in the document.", where=path, value=shown, allowed=allowed)


def _some(values: Iterable[str]) -> str:
    listed = list(values)
    more = f", … ({len(listed)} in all)" if len(listed) > MOST_SHOWN else ""
    return ", ".join(listed[:MOST_SHOWN]) + more
