"""Examples: `{id, text, record}`, one JSON object a line.

Knows nothing of tasks beyond a record model to validate against.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from boardwright.schemas.errors import BadExample


@dataclass(frozen=True)
class Example:
    """One labelled document. `record` is the JSON form of the gold answer (null where a field is absent)."""

    id: str
    text: str
    record: dict[str, Any]

    def line(self) -> str:
        return json.dumps({"id": self.id, "text": self.text, "record": self.record}, ensure_ascii=False)


_WordsT = TypeVar("_WordsT")


def stream(
    name: str,
    parts: Mapping[str, _WordsT],
    draw: Callable[[random.Random, _WordsT], tuple[str, dict[str, Any]] | None],
    seed: int,
    part: str,
) -> Iterator[Example]:
    """Examples without end of a task's own making, the same ones for the same seed and part.

    parts: of each part what it writes with.  draw: makes a text and its record with that, or None to be asked again.
    Raises ValueError at once for a part that is not among them."""
    if part not in parts:
        raise ValueError(f"part must be one of {', '.join(parts)}, not {part!r}")
    return _stream(f"{name}-{part}-{seed}", parts[part], draw, random.Random(f"{seed}:{part}"))


def _stream(
    name: str,
    words: _WordsT,
    draw: Callable[[random.Random, _WordsT], tuple[str, dict[str, Any]] | None],
    rng: random.Random,
) -> Iterator[Example]:
    number = 0
    while True:
        if drawn := draw(rng, words):
            yield Example(f"{name}-{number:06}", *drawn)
            number += 1


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON-lines file; blank lines are skipped. Raises BadExample with the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadExample(
            f"Cannot read {path.name}: {error.strerror}.", where=path, next="check the path and its permissions"
        ) from error
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8"))
            # "\ud800" is half a character: JSON can spell it, UTF-8 and so a tokenizer can't.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError) as error:  # bytes that are no UTF-8, no JSON, a number of 5,000 digits
            raise BadExample(
                "This line is not a JSON object.",
                where=f"{path}:{number}",
                value=line[:80].decode("utf-8", "replace"),
                allowed='UTF-8, one {"id": …, "text": …, "record": {…}} a line',
                next=f"mend or delete line {number} ({error})",
            ) from error
        if not isinstance(value, dict):
            raise BadExample(
                "This line is JSON, but not an object.", where=f"{path}:{number}", value=value, allowed="an object"
            )
        yield number, value


def read_examples(path: Path, model: type[BaseModel]) -> list[Example]:
    """Read and validate a labelled JSON-lines file. Ids must be unique; a record must pass the record model."""
    examples: list[Example] = []
    seen: dict[str, int] = {}
    for number, value in read_lines(path):
        where = f"{path}:{number}"
        for key in ("id", "text"):
            if not isinstance(value.get(key), str) or not value[key].strip():
                raise BadExample(f"'{key}' is missing or empty.", where=where, value=value.get(key), allowed="a string")
        if (first := seen.setdefault(value["id"], number)) != number:
            raise BadExample(
                "This id was used before.",
                where=where,
                value=value["id"],
                allowed="unique ids",
                next=f"see line {first}",
            )
        if not isinstance(value.get("record"), dict):
            raise BadExample(
                "'record' is missing or not an object.", where=where, value=value.get("record"), allowed="an object"
            )
        try:
            record = model.model_validate(value["record"]).model_dump(mode="json")
        except ValidationError as error:
            first_error = error.errors()[0]
            path_in_record = ".".join(map(str, ("record", *first_error["loc"])))
            raise BadExample(
                f"The record fails the schema: {first_error['msg']}.",
                where=f"{where} {path_in_record}",
                value=first_error.get("input"),
                next="correct the record, or the task's record model",
            ) from error
        examples.append(Example(id=value["id"], text=value["text"], record=record))
    if not examples:
        raise BadExample("There is no example in this file.", where=path, allowed="at least one line")
    return examples


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    path.write_text("".join(example.line() + "\n" for example in examples), encoding="utf-8")
