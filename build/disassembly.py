"""What instructions a library for boards holds that an armv8.0 CPU has not, read off its disassembly.

Knows nothing of emulation, which sees only the code that runs, and whose cortex-a72 has cryptography that a Raspberry
Pi 3 and 4 lack. Instruction names: Arm Architecture Reference Manual, features FEAT_DotProd, FEAT_I8MM, FEAT_AES,
FEAT_SHA1, FEAT_SHA256, FEAT_PMULL.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from boardwright.schemas.errors import KitError

OBJDUMP = "aarch64-linux-gnu-objdump"
_FORBIDDEN = re.compile(
    r"\t(?P<name>[us]dot|usdot|sudot|[us]mmla|usmmla|aes(?:e|d|mc|imc)|sha1[a-z0-9]+|sha256[a-z0-9]+|sha512[a-z0-9]+"
    # Of polynomial products only those of 64 bits belong to cryptography.
    r"|pmull2?(?=\s+v\d+\.1q))\b"
)


def foreign_instructions(library: Path) -> dict[str, int]:
    """Instruction -> how often it stands in the library; empty where an armv8.0 CPU can run all of it."""
    if not shutil.which(OBJDUMP):
        raise KitError(
            "The disassembler for ARM is not installed.",
            value=OBJDUMP,
            next="sudo apt-get install binutils-aarch64-linux-gnu",
        )
    command = [OBJDUMP, "-d", "--no-show-raw-insn", str(library)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise KitError("This library can't be disassembled.", where=library.name, value=ran.stderr.strip()[-200:])
    return dict(sorted(Counter(found["name"] for found in _FORBIDDEN.finditer(ran.stdout)).items()))


def check_libraries(libraries: Sequence[Path], newer: Sequence[str]) -> dict[str, dict[str, int]]:
    """Library -> its foreign instructions, for all that an armv8.0 CPU may load.

    newer: kernel variants whose libraries only CPUs that have these instructions load."""
    skipped = tuple(f"-{variant}.so" for variant in newer)
    return {one.name: foreign_instructions(one) for one in libraries if not one.name.endswith(skipped)}
