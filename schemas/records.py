"""The JSON form of a record: what training writes, what the grammar admits, what validation reads.

Knows nothing of documents or models. One canonical spelling per record: compact, keys in the model's order,
non-ASCII characters as they are.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from boardwright.schemas.errors import BadRecord


def canonical(record: BaseModel) -> str:
    return spell(record.model_dump(mode="json"))


def spell(value: Any) -> str:
    """The canonical JSON of any JSON value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
