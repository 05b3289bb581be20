"""A walk over a record along its shape. Knows nothing of what is looked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from boardwright.schemas.shape import ListShape, ObjectShape, Shape, bare


def leaves(shape: Shape, value: Any, path: str = "", *, into_lists: bool = True) -> Iterator[tuple[str, Any, Shape]]:
    """(path, value, its shape) of all in a record that holds no other, nulls among them.

    A list's items share a path, "a[]"; without `into_lists` a list is one value."""
    inner = bare(shape)
    if isinstance(inner, ObjectShape) and value is not None:
        for name, field in inner.fields:
            yield from leaves(field, value[name], f"{path}.{name}" if path else name, into_lists=into_lists)
    elif into_lists and isinstance(inner, ListShape) and value is not None:
        for one in value:
            yield from leaves(inner.item, one, f"{path}[]")
    else:
        yield path, value, shape
