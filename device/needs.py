"""What a bundle needs of a board, as `board.json` in the bundle says it.

Knows nothing of how a board is looked at. Standard library only: it is read before anything is installed.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass

NEEDS = "board.json"
WHEELS = "wheels"
REQUIREMENTS = f"{WHEELS}/requirements.txt"


def kernels_for(features: Collection[str]) -> str:
    """The kernel variant whose memory counts on a CPU with these features: repacked weights come with dot products."""
    return "dotprod" if "asimddp" in features else "armv8.0"


@dataclass(frozen=True)
class Needs:
    """target, board: the profile that the bundle was built for.  arch: as `uname -m` says it, "aarch64".

    release: code name of the OS release.  python, glibc: "3.13", "2.34"; the wheels are for this Python, and for this
    glibc or a newer one.
    features: as /proc/cpuinfo spells them; without one of them the bundle's code dies of an illegal instruction.
    ram_mb: the RAM contract, kernel variant ("armv8.0", "dotprod") -> peak resident memory in MB (10^6 bytes).
    disk_mb: what an installed slot takes: the staged bundle and its virtual environment.
    """

    target: str
    board: str
    arch: str
    release: str
    python: str
    glibc: str
    features: tuple[str, ...]
    ram_mb: dict[str, int]
    disk_mb: int

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Needs:
        """Raises ValueError with what is wrong."""
        try:
            told = json.loads(text)
            needs = cls(
                target=str(told["target"]),
                board=str(told["board"]),
                arch=str(told["arch"]),
                release=str(told["release"]),
                python=str(told["python"]),
                glibc=str(told["glibc"]),
                features=tuple(map(str, told["features"])),
                ram_mb={str(name): int(value) for name, value in told["ram_mb"].items()},
                disk_mb=int(told["disk_mb"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{NEEDS} does not say what it should: {type(error).__name__}: {error}") from None
        if not needs.ram_mb:
            raise ValueError(f"{NEEDS} has no RAM contract")
        return needs

    def ram_for(self, features: frozenset[str]) -> int:
        """MB that the bundle will hold on a CPU with these features."""
        return self.ram_mb.get(kernels_for(features), max(self.ram_mb.values()))
