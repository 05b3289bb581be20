"""From a build for a board to a machine that boots it: the real wheels, the board's CPU emulated, a real kernel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from boardwright.build.cross import unpack_libraries
from boardwright.schemas.bundle import describe, open_bundle, write_bundle
from boardwright.schemas.keys import signing_key
from boardwright.schemas.manifest import make_manifest

from .conftest import House

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NO_DOTPROD, DOTPROD = "cortex-a53", "cortex-a76"


@pytest.fixture(scope="module")
def for_board(house: House, built: dict[str, Any], small_build: list[str]) -> Path:
    """The small build for a board with dot products, 2 GB of memory and the newest OS; only wheels are new to it."""
    command: list[str | Path] = [*small_build, "-o", house.root / "boards"]
    command[command.index("host")] = "rpi5-2gb"
    command[command.index("Q4_0,Q8_0")] = "Q4_0"
    ran = house.run(*command)
    assert ran.returncode == 0, ran.stderr
    return Path(json.loads(ran.stdout.splitlines()[-1])["bundle"])


def proof_of(house: House, bundle: Path, *options: str) -> tuple[int, dict[str, Any]]:
    ran = house.run("boardwright", "prove", bundle, "--documents", "1", "--json", *options)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1])


def test_a_bundle_for_a_board_is_complete_and_small(for_board: Path) -> None:
    assert for_board.name == "invoice-1.0.0-rpi5-2gb-trixie.bwb"
    assert for_board.stat().st_size <= 130e6
    with zipfile.ZipFile(for_board) as archive:
        names = archive.namelist()
        [llama] = [name for name in names if name.startswith("wheels/llama_cpp_python")]
        assert llama.endswith("manylinux_2_34_aarch64.whl") and archive.getinfo(llama).file_size <= 4e6
        bill = json.loads(archive.read("sbom.cdx.json"))
        needs = json.loads(archive.read("board.json"))
        assert "llama-cpp-python" in archive.read("LICENCES.txt").decode()
    wheels = [name for name in names if name.endswith(".whl")]
    libraries = [part for part in bill["components"] if part["type"] == "library"]
    assert bill["specVersion"] == "1.6" and len(libraries) == len(wheels) > 10
    assert needs["python"] == "3.13" and needs["ram_mb"]["dotprod"] > needs["ram_mb"]["armv8.0"]


def test_it_is_proved_on_its_own_cpu_and_carries_the_proof(house: House, for_board: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copy(for_board, tmp_path))
    assert "not proved" in house.run("boardwright-device", "info", "--bundle", bundle).stdout
    code, proof = proof_of(house, bundle)
    [seen] = proof["cpus"]
    assert code == 0, proof
    assert (seen["cpu"], seen["kernels"]) == (DOTPROD, "dotprod")
    assert (seen["records"], seen["tokens"], seen["illegal"]) == (1, 1, 0)
    assert not seen["sockets"] and not seen["written"]
    assert abs(seen["rss_mb"] / seen["contract_mb"] - 1) <= 0.10
    assert not any(proof["libraries"].values())
    shown = house.run("boardwright-device", "info", "--bundle", bundle).stdout
    assert "1 of 1 golden records" in shown and "not proved" not in shown


def planted(bundle: Path, folder: Path) -> Path:
    """The bundle, its kernels for every CPU replaced by those with dot products, and made to say that they fit."""
    opened = open_bundle(bundle, [signing_key().public])
    staged = opened.stage(folder / "staged")
    [wheel] = (staged / "wheels").glob("llama_cpp_python*.whl")
    libraries = {one.name: one for one in unpack_libraries(wheel, folder / "libraries")}
    plant = bytearray(libraries["libggml-cpu-dotprod.so"].read_bytes())
    symbols = subprocess.run(
        ["aarch64-linux-gnu-nm", "-D", str(libraries["libggml-cpu-dotprod.so"])],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    [score] = [line for line in symbols.splitlines() if line.endswith(" ggml_backend_score")]
    at = int(score.split()[0], 16)  # the text segment is mapped where it lies in the file
    plant[at : at + 8] = bytes.fromhex("20008052c0035fd6")  # mov w0, #1; ret
    altered = folder / wheel.name
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(altered, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, bytes(plant) if name.endswith("libggml-cpu-armv8.0.so") else source.read(name))
    files = {entry.name: staged / entry.name for entry in opened.manifest.files}
    files[f"wheels/{wheel.name}"] = altered
    fields = opened.manifest.model_dump() | {"files": [entry.model_dump() for entry in describe(files)]}
    path = folder / "planted.bwb"
    write_bundle(path, make_manifest(fields), files, signing_key())
    return path


def test_dot_products_where_they_do_not_belong_are_caught(
    house: House, for_board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(house.root / "keys"))
    bundle = planted(for_board, tmp_path)
    before = bundle.read_bytes()
    code, proof = proof_of(house, bundle, "--cpu", "cortex-a53", "--cpu", "cortex-a72")
    assert code == 1 and bundle.read_bytes() == before
    assert proof["libraries"]["libggml-cpu-armv8.0.so"]["sdot"] > 100
    assert [(seen["cpu"], seen["illegal"], seen["records"]) for seen in proof["cpus"]] == [
        ("cortex-a53", 1, 0),
        ("cortex-a72", 1, 0),
    ]


def test_a_bundle_that_is_for_no_board_is_refused_in_words(house: House, built: dict[str, Any]) -> None:
    for command in (["prove"], ["image", "--base", "x.img", "-o", "y.img"], ["push"]):
        ran = house.run(
            "boardwright", command[0], built["bundle"], *command[1:], *(["a@b"] if command == ["push"] else [])
        )
        assert ran.returncode == 2 and "not built for a board" in ran.stderr, ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs qemu and loop devices")
def test_it_boots_installs_itself_and_answers_over_the_serial_line(house: House, for_board: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/prove_boot.py"), str(for_board), "--documents", "1"]
    ran = subprocess.run(command, env=house.environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "1 of 1 records" in ran.stdout and "network: ['lo']" in ran.stdout
