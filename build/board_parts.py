"""What a bundle carries for its board beside model and task: wheels, what it needs, and what it is made of.

Knows nothing of models' quality. A board needs nothing from outside: not a compiler, not an index.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from boardwright.build.cross import GLIBC
from boardwright.build.ram import ram_contract
from boardwright.build.sbom import LICENCES, SBOM, licence_list, sbom
from boardwright.build.wheels import Wheel, read_wheels, requirements
from boardwright.device.needs import NEEDS, REQUIREMENTS, WHEELS, Needs, kernels_for
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget, KitError
from boardwright.schemas.task import Task
from boardwright.targets.profile import OsRelease, Target

# What the code of every wheel takes for granted: armv8.0 with NEON. All else is asked for at run time.
FEATURES = ("fp", "asimd")
# Compiled Python beside its source, and the environment's own scripts.
BYTECODE = 1.2


def release_of(target: Target, name: str | None) -> OsRelease:
    """The OS release of that name, or the newest (the last) that the target lists. Raises BadTarget."""
    known = {release.release: release for release in target.os}
    if name is None:
        return target.os[-1]
    if name not in known:
        raise BadTarget(
            "This target has no such OS release.",
            where=target.name,
            value=name,
            allowed=", ".join(known) or "none: it is no board",
        )
    return known[name]


def board_parts(
    task: Task,
    target: Target,
    release: OsRelease,
    model: Path,
    encoding: Encoding,
    wheels_folder: Path,
    licences: Sequence[Mapping[str, str]],
    model_sha256: str,
) -> tuple[dict[str, str], dict[str, Path]]:
    """(name in the bundle -> its text, name -> the file that it is).

    Raises BadTarget where the RAM contract is more than the board's budget or memory."""
    wheels = read_wheels(wheels_folder)
    contract = ram_contract(model, encoding, task.limits.context)
    check_ram(target, contract)
    size = sum(path.stat().st_size for path in [*encoding.files(model), *(one.path for one in wheels)])
    needs = Needs(
        target=target.name,
        board=target.board,
        arch=target.arch,
        release=release.release,
        python=release.python,
        glibc=GLIBC,
        features=FEATURES,
        ram_mb=contract,
        disk_mb=round((size + BYTECODE * sum(map(_unpacked, wheels))) / 1e6),
    )
    texts = {
        NEEDS: needs.to_json(),
        REQUIREMENTS: requirements(wheels),
        SBOM: sbom(task.name, task.version, model_sha256, licences, wheels),
        LICENCES: licence_list(licences, wheels),
    }
    return texts, {f"{WHEELS}/{one.path.name}": one.path for one in wheels}


def check_ram(target: Target, contract: Mapping[str, int]) -> None:
    """Raises BadTarget where a harness would hold more than the target allows."""
    variant = kernels_for(target.cpu.features)
    if contract[variant] > target.budgets.rss_mb:
        raise BadTarget(
            "This bundle would take more memory than the target allows.",
            where=f"{target.name}: budgets.rss_mb",
            value=f"{contract[variant]} MB predicted",
            allowed=f"{target.budgets.rss_mb} MB or less",
            next="choose a smaller encoding with --encodings, a shorter limits.context, or a board with more memory",
        )


def _unpacked(wheel: Wheel) -> int:
    try:
        with zipfile.ZipFile(wheel.path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise KitError("This wheel is damaged.", where=wheel.path.name, value=str(error)) from None
