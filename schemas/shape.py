"""The shape of a record: a record model read into a small tree with a bound on every leaf.

Knows nothing of grammars, tokens or prompts. A model that cannot be bounded is refused here, when the task loads,
with the field's path: no decoder ever has to guess where to stop.
"""

from __future__ import annotations

import datetime
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from boardwright.schemas.errors import BadTask
from boardwright.schemas.fields import Grounded, Items, Number, OneOf, Text, Verbatim
from boardwright.schemas.records import spell

T = TypeVar("T")

# What may say more about a field than its type does. One that the grammar can't hold is refused, never skipped:
# a record that decodes must validate.
CONSTRAINTS = (Text, OneOf, Number, Grounded, Items, annotated_types.BaseMetadata)
# llguidance reads the bounds of an int as doubles.
LARGEST_INT = 2**53

SUPPORTED = (
    "str with Text(n), Verbatim(n) or OneOf(values), Literal of strings or a str Enum, bool, int with ge= and le=, "
    "datetime.date, Decimal with Number(), both also with Grounded(), list with Items(n), a nested model, and any of "
    "these | None"
)


@dataclass(frozen=True)
class TextShape:
    max_chars: int
    verbatim: bool
    printed: bool = False
    date: bool = False


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
    grounded: bool = False


@dataclass(frozen=True)
class DateShape:
    grounded: bool = False


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
    model.model_rebuild(raise_errors=False)  # a field may name a model that is defined after this one
    if issubclass(model, RootModel):
        raise _refuse(path, f"{model.__name__} is a RootModel, not an object with fields", model.__name__)
    if not model.model_fields:
        raise _refuse(path, f"{model.__name__} has no fields", model.__name__)
    for name in model.model_computed_fields:
        raise _refuse((*path, name), "a computed field would be written, but never read", name, hint="a plain property")
    return ObjectShape(
        tuple((name, _field(info, (*path, name), (*parents, model))) for name, info in model.model_fields.items())
    )


def _field(info: FieldInfo, path: tuple[str, ...], parents: tuple[type, ...]) -> Shape:
    alias = info.alias or info.validation_alias or info.serialization_alias
    if alias is not None:
        raise _refuse(path, "aliases are not supported; name the field as it is to be written", alias)
    if info.exclude:
        raise _refuse(path, "a field that is excluded from the JSON form can't be learned", "exclude=True")
    return _annotation(info.annotation, tuple(info.metadata), path, parents)


def _annotation(annotation: Any, metadata: tuple[Any, ...], path: tuple[str, ...], parents: tuple[type, ...]) -> Shape:
    origin = get_origin(annotation)
    metadata = tuple(part for item in metadata for part in _parts(item))
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _annotation(inner, (*more, *metadata), path, parents)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if len(parts) != 1 or len(parts) == len(get_args(annotation)):
            raise _refuse(path, "a union of several types is not supported", annotation)
        if marker := _find(metadata, (Text, OneOf, Number, Grounded, Items)):
            # pydantic would let the marker stand for the whole union, and refuse null.
            raise _refuse(
                path, f"{marker} must stand beside the type it bounds", annotation, hint="Annotated[…] | None"
            )
        return NullableShape(_annotation(parts[0], metadata, path, parents))
    if origin is Literal:
        _only((), metadata, path)
        return _choice(get_args(annotation), path, annotation)
    if origin is list:
        return _list(get_args(annotation)[0], metadata, path, parents)
    if isinstance(annotation, type):
        return _plain(annotation, metadata, path, parents)
    raise _refuse(path, "this type is not supported", annotation)


def _list(item: Any, metadata: tuple[Any, ...], path: tuple[str, ...], parents: tuple[type, ...]) -> ListShape:
    _only((Items, annotated_types.MaxLen), metadata, path)
    limits = [limit.max_items for limit in metadata if isinstance(limit, Items)]
    limits += [limit.max_length for limit in metadata if isinstance(limit, annotated_types.MaxLen)]
    if not limits:
        hint = "Annotated[list[…], Items(8)]"
        raise _refuse(path, "a list needs a largest number of items", list[item], hint=hint)
    return ListShape(_annotation(item, (), (*path, "[]"), parents), min(limits))


def _plain(annotation: type, metadata: tuple[Any, ...], path: tuple[str, ...], parents: tuple[type, ...]) -> Shape:
    if annotation is str and (closed := _find(metadata, OneOf)):
        _only((OneOf,), metadata, path)
        return _choice(closed.values, path, closed)
    if annotation is str:
        return _text(metadata, path)
    if annotation is int:
        return _int(metadata, path)
    if annotation is Decimal:
        return _number(metadata, path)
    if annotation is datetime.date:
        _only((Grounded,), metadata, path)
        return DateShape(_find(metadata, Grounded) is not None)
    _only((), metadata, path)
    if issubclass(annotation, Enum):
        return _choice([member.value for member in annotation], path, annotation)
    if annotation is bool:
        return BoolShape()
    if issubclass(annotation, BaseModel):
        return _object(annotation, path, parents)
    raise _refuse(path, "this type is not supported", annotation)


def _text(metadata: tuple[Any, ...], path: tuple[str, ...]) -> TextShape:
    text = _find(metadata, Text)
    if text is None:
        # max_length alone would let in line breaks and the empty string, which the grammar doesn't write.
        hint = "Annotated[str, Text(80)] or Verbatim(80)"
        raise _refuse(path, "a string needs a largest length, as Text or Verbatim", str, hint=hint)
    _only((Text,), metadata, path)
    if text.max_chars < 1:
        raise _refuse(path, "a text has at least one character", text, hint="Text(n) with n ≥ 1")
    if text.date and not text.printed:
        raise _refuse(
            path, "a date of the document is learnt as printed", text, hint="Text(n, printed=True, date=True)"
        )
    if isinstance(text, Verbatim):
        if text.printed:
            raise _refuse(path, "a copy is as printed anyhow", text, hint="Verbatim(n)")
        return TextShape(text.max_chars, verbatim=True)
    return TextShape(text.max_chars, verbatim=False, printed=text.printed, date=text.date)


def _int(metadata: tuple[Any, ...], path: tuple[str, ...]) -> IntShape:
    hint = "Annotated[int, Field(ge=0, le=999)]"
    _only((annotated_types.Ge, annotated_types.Le), metadata, path, hint=hint)
    lows: list[Any] = [item.ge for item in metadata if isinstance(item, annotated_types.Ge)]
    highs: list[Any] = [item.le for item in metadata if isinstance(item, annotated_types.Le)]
    if not lows or not highs:
        raise _refuse(path, "an int needs both bounds", int, hint=hint)
    low, high = max(lows), min(highs)
    if not all(type(bound) is int and abs(bound) <= LARGEST_INT for bound in (low, high)) or low > high:
        raise _refuse(path, "the bounds must be whole, in order and at most 2**53", f"ge={low}, le={high}", hint=hint)
    return IntShape(low, high)


def _number(metadata: tuple[Any, ...], path: tuple[str, ...]) -> NumberShape:
    number = _find(metadata, Number)
    hint = "Annotated[Decimal, Number(digits=9, places=2)]"
    if number is None:
        raise _refuse(path, "a Decimal needs its digits", Decimal, hint=hint)
    _only((Number, Grounded), metadata, path)
    if number.digits < 1 or number.places < 0:
        raise _refuse(path, "a number has at least one digit and no fewer than 0 places", number, hint=hint)
    return NumberShape(number.digits, number.places, number.signed, _find(metadata, Grounded) is not None)


def _choice(values: Sequence[Any], path: tuple[str, ...], annotation: Any) -> ChoiceShape:
    if not values or not all(isinstance(value, str) and value for value in values):
        raise _refuse(path, "a closed set must hold non-empty strings", annotation)
    return ChoiceShape(tuple(values))


def _parts(item: Any) -> Iterable[Any]:
    """Interval and StringConstraints are several constraints in one; a FieldInfo in a nested Annotated is the same."""
    if isinstance(item, FieldInfo):
        return item.metadata
    return item if isinstance(item, annotated_types.GroupedMetadata) else (item,)


def _find(metadata: Sequence[Any], kind: type[T] | tuple[type[T], ...]) -> T | None:
    """The last of a kind: the one that pydantic goes by."""
    return next((item for item in reversed(metadata) if isinstance(item, kind)), None)


def _only(kinds: tuple[type, ...], metadata: Sequence[Any], path: tuple[str, ...], hint: str | None = None) -> None:
    for item in metadata:
        if isinstance(item, CONSTRAINTS) and not isinstance(item, kinds):
            raise _refuse(path, "the grammar can't hold this constraint", item, hint=hint)


def _refuse(path: tuple[str, ...], reason: str, value: Any, hint: str | None = None) -> BadTask:
    return BadTask(
        f"This record model cannot be decoded within bounds: {reason}.",
        where=".".join(path) or "record",
        value=value,
        allowed=SUPPORTED,
        next=f"write {hint}" if hint else "change the field's type",
    )


def bare(shape: Shape) -> Shape:
    """The shape of what a field holds where it is not null."""
    return shape.inner if isinstance(shape, NullableShape) else shape


def printed_fields(shape: ObjectShape) -> dict[str, TextShape]:
    """The fields that hold texts as printed."""
    fields = ((name, bare(inner)) for name, inner in shape.fields)
    return {name: field for name, field in fields if isinstance(field, TextShape) and field.printed}


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
            return max(len(spell(value)) for value in shape.values)
        case BoolShape():
            return 5
        case IntShape():
            return max(len(str(shape.low)), len(str(shape.high)))
        case NumberShape():
            return shape.digits + shape.places + 4
        case DateShape():
            return 12


def most_bytes(shape: Shape) -> int:
    """UTF-8 bytes of the longest record of this shape. No record has more tokens: each stands for a byte or more."""
    match shape:
        case ObjectShape():
            return 1 + sum(len(spell(name).encode()) + 2 + most_bytes(inner) for name, inner in shape.fields)
        case NullableShape():
            return max(4, most_bytes(shape.inner))
        case ListShape():
            return 2 + shape.max_items * (most_bytes(shape.item) + 1)
        case TextShape():
            return 4 * shape.max_chars + 2
        case ChoiceShape():
            return max(len(spell(value).encode()) for value in shape.values)
        case _:
            return longest(shape)


def least_bytes(shape: Shape) -> int:
    """Bytes of the longest record of this shape once its texts are cut to a character and its lists to nothing."""
    return most_bytes(_scaled(shape, 0.0))


def fitted(shape: ObjectShape, budget: int) -> ObjectShape:
    """The shape with its texts and lists bounded so that every record has at most `budget` bytes, and so tokens.

    All bounds shrink by the same factor, as little as needed. Raises ValueError below `least_bytes`."""
    if most_bytes(shape) <= budget:
        return shape
    if least_bytes(shape) > budget:
        raise ValueError(f"{budget} is less than the {least_bytes(shape)} bytes that a record of this shape may need")
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if most_bytes(_scaled(shape, middle)) <= budget else (low, middle)
    scaled = _scaled(shape, low)
    assert isinstance(scaled, ObjectShape)
    return scaled


def _scaled(shape: Shape, factor: float) -> Shape:
    match shape:
        case ObjectShape():
            return ObjectShape(tuple((name, _scaled(inner, factor)) for name, inner in shape.fields))
        case NullableShape():
            return NullableShape(_scaled(shape.inner, factor))
        case ListShape():
            return ListShape(_scaled(shape.item, factor), int(shape.max_items * factor))
        case TextShape():
            return replace(shape, max_chars=max(1, int(shape.max_chars * factor)))
        case _:
            return shape


def leaf_shapes(shape: Shape) -> Iterator[Shape]:
    """The fields and items of records of this shape that hold no others."""
    match shape:
        case NullableShape():
            yield from leaf_shapes(shape.inner)
        case ListShape():
            yield from leaf_shapes(shape.item)
        case ObjectShape():
            for _, inner in shape.fields:
                yield from leaf_shapes(inner)
        case _:
            yield shape


def has_list(shape: Shape) -> bool:
    """Whether records of this shape can hold fewer or more of something."""
    match shape:
        case NullableShape():
            return has_list(shape.inner)
        case ObjectShape():
            return any(has_list(inner) for _, inner in shape.fields)
        case _:
            return isinstance(shape, ListShape)


def copies(shape: Shape) -> bool:
    """Whether records of this shape hold values that must stand in the document."""
    return any(
        leaf.verbatim or leaf.date
        if isinstance(leaf, TextShape)
        else isinstance(leaf, DateShape | NumberShape) and leaf.grounded
        for leaf in leaf_shapes(shape)
    )


def has_choice(shape: Shape) -> bool:
    """Whether records of this shape can differ at all; where they can't, there is nothing to read."""
    match shape:
        case ObjectShape():
            return any(has_choice(inner) for _, inner in shape.fields)
        case ChoiceShape():
            return len(shape.values) > 1
        case ListShape():
            return shape.max_items > 0
        case IntShape():
            return shape.low < shape.high
        case _:
            return True
