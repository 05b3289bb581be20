"""`boardwright init NAME`: a task folder of the user's own, which builds unchanged.

Knows nothing of what the task is about: the folder is `template/`, read with another name in it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from boardwright.schemas.durable import disk
from boardwright.schemas.errors import KitError
from boardwright.schemas.task import shipped_tasks

TEMPLATE = Path(__file__).parent / "template"
# The template is a task itself, so that it is checked as one; its name is what is replaced.
PLACEHOLDER = "task-name"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def init_task(name: str, parent: Path) -> Path:
    """Make `parent/name`, whole or not at all, and return it.

    Raises KitError for a name that no task can have, or for a folder that is there and not empty."""
    if not NAME.fullmatch(name) or len(name) > 40:
        raise KitError(
            "This is no name for a task.",
            value=name,
            allowed="at most 40 of a-z, 0-9 and single dashes, a letter first",
            next=f"boardwright init {suggestion(name)}",
        )
    if name in shipped_tasks():
        raise KitError("There is a shipped task of this name.", value=name, next=f"boardwright init my-{name}")
    folder = parent / name
    with disk(folder, "make the task's folder"):
        if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
            raise KitError(
                "This place is taken.",
                where=folder,
                allowed="a folder that is not there yet, or is empty",
                next="choose another name, or another folder with --in",
            )
        parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, so that a rename puts it there; it also takes the place of an empty folder.
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=parent) as scratch:
            made = Path(scratch, name)
            _write(made, name)
            made.rename(folder)
    return folder


def suggestion(name: str) -> str:
    """The nearest name that would do: "My Tickets!" → "my-tickets"."""
    words = re.findall("[a-z0-9]+", name.lower())
    near = "-".join(words).lstrip("0123456789-")[:40].rstrip("-")
    return near or "my-task"


def _write(folder: Path, name: str) -> None:
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"), copy_function=shutil.copyfile)
    for path in (folder, *sorted(folder.rglob("*"))):
        # Modes of the wheel's files may be anything: these are the user's, to be edited.
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.is_file():
            path.write_text(path.read_text(encoding="utf-8").replace(PLACEHOLDER, name), encoding="utf-8")
