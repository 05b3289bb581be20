"""The shape of a record: a record model read into a small tree with a bound on every leaf.

Knows nothing of grammars, tokens or prompts. A model that cannot be bounded is refused here, when the task loads,
with the field's path: no decoder ever has to guess where to stop.
"""

from __future__ import annotations

import datetime
import types
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from boardwright.schemas.errors import BadTask
from boardwright.schemas.fields import Items, Number, Text, Verbatim

T = TypeVar("T")

SUPPORTED = (
    "str with Text(n) or Verbatim(n), Literal of strings or a str Enum, bool, int with ge= and le=, "
    "datetime.date, Decimal with Number(), list with Items(n), a nested model, and any of these | None"
)


@dataclass(frozen=True)
class TextShape:
    max_chars: int
    verbatim: bool


@dataclass(frozen=True)
class ChoiceShape:
    values: tuple[str, ...]


@dataclass(frozen=True)
class BoolShape:
    pass


@dataclass(frozen=True)
class IntShape:
    low: int
    high: int


@dataclass(frozen=True)
class NumberShape:
    digits: int
    places: int
    signed: bool


@dataclass(frozen=True)
class DateShape:
    pass


@dataclass(frozen=True)
class NullableShape:
    inner: Shape


@dataclass(frozen=True)
class ListShape:
    item: Shape
    max_items: int


@dataclass(frozen=True)
class ObjectShape:
    """`fields` in the order of the model: the order in which they are written."""

    fields: tuple[tuple[str, Shape], ...]


Shape = (
    TextShape | ChoiceShape | BoolShape | IntShape | NumberShape | DateShape | NullableShape | ListShape | ObjectShape
)


def shape_of(model: type[BaseModel]) -> ObjectShape:
    """Read a record model into its shape. Raises BadTask with the field's path where a field has no bound."""
    return _object(model, (), ())


def _object(model: type[BaseModel], path: tuple[str, ...], parents: tuple[type, ...]) -> ObjectShape:
    if model in parents:
        raise _refuse(path, f"{model.__name__} contains itself, so its records have no largest size", model.__name__)
    if not model.model_fields:
        raise _refuse(path, f"{model.__name__} has no fields", model.__name__)
    fields = tuple(
        (name, _field(info, (*path, name), (*parents, model))) for name, info in model.model_fields.items()
    )
    for name, info in model.model_fields.items():
        if info.alias is not None:
            raise _refuse((*path, name), "aliases are not supported; name the field as it is to be written", info.alias)
    return ObjectShape(fields)


def _field(info: FieldInfo, path: tuple[str, ...], parents: tuple[type, ...]) -> Shape:
    return _annotation(info.annotation, tuple(info.metadata), path, parents)


def _annotation(annotation: Any, metadata: tuple[Any, ...], path: tuple[str, ...], parents: tuple[type, ...]) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _annotation(inner, (*more, *metadata), path, parents)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if len(parts) != 1 or len(parts) == len(get_args(annotation)):
            raise _refuse(path, "a union of several types is not supported", annotation)
        return NullableShape(_annotation(parts[0], metadata, path, parents))
    if origin is Literal:
        return _choice(get_args(annotation), path, annotation)
    if origin is list:
        limit = _find(metadata, Items)
        length = limit.max_items if limit else _bound(metadata, annotated_types.MaxLen, "max_length")
        if length is None:
            raise _refuse(path, "a list needs a largest number of items", annotation, hint="Annotated[list[…], Items(8)]")
        return ListShape(_annotation(get_args(annotation)[0], (), (*path, "[]"), parents), int(length))
    if isinstance(annotation, type):
        return _plain(annotation, metadata, path, parents)
    raise _refuse(path, "this type is not supported", annotation)


def _plain(annotation: type, metadata: tuple[Any, ...], path: tuple[str, ...], parents: tuple[type, ...]) -> Shape:
    if issubclass(annotation, Enum):
        return _choice([member.value for member in annotation], path, annotation)
    if annotation is str:
        text = _find(metadata, Text)
        length = text.max_chars if text else _bound(metadata, annotated_types.MaxLen, "max_length")
        if length is None:
            raise _refuse(path, "a string needs a largest length", annotation, hint="Annotated[str, Text(80)] or Verbatim(80)")
        if _bound(metadata, object, "pattern") is not None:
            raise _refuse(path, "patterns are not supported", annotation)
        return TextShape(int(length), isinstance(text, Verbatim))
    if annotation is bool:
        return BoolShape()
    if annotation is int:
        low = _bound(metadata, annotated_types.Ge, "ge")
        high = _bound(metadata, annotated_types.Le, "le")
        if low is None or high is None:
            raise _refuse(path, "an int needs both bounds", annotation, hint="Annotated[int, Field(ge=0, le=999)]")
        return IntShape(int(low), int(high))
    if annotation is Decimal:
        number = _find(metadata, Number)
        if number is None:
            raise _refuse(path, "a Decimal needs its digits", annotation, hint="Annotated[Decimal, Number(digits=9, places=2)]")
        return NumberShape(number.digits, number.places, number.signed)
    if annotation is datetime.date:
        return DateShape()
    if issubclass(annotation, BaseModel):
        return _object(annotation, path, parents)
    raise _refuse(path, "this type is not supported", annotation)


def _choice(values: Sequence[Any], path: tuple[str, ...], annotation: Any) -> ChoiceShape:
    if not values or not all(isinstance(value, str) and value for value in values):
        raise _refuse(path, "a closed set must hold non-empty strings", annotation)
    return ChoiceShape(tuple(values))


def _find(metadata: Sequence[Any], kind: type[T]) -> T | None:
    return next((item for item in metadata if isinstance(item, kind)), None)


def _bound(metadata: Sequence[Any], kind: type, name: str) -> Any:
    """The value of a bound, whether given as annotated_types (Ge, MaxLen …) or inside a pydantic Field()."""
    for item in metadata:
        if (kind is not object and isinstance(item, kind)) or hasattr(item, name):
            return getattr(item, name, None)
    return None


def _refuse(path: tuple[str, ...], reason: str, value: Any, hint: str | None = None) -> BadTask:
    return BadTask(
        f"This record model cannot be decoded within bounds: {reason}.",
        where=".".join(path) or "record",
        value=value,
        allowed=SUPPORTED,
        next=f"write {hint}" if hint else "change the field's type",
    )


def longest(shape: Shape) -> int:
    """The characters of the longest record of this shape: what a context must keep free, at a token a character.

    Scripts that need several tokens a character can go past it; the decoder then reports a full context.
    """
    match shape:
        case ObjectShape():
            return 1 + sum(len(name) + 4 + longest(inner) for name, inner in shape.fields)
        case NullableShape():
            return max(4, longest(shape.inner))
        case ListShape():
            return 2 + shape.max_items * (longest(shape.item) + 1)
        case TextShape():
            return shape.max_chars + 2
        case ChoiceShape():
            return max(len(value) for value in shape.values) + 2
        case BoolShape():
            return 5
        case IntShape():
            return max(len(str(shape.low)), len(str(shape.high)))
        case NumberShape():
            return shape.digits + shape.places + 4
        case DateShape():
            return 12
