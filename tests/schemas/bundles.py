"""A small bundle with a key of its own, for the tests of both of its sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boardwright.schemas.bundle import describe, write_bundle
from boardwright.schemas.manifest import Manifest, make_manifest
from boardwright.schemas.minisign import SecretKey

KEY = SecretKey(b"\x01" * 8, b"\x02" * 32)
TRUSTED = [KEY.public]
CONTENT = {"model.gguf": b"GGUF weights", "task/task.py": b"x = 1\n", "empty": b""}


def lay_out(folder: Path, content: dict[str, bytes]) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    files = {}
    for number, (name, data) in enumerate(content.items()):
        files[name] = folder / str(number)
        files[name].write_bytes(data)
    return files


def manifest_of(files: dict[str, Path], **changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "name": "n", "version": "1", "counter": 1, "task": "t", "target": "b", "runtime": "llama.cpp",
        "encoding": "Q8_0", "model": next(iter(files)), "files": describe(files), "student": "s", "created_by": "c",
        "key_id": KEY.id,
    }  # fmt: skip
    return make_manifest(fields | changes)


def make(folder: Path, content: dict[str, bytes] = CONTENT, **changes: Any) -> Path:
    files = lay_out(folder / "in", content)
    write_bundle(folder / "t.bwb", manifest_of(files, **changes), files, KEY)
    return folder / "t.bwb"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
