"""The wheel of llama.cpp for boards. That it runs is proved in tests/e2e/test_boards.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from boardwright.build.cross import VARIANTS, _choose_variants
from boardwright.build.disassembly import _FORBIDDEN
from boardwright.schemas.errors import KitError

LISTS = """\
        if (CMAKE_SYSTEM_NAME MATCHES "Linux")
            # Many of these features are optional
            ggml_add_cpu_backend_variant(armv8.0_1)
            ggml_add_cpu_backend_variant(armv8.2_3    DOTPROD FP16_VECTOR_ARITHMETIC SVE)
        elseif (CMAKE_SYSTEM_NAME MATCHES "Android")
            ggml_add_cpu_backend_variant(android_armv8.0_1)
"""


def test_our_kernel_variants_take_the_place_of_ggml_s(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(LISTS)
    _choose_variants(tmp_path / "CMakeLists.txt")
    text = (tmp_path / "CMakeLists.txt").read_text()
    assert re.findall(r"variant\(([\w.]+)", text) == [*VARIANTS, "android_armv8.0_1"]
    assert "SVE" not in text


def test_a_source_that_lists_them_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text("nothing of the kind\n")
    with pytest.raises(KitError, match="not known"):
        _choose_variants(tmp_path / "CMakeLists.txt")


@pytest.mark.parametrize(
    "instruction",
    ["sdot\tv0.4s, v1.16b, v2.16b", "usdot v0.4s", "smmla\tv1", "aese v0.16b", "sha256h q0", "pmull\tv0.1q, v1.1d"],
)
def test_instructions_that_armv8_0_lacks_are_known(instruction: str) -> None:
    assert _FORBIDDEN.search(f"  b2f0:\t{instruction}")


@pytest.mark.parametrize("instruction", ["pmull\tv0.8h, v1.8b, v2.8b", "sdotty", "smlal v0.8h", "fmla v0.4s", "sadalp"])
def test_those_that_it_has_are_not_taken_for_them(instruction: str) -> None:
    assert not _FORBIDDEN.search(f"  b2f0:\t{instruction}")
