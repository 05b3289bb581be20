"""Files of the kernel.

Knows nothing of what they mean.
"""

from __future__ import annotations

from pathlib import Path


def read_number(file: Path, base: int = 10) -> int | None:
    """None where the file is missing or holds something else: kernels differ in what they tell."""
    try:
        return int(file.read_text(encoding="ascii"), base)
    except (OSError, ValueError):
        return None


def read_text(file: Path) -> str:
    """What a file of the kernel holds; nothing where it is missing: boards differ in what they tell."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
