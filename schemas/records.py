"""The JSON form of a record: what training writes, what the grammar admits, what validation reads.

Knows nothing of documents or models. One canonical spelling per record: compact, keys in the model's order,
non-ASCII characters as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from boardwright.schemas.errors import BadRecord


def canonical(record: BaseModel) -> str:
    return spell(record.model_dump(mode="json"))


def spell(value: Any) -> str:
    """The canonical JSON of any JSON value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def values_in(output: str, names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Where the fields of a canonical record stand in its spelling: (name, start, end) of each value, in characters.

    names: the record's fields, in order.  output: may end early; the value that it ends in comes last, with the end of
    the output as its end, and a number that it ends with may go on."""
    decoder = json.JSONDecoder()
    at = 0
    for number, name in enumerate(names):
        key = f"{',' if number else '{'}{spell(name)}:"
        if not output.startswith(key, at):
            return
        start = at + len(key)
        try:
            _, at = decoder.raw_decode(output, start)
        except ValueError:
            at = len(output)
        yield name, start, at
        if at == len(output):
            return


def parse(model: type[BaseModel], output: str) -> BaseModel:
    """Validate a decoded output. Raises BadRecord with the field and the reason."""
    try:
        return model.model_validate_json(output)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRecord(
            f"The output fails the record model: {first['msg']}.",
            where=".".join(map(str, first["loc"])) or "record",
            value=first.get("input"),
        ) from error
