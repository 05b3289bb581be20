"""Measure: a bundle on this machine, by the board's own command in a process of its own.

Knows nothing of the harness: memory and start-up time count only where nothing else is loaded.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from boardwright.schemas.errors import KitError


def measure(bundle: Path) -> dict[str, Any]:
    """What `boardwright-device bench --json` says. Raises KitError when it fails."""
    command = [sys.executable, "-m", "boardwright.device.cli", "bench", "--bundle", str(bundle), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise KitError("The bundle does not run on this machine.", where=bundle, value=ran.stderr.strip()[-400:])
    figures: dict[str, Any] = json.loads(ran.stdout)
    return figures
