"""What a bundle carries for its board: needs, bill of materials, licences, the RAM contract."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from boardwright.build.board_parts import board_parts, check_ram, release_of
from boardwright.build.ram import ram_contract
from boardwright.build.sbom import sbom
from boardwright.build.wheels import read_wheels
from boardwright.device.needs import Needs
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget, KitError
from boardwright.schemas.task import load_task
from boardwright.targets.profile import load_target

LICENCES = [{"name": "student", "license": "Apache-2.0", "source": "PyPI"}]
WIDTH, LAYERS = 64, 3


def model(
    folder: Path,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q8_0,
    tied: bool = True,
    words: int = 512,
) -> Path:
    """A GGUF of a llama's shape without a llama's weights."""
    path = folder / f"{kind.name}-{tied}-{words}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_embedding_length(WIDTH)
    rows = np.zeros((words, WIDTH), np.float32)
    for name in ("token_embd.weight", *([] if tied else ["output.weight"])):
        writer.add_tensor(name, gguf.quants.quantize(rows, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def contract(folder: Path, n_ctx: int = 1024, **changes: Any) -> Mapping[str, int]:
    return ram_contract(model(folder, **changes), Encoding.Q8_0, n_ctx)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    licences = {"a-1-py3-none-any": "MIT", "b-2-py3-none-any": "BSD License", "pip-26.3-py3-none-any": "MIT"}
    for name, licence in licences.items():
        with zipfile.ZipFile(folder / f"{name}.whl", "w") as wheel:
            info = "-".join(name.split("-")[:2]) + ".dist-info"
            wheel.writestr(f"{info}/METADATA", f"License-Expression: {licence}\n")
            wheel.writestr(f"{info}/licenses/LICENSE", f"the terms of {name}")
            wheel.writestr("code.py", "x" * 1000)
    return folder


class TestTheRamContract:
    def test_keys_and_values_grow_with_the_context(self, tmp_path: Path) -> None:
        per_position = 2 * LAYERS * 2 * (WIDTH // 4) * 2
        grown = contract(tmp_path, 1 << 20)["armv8.0"] - contract(tmp_path, 1 << 10)["armv8.0"]
        assert grown == pytest.approx(per_position * ((1 << 20) - (1 << 10)) / 1e6, abs=1)

    def test_dot_products_keep_a_tied_output_twice(self, tmp_path: Path) -> None:
        words = 200_000
        tied, own = contract(tmp_path, words=words), contract(tmp_path, words=words, tied=False)
        coarse = contract(tmp_path, words=words, kind=gguf.GGMLQuantizationType.Q5_0)
        assert tied["dotprod"] - tied["armv8.0"] == pytest.approx(words * WIDTH * 34 / 32 / 1e6, abs=1)
        assert own["dotprod"] == own["armv8.0"]
        assert coarse["dotprod"] == coarse["armv8.0"]  # not repacked

    def test_what_is_no_model_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.gguf").write_bytes(b"GGUF")
        with pytest.raises(KitError, match="can't be read"):
            ram_contract(tmp_path / "x.gguf", Encoding.Q8_0, 1024)

    def test_more_than_the_budget_is_refused_before_anything_is_flashed(self) -> None:
        target = load_target("rpi-zero2w")
        check_ram(target, {"armv8.0": target.budgets.rss_mb, "dotprod": 10_000})
        with pytest.raises(BadTarget, match="more memory than the target allows"):
            check_ram(target, {"armv8.0": target.budgets.rss_mb + 1, "dotprod": 0})


class TestTheRelease:
    def test_it_is_the_newest_unless_told(self) -> None:
        target = load_target("rpi5-2gb")
        assert release_of(target, None).release == "trixie"
        assert release_of(target, "bookworm").python == "3.11"

    def test_one_that_the_target_lacks_is_refused(self) -> None:
        with pytest.raises(BadTarget, match="no such OS release") as caught:
            release_of(load_target("rpi5-2gb"), "sid")
        assert "bookworm, trixie" in str(caught.value)

    def test_a_machine_that_is_no_board_has_none(self) -> None:
        with pytest.raises(BadTarget, match="no such OS release"):
            release_of(load_target("host"), "trixie")


def test_the_parts_say_what_the_board_must_have(tmp_path: Path, wheels: Path) -> None:
    target = load_target("rpi5-2gb")
    texts, files = board_parts(
        load_task("invoice"),
        target,
        release_of(target, None),
        model(tmp_path),
        Encoding.Q8_0,
        wheels,
        LICENCES,
        "0" * 64,
    )
    needs = Needs.from_json(texts["board.json"])
    assert (needs.target, needs.arch, needs.release, needs.python) == ("rpi5-2gb", "aarch64", "trixie", "3.13")
    assert set(texts) == {"board.json", "wheels/requirements.txt", "sbom.cdx.json", "LICENCES.txt"}
    assert {path.name for path in wheels.iterdir()} == {name.removeprefix("wheels/") for name in files}
    assert "pip" not in texts["wheels/requirements.txt"]
    assert "the terms of b-2-py3-none-any" in texts["LICENCES.txt"]


def test_the_bill_of_materials_is_valid_cyclonedx(wheels: Path) -> None:
    text = sbom("invoice", "1.0.0", "0" * 64, LICENCES, read_wheels(wheels))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = {part["name"]: part for part in json.loads(text)["components"]}
    assert parts["a"]["purl"] == "pkg:pypi/a@1"
    assert parts["a"]["licenses"] == [{"expression": "MIT"}]
    assert parts["b"]["licenses"] == [{"license": {"name": "BSD License"}}]


def test_the_same_parts_give_the_same_bill(wheels: Path) -> None:
    one, two = (sbom("invoice", "1.0.0", "0" * 64, LICENCES, read_wheels(wheels)) for _ in range(2))
    assert one == two
