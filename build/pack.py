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

from boardwright.build.ids import content_id
from boardwright.device.bundles import DRAFTS, SURE
from boardwright.device.confidence import Calibration
from boardwright.schemas.bundle import describe, open_bundle, write_bundle
from boardwright.schemas.durable import replace_text
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadBundle, BadTask
from boardwright.schemas.keys import keys_folder, signing_key
from boardwright.schemas.manifest import Manifest, make_manifest
from boardwright.schemas.minisign import PublicKey
from boardwright.schemas.records import spell
from boardwright.schemas.task import Task, load_task
from boardwright.targets.profile import Target

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
) -> Path:
    """Write `<task>-<version>-<target>.bwb` into `folder`, signed with this machine's key; return its path.

    The same content gets the same counter and so the same bytes; anything new gets the next one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret = signing_key()
    with tempfile.TemporaryDirectory() as scratch:
        files = _write_files(Path(scratch), task, target, scores, goldens, calibration)
        model_name = f"model{encoding.suffix}"
        files |= {path.name if path != model else model_name: path for path in encoding.files(model)}
        files[DRAFTS] = drafts
        entries = describe(files)
        fields: dict[str, Any] = {
            "name": task.name,
            "version": task.version,
            "counter": 1,
            "task": task.name,
            "target": target.name,
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


def _write_files(
    scratch: Path,
    task: Task,
    target: Target,
    scores: Mapping[str, Any],
    goldens: Sequence[Mapping[str, Any]],
    calibration: Calibration | None,
) -> dict[str, Path]:
    texts = {
        "task/task.py": (task.folder / "task.py").read_text(encoding="utf-8"),
        "target.json": target.model_dump_json(indent=1) + "\n",
        "golden.jsonl": "".join(f"{spell(dict(line))}\n" for line in goldens),
        "scores.json": json.dumps(scores, indent=1) + "\n",
        **({SURE: calibration.to_json()} if calibration else {}),
    }
    files = {}
    for name, text in texts.items():
        files[name] = scratch / name
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(text, encoding="utf-8")
    try:
        load_task(scratch / "task")
    except BadTask as error:
        raise BadTask(
            "task.py does not load alone; a board gets that one file.",
            where=task.folder / "task.py",
            value=error.what,
            next="move what it imports from beside it into task.py",
        ) from error
    return files


def _is_already(path: Path, manifest: Manifest, key: PublicKey) -> bool:
    if not path.is_file():
        return False
    try:
        return open_bundle(path, [key]).manifest == manifest
    except BadBundle:
        return False
