"""What a bundle is: its contract, its board, its scores, its origin.

Knows nothing of engines: a bundle can be looked at where it cannot run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from boardwright.device.bundles import Installed
from boardwright.device.proof import proof_of, standing
from boardwright.schemas.keys import keys_folder
from boardwright.schemas.minisign import read_public_key
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


def as_json(installed: Installed) -> dict[str, Any]:
    manifest, task, proof = installed.bundle.manifest, installed.task, proof_of(installed.bundle)
    return {
        "name": manifest.name,
        "version": manifest.version,
        "counter": manifest.counter,
        "id": installed.bundle.id,
        "task": {
            "name": task.name,
            "version": task.version,
            "instruction": task.instruction,
            "context": task.limits.context,
            "fields": dict(fields(task.shape)),
        },
        "target": {"name": installed.target.name, "board": installed.target.board},
        "runtime": manifest.runtime,
        "encoding": manifest.encoding,
        "size": {"model": installed.model_bytes, "bundle": installed.bundle.size},
        "student": manifest.student,
        "licences": [licence.model_dump() for licence in manifest.licences],
        "scores": installed.scores,
        "golden_documents": len(installed.goldens),
        "proof": proof.model_dump(mode="json", exclude={"tokens"}) if proof else None,
        "signed_by": {"key": installed.bundle.key.id, "own": _is_own(installed)},
        "created_by": manifest.created_by,
        "content_ids": manifest.content_ids,
    }


def table(installed: Installed) -> list[tuple[str, str]]:
    """Rows for people; a row without a name goes on with the one before."""
    known = as_json(installed)
    task, target, size, signer = known["task"], known["target"], known["size"], known["signed_by"]
    width = max(map(len, task["fields"]))
    licences = [f"{one['license']}  {one['name']} ({one['source']})" for one in known["licences"]]
    blocks: list[tuple[str, list[str]]] = [
        ("bundle", [f"{known['name']} {known['version']} (release {known['counter']})"]),
        ("task", [f"{task['name']} {task['version']}: {task['instruction']}"]),
        ("fields", [f"{path:<{width}}  {bound}" for path, bound in task["fields"].items()]),
        ("target", [f"{target['name']} ({target['board']})"]),
        ("model", [f"{known['encoding']}, {size['model'] / 1e6:.1f} MB; the bundle {size['bundle'] / 1e6:.1f} MB"]),
        ("student", [known["student"]]),
        ("scores", [f"{path}  {_figure(value)}" for path, value in flat(known["scores"])] or ["none"]),
        *([("proof", proved)] if (proved := standing(installed.bundle)) else []),
        ("licences", licences or ["none stated"]),
        ("signed by", [f"key {signer['key']}, " + ("this machine's own" if signer["own"] else "trusted here")]),
        ("made by", [known["created_by"]]),
    ]
    return [(name if not row else "", text) for name, texts in blocks for row, text in enumerate(texts)]


def fields(shape: ObjectShape, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, what it holds) of every field; what lies inside a list is written as `lines[].amount`."""
    for name, inner in shape.fields:
        yield path + name, bound(inner)
        item, inside = inner, f"{path}{name}"
        while isinstance(item, NullableShape | ListShape):
            item, inside = (item.inner, inside) if isinstance(item, NullableShape) else (item.item, f"{inside}[]")
        if isinstance(item, ObjectShape):
            yield from fields(item, f"{inside}.")


def bound(shape: Shape) -> str:
    match shape:
        case NullableShape():
            return f"{bound(shape.inner)}, or null"
        case ObjectShape():
            return f"{len(shape.fields)} fields"
        case ListShape():
            return f"list of up to {shape.max_items}: {bound(shape.item)}"
        case TextShape():
            what = "copied from the document" if shape.verbatim else "date as printed" if shape.date else "text"
            return f"{what}, up to {shape.max_chars} characters"
        case ChoiceShape():
            return f"one of {', '.join(shape.values)}"
        case BoolShape():
            return "true or false"
        case IntShape():
            return f"whole number, {shape.low} to {shape.high}"
        case DateShape(grounded=True):
            return "date, as 2026-01-31, that stands in the document"
        case NumberShape():
            standing = ", that stands in the document" if shape.grounded else ""
            signed = ", signed" if shape.signed else ""
            return f"number, {shape.digits} digits and {shape.places} decimals{signed}{standing}"
        case DateShape():
            return "date, as 2026-01-31"


def flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a nested object with their dotted paths."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_own(installed: Installed) -> bool:
    own = keys_folder() / "boardwright.pub"
    return own.is_file() and read_public_key(own) == installed.bundle.key
