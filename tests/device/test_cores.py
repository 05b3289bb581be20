"""Big cores are found as the kernels of real boards tell them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from boardwright.device.cores import big_cores

# cpu_capacity and cpuinfo_max_freq (kHz) of each core, as read on these boards; None where the file is missing.
BOARDS: dict[str, tuple[list[int | None], list[int | None], list[int]]] = {
    "Raspberry Pi 4": ([1024] * 4, [1_800_000] * 4, [0, 1, 2, 3]),
    "Raspberry Pi 5": ([None] * 4, [2_400_000] * 4, [0, 1, 2, 3]),
    "RK3588": (
        [530, 530, 530, 530, 1024, 1024, 1008, 1008],
        [1_800_000, 1_800_000, 1_800_000, 1_800_000, 2_352_000, 2_352_000, 2_304_000, 2_304_000],
        [4, 5, 6, 7],
    ),
    "RK3588 without cpu_capacity": (
        [None] * 8,
        [1_608_000, 1_608_000, 1_608_000, 1_608_000, 2_352_000, 2_352_000, 2_352_000, 2_352_000],
        [4, 5, 6, 7],
    ),
    "H618": ([1024] * 4, [1_512_000] * 4, [0, 1, 2, 3]),
    "a virtual machine": ([None] * 2, [None] * 2, [0, 1]),
}


def tree(folder: Path, files: Mapping[str, list[int | None]]) -> Path:
    for name, values in files.items():
        for core, value in enumerate(values):
            file = folder / f"cpu{core}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if value is not None:
                file.write_text(f"{value}\n")
    return folder


@pytest.mark.parametrize("board", BOARDS)
def test_boards(tmp_path: Path, board: str) -> None:
    capacity, clock, big = BOARDS[board]
    sysfs = tree(tmp_path, {"cpu_capacity": capacity, "cpufreq/cpuinfo_max_freq": clock})
    assert big_cores(sysfs, range(len(capacity))) == big


def test_only_what_the_process_may_use(tmp_path: Path) -> None:
    sysfs = tree(tmp_path, {"cpu_capacity": [414, 414, 1024, 1024]})
    assert big_cores(sysfs, {0, 1}) == [0, 1]
    assert big_cores(sysfs, {1, 2}) == [2]


def test_a_file_that_is_no_number_tells_nothing(tmp_path: Path) -> None:
    sysfs = tree(tmp_path, {"cpu_capacity": [1024, 1024]})
    (sysfs / "cpu1" / "cpu_capacity").write_text("?")
    assert big_cores(sysfs, {0, 1}) == [0, 1]
