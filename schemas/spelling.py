"""A record's spelling piece by piece: what is certain by its shape, and each choice that is not.

Knows nothing of documents or of who chooses.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from boardwright.schemas.records import spell
from boardwright.schemas.shape import ListShape, NullableShape, ObjectShape, Shape


@dataclass(frozen=True)
class Leaf:
    """A value without parts. name: of the field, "items[].kind" for one of a list's.  closing: the list may end here
    instead."""

    name: str
    shape: Shape
    closing: bool = False

    @property
    def listed(self) -> bool:
        return "[]" in self.name


@dataclass(frozen=True)
class Fork:
    """Either `instead` comes next or what `first` begins: None where that is no leaf."""

    instead: str
    first: Leaf | None = None


Piece = str | Leaf | Fork


def pieces(shape: Shape, name: str = "", closing: bool = False) -> Generator[Piece, str, None]:
    """Yields the pieces of a record in the order of its spelling, and is sent the spelling of each: that of a text is
    the text itself, that of a fork `instead`, or "" for the other way; either comes again as pieces of its own."""
    match shape:
        case ObjectShape(fields):
            for number, (key, inner) in enumerate(fields):
                yield f"{',' if number else '{'}{spell(key)}:"
                yield from pieces(inner, f"{name}.{key}" if name else key, closing and not number)
            yield "}"
        case ListShape(item, most):
            name += "[]"
            fork = Fork("]", first_leaf(item, name))
            yield "["
            for count in range(most):
                if (yield fork):
                    break
                if count:
                    yield ","
                yield from pieces(item, name, True)
            yield "]"
        case NullableShape(ObjectShape() | ListShape()):
            if (yield Fork("null")):
                yield "null"
            else:
                yield from pieces(shape.inner, name, closing)
        case _:
            yield Leaf(name, shape, closing)


def first_leaf(shape: Shape, name: str) -> Leaf | None:
    """The leaf that an item of a list begins with, where the list may end instead; None where a list begins it."""
    piece = next((piece for piece in pieces(shape, name, True) if not isinstance(piece, str)), None)
    return piece if isinstance(piece, Leaf) else None


def read_pieces(shape: Shape, spelling: str) -> Iterator[tuple[Piece, str]]:
    """The pieces of a record that may end early, each as it is spelled. Raises ValueError as `read_piece` does."""
    steps = pieces(shape)
    piece = next(steps)
    at = 0
    while (answer := read_piece(piece, spelling, at)) is not None:
        yield piece, answer
        at += 0 if isinstance(piece, Fork) else len(answer)
        try:
            piece = steps.send(answer)
        except StopIteration:
            return


def leaf_names(shape: Shape, name: str = "") -> list[str]:
    """All leaves of a record, in order; those of a list's item once."""
    match shape:
        case ObjectShape(fields):
            return [leaf for key, inner in fields for leaf in leaf_names(inner, f"{name}.{key}" if name else key)]
        case ListShape(item, _):
            return leaf_names(item, name + "[]")
        case NullableShape(ObjectShape() | ListShape()):
            return leaf_names(shape.inner, name)
        case _:
            return [name]


def read_piece(piece: Piece, spelling: str, at: int) -> str | None:
    """What a spelling, which may end early, has of a piece at a place; None where that is still open.

    Raises ValueError where it has something else there."""
    begun = spelling[at:]
    match piece:
        case Leaf():
            try:
                _, end = json.JSONDecoder().raw_decode(spelling, at)
            except ValueError:
                return None
            return None if end == len(spelling) and spelling[-1].isdigit() else spelling[at:end]
        case Fork(instead):
            return None if not begun else instead if begun[0] == instead[0] else ""
        case _:
            if not begun.startswith(piece[: len(begun)]):
                raise ValueError(f"{begun[:20]!r} is not {piece!r}")
            return piece if len(begun) >= len(piece) else None
