"""A record's shape as JSON schema: what a model that is not ours is given, where only a schema can be said.

Knows nothing of models. The bounds are the shape's, as far as JSON schema has words for them: what is copied from the
document, and what a real date is, only the record model and the validators can tell.
"""

from __future__ import annotations

from typing import Any

from boardwright.schemas.shape import (
    BoolShape,
    ChoiceShape,
    DateShape,
    IntShape,
    ListShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
)


def json_schema(shape: Shape) -> dict[str, Any]:
    """The JSON schema of a shape; every field is required, and no other is allowed."""
    match shape:
        case ObjectShape(fields=fields):
            properties = {name: json_schema(inner) for name, inner in fields}
            return {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }
        case NullableShape(inner=inner):
            return {"anyOf": [json_schema(inner), {"type": "null"}]}
        case ListShape(item=item, max_items=most):
            return {"type": "array", "items": json_schema(item), "maxItems": most}
        case ChoiceShape(values=values):
            return {"type": "string", "enum": list(values)}
        case BoolShape():
            return {"type": "boolean"}
        case IntShape(low=low, high=high):
            return {"type": "integer", "minimum": low, "maximum": high}
        case DateShape():
            return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
        case NumberShape(digits=digits, places=places, signed=signed):
            # "[.]", for llama-cpp-python writes "\\." into its grammar as it stands, and then crashes on it.
            fraction = f"[.][0-9]{{{places}}}" if places else ""
            return {"type": "string", "pattern": f"^{'-?' if signed else ''}[0-9]{{1,{digits}}}{fraction}$"}
        case TextShape(max_chars=most):
            return {"type": "string", "minLength": 1, "maxLength": most}
