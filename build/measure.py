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

# As many records as that, or as fit into that time: of a long document one takes a second on a slow core.
RECORDS, SECONDS = 60, 10


def measure(bundle: Path, documents: Path) -> dict[str, Any]:
    """What `boardwright-device bench --json` says of these documents (JSON lines). Raises KitError when it fails."""
    command = [sys.executable, "-m", "boardwright.device", "bench", "--bundle", str(bundle)]
    command += ["--records", str(RECORDS), "--seconds", str(SECONDS), "--json", str(documents)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise KitError("The bundle does not run on this machine.", where=bundle, value=ran.stderr.strip()[-400:])
    figures: dict[str, Any] = json.loads(ran.stdout)
    return figures
