"""Content ids: the sha256 that names a stage's output, a file or a folder.

Knows nothing of where things are stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

# Sequence and Mapping rather than list and dict, so that a dict[str, int] passes the type checker.
JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


def content_id(stage: str, version: int, options: Mapping[str, JSON], inputs: Sequence[str]) -> str:
    """Id of what a stage makes: the same call gives the same id on every machine, whatever the options' order.

    version: of the stage's code; raise it when the same inputs would give another output.
    inputs: ids, in the stage's own order.  Raises TypeError or ValueError for options that are not JSON (paths, NaN).
    """
    call = {"stage": stage, "version": version, "options": dict(options), "inputs": list(inputs)}
    return hashlib.sha256(canonical(call).encode()).hexdigest()


def canonical(value: object) -> str:
    """One spelling for one JSON value: sorted keys, no white space, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def file_id(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_id(path: Path) -> str:
    """Id of a folder: names and contents of its files, dates and modes aside.

    Links are followed. Hidden files and __pycache__ are left out: loading a task or opening an editor must not
    change what it is.
    """
    files = {
        relative.as_posix(): file_id(path / relative)
        for relative in sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
        if not any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
    }
    return hashlib.sha256(canonical(files).encode()).hexdigest()
