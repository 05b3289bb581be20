"""Where the figures of scripts/bench* go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(name: str, figures: dict[str, Any]) -> Path:
    """Write `out/<name>.json`, show it, and return where it is."""
    target = Path("out", f"{name}.json")
    target.parent.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=1)
    target.write_text(text + "\n", encoding="utf-8")
    print(text)
    return target
