"""Files of the kernel that hold one number.

Knows nothing of what the number means.
"""

from __future__ import annotations

from pathlib import Path


def read_number(file: Path, base: int = 10) -> int | None:
    """None where the file is missing or holds something else: kernels differ in what they tell."""
    try:
        return int(file.read_text(encoding="ascii"), base)
    except (OSError, ValueError):
        return None
