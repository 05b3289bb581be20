"""Temperature, throttling and writes, as kernels and firmware tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from boardwright.device.vitals import Vitals, raised, read_vitals

FIRMWARE = "devices/platform/soc/soc:firmware"


def test_a_board(tmp_path: Path) -> None:
    for zone, value in enumerate(("48312", "51000", "broken")):
        file = tmp_path / f"class/thermal/thermal_zone{zone}/temp"
        file.parent.mkdir(parents=True)
        file.write_text(value + "\n")
    (tmp_path / FIRMWARE).mkdir(parents=True)
    (tmp_path / FIRMWARE / "get_throttled").write_text("50005\n")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "io").write_text("rchar: 9\nwrite_bytes: 4096\n")
    assert read_vitals(tmp_path, tmp_path) == Vitals(51.0, 0x50005, 4096)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert read_vitals(tmp_path, tmp_path) == Vitals(None, None, None)


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (0, 0, []),
        (0x50000, 0x50000, []),  # since boot, but not in this run
        (0, 0x40000, ["throttled"]),  # in this run, and over again
        (0, 0x50005, ["under-voltage", "throttled"]),
        (0x8, 0x8, ["soft temperature limit"]),
        (None, 0x5, []),
    ],
)
def test_what_makes_a_run_invalid(before: int | None, after: int | None, names: list[str]) -> None:
    assert raised(Vitals(None, before, None), Vitals(None, after, None)) == names
