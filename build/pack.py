"""Pack: the chosen artifact, its task, its golden records and where every byte came from, signed as one file.

Knows nothing of how the choice was made.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from boardwright.build.board_parts import board_parts
from boardwright.build.ids import content_id, file_id
from boardwright.device.bundles import DRAFTS, NEIGHBOURS, SURE, TRAINING
from boardwright.device.confidence import Calibration
from boardwright.schemas.bundle import describe, open_bundle, write_bundle
from boardwright.schemas.durable import replace_text
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadBundle, BadTask, GateFailed
from boardwright.schemas.keys import keys_folder, signing_key
from boardwright.schemas.manifest import Manifest, make_manifest
from boardwright.schemas.minisign import PublicKey
from boardwright.schemas.records import spell
from boardwright.schemas.task import Task, files_of, load_task
from boardwright.targets.profile import OsRelease, Target

COUNTERS = "counters.json"


def pack(
    task: Task,
    target: Target,
    model: Path,
    encoding: Encoding,
    *,
    student: str,
    licences: Sequence[Mapping[str, str]],
    scores: Mapping[str, Any],
    content_ids: Mapping[str, str],
    goldens: Sequence[Mapping[str, Any]],
    drafts: Path,
    calibration: Calibration | None,
    folder: Path,
    board: tuple[OsRelease, Path] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Write `<task>-<version>-<target>.bwb` into `folder`, signed with this machine's key; return its path.

    board: for one that is to run elsewhere, the OS release, which is then in the name, and the folder of its wheels.
    training: what the report tells of it.

    The same content gets the same counter and so the same bytes; anything new gets the next one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret = signing_key()
    with tempfile.TemporaryDirectory() as scratch:
        model_name = f"model{encoding.suffix}"
        texts = _texts(task, target, scores, goldens, calibration)
        if training is not None:
            texts[TRAINING] = json.dumps(training, indent=1) + "\n"
        carried: dict[str, Path] = {}
        if board:
            release, wheels = board
            more, carried = board_parts(task, target, release, model, encoding, wheels, licences, file_id(model))
            texts |= more
        files = _write(texts, Path(scratch))
        _check_alone(task, Path(scratch))
        files |= {path.name if path != model else model_name: path for path in encoding.files(model)}
        files |= {DRAFTS: drafts, **carried}
        entries = describe(files)
        check_size(target, sum(entry.size for entry in entries))
        fields: dict[str, Any] = {
            "name": task.name,
            "version": task.version,
            "counter": 1,
            "task": task.name,
            "target": target.name,
            "os": board[0].release if board else None,
            "runtime": encoding.runtime,
            "encoding": encoding.value,
            "model": model_name,
            "files": [entry.model_dump() for entry in entries],
            "content_ids": dict(content_ids),
            "licences": list(licences),
            "student": student,
            "created_by": f"boardwright {version('boardwright')}",
            "scores": dict(scores),
            "key_id": secret.id,
        }
        manifest = make_manifest(fields)
        manifest = make_manifest(fields | {"counter": next_counter(manifest)})
        path = folder / manifest.bundle_name
        if not _is_already(path, manifest, secret.public):
            write_bundle(path, manifest, files, secret)
    return path


def check_size(target: Target, size: int) -> None:
    """Raises GateFailed for a bundle over the target's budget; size in bytes."""
    if size > target.budgets.bundle_mb * 1e6:
        raise GateFailed(
            "The bundle is larger than the target allows.",
            where=f"{target.name}: budgets.bundle_mb",
            value=f"{size / 1e6:.1f} MB",
            allowed=f"{target.budgets.bundle_mb} MB",
            next="choose a smaller encoding with --encodings",
        )


def next_counter(manifest: Manifest) -> int:
    """The counter of this content: the one it was packed under before, else one more than the highest so far."""
    ledger = keys_folder() / COUNTERS
    try:
        known: dict[str, dict[str, int]] = json.loads(ledger.read_text(encoding="utf-8")) if ledger.is_file() else {}
    except ValueError as error:
        raise BadBundle(
            "The ledger of bundle counters can't be read.",
            where=ledger,
            next="restore it; without it boards would refuse new bundles as older",
        ) from error
    seen = known.setdefault(manifest.bundle_name, {})
    digest = content_id("pack", 1, manifest.model_dump(mode="json", exclude={"counter"}), [])
    if digest not in seen:
        seen[digest] = max(seen.values(), default=0) + 1
        replace_text(ledger, json.dumps(known, indent=1) + "\n")
    return seen[digest]


def _texts(
    task: Task,
    target: Target,
    scores: Mapping[str, Any],
    goldens: Sequence[Mapping[str, Any]],
    calibration: Calibration | None,
) -> dict[str, str]:
    return {
        **{f"task/{path.name}": path.read_text(encoding="utf-8") for path in files_of(task.folder)},
        "target.json": target.model_dump_json(indent=1) + "\n",
        "golden.jsonl": "".join(f"{spell(dict(line))}\n" for line in goldens),
        "scores.json": json.dumps(scores, indent=1) + "\n",
        **({SURE: calibration.to_json()} if calibration else {}),
        **({NEIGHBOURS: task.neighbours.to_json()} if task.neighbours else {}),
    }


def _write(texts: Mapping[str, str], scratch: Path) -> dict[str, Path]:
    files = {}
    for name, text in texts.items():
        files[name] = scratch / name
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(text, encoding="utf-8")
    return files


def _check_alone(task: Task, scratch: Path) -> None:
    try:
        load_task(scratch / "task")
    except BadTask as error:
        raise BadTask(
            "task.py does not load alone; a board gets it and the *.txt files beside it.",
            where=task.folder / "task.py",
            value=error.what,
            next="move what it imports from beside it into task.py",
        ) from error


def _is_already(path: Path, manifest: Manifest, key: PublicKey) -> bool:
    if not path.is_file():
        return False
    try:
        return open_bundle(path, [key]).manifest == manifest
    except BadBundle:
        return False
