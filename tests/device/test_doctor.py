"""A board is told in words what it lacks, before anything is installed on it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from boardwright.device.cli import main
from boardwright.device.cores import cpu_features
from boardwright.device.doctor import Finding, Running, examine, show
from boardwright.device.needs import NEEDS, Needs
from tests.conftest import make_bundle

from .boards import BOARDS, DOTPROD, PI_FIRMWARE, put

ROOT = Path(__file__).parents[2]
STATE = Path("/var/lib/boardwright")
HERE = Running("aarch64", 64, "3.11", "2.36", 5000, 2026)
NEED = Needs(
    target="armv8", board="any", arch="aarch64", release="bookworm", python="3.11", glibc="2.34",
    features=("fp", "asimd", "crc32"), ram_mb={"armv8.0": 170, "dotprod": 260}, disk_mb=400,
)  # fmt: skip


def findings(root: Path, needs: Needs | None = NEED, running: Running = HERE) -> dict[str, Finding]:
    return {one.name: one for one in examine(needs, STATE, root=root, running=running)}


def refused(found: dict[str, Finding]) -> list[str]:
    return [one.name for one in found.values() if one.verdict == "refusal"]


@pytest.fixture
def pi4(tmp_path: Path) -> Path:
    return BOARDS["pi4"].lay_out(tmp_path)


@pytest.mark.parametrize("name", BOARDS)
def test_a_bundle_for_all_boards_runs_on_every_board(tmp_path: Path, name: str) -> None:
    found = findings(BOARDS[name].lay_out(tmp_path))
    assert found["board"].text == BOARDS[name].model
    assert refused(found) == []
    # Raspberry Pi OS starts with the memory cgroup off, Armbian does not.
    warned = [one.name for one in found.values() if one.verdict == "warning"]
    assert warned == (["memory limit"] if BOARDS[name].firmware else [])


@pytest.mark.parametrize("name", BOARDS)
def test_code_for_dot_products_is_refused_where_it_would_die(tmp_path: Path, name: str) -> None:
    needs = dataclasses.replace(NEED, features=("asimd", "asimddp", "atomics"))
    found = findings(BOARDS[name].lay_out(tmp_path), needs)
    if name in ("pi5", "opi5"):
        assert found["processor"].verdict == "ok"
    else:
        assert found["processor"].verdict == "refusal"
        assert "no asimddp, atomics" in found["processor"].text and "illegal instruction" in found["processor"].text


def test_a_feature_of_the_big_cores_alone_is_none(tmp_path: Path) -> None:
    big = dataclasses.replace(BOARDS["opi5"], parts=(("0xd05", DOTPROD), ("0xd41", f"{DOTPROD} i8mm")))
    assert "i8mm" not in cpu_features(big.lay_out(tmp_path))


def test_the_ram_contract_is_that_of_the_kernels_that_this_cpu_gets(tmp_path: Path) -> None:
    needs = dataclasses.replace(NEED, ram_mb={"armv8.0": 400, "dotprod": 4300})
    assert findings(BOARDS["zero2w"].lay_out(tmp_path / "a"), needs)["memory"].verdict == "warning"  # not free now
    assert findings(BOARDS["pi5"].lay_out(tmp_path / "b"), needs)["memory"].verdict == "refusal"
    assert findings(BOARDS["opi5"].lay_out(tmp_path / "c"), needs)["memory"].verdict == "ok"


@pytest.mark.parametrize(
    ("running", "name", "said"),
    [
        (dataclasses.replace(HERE, bits=32), "architecture", "32-bit"),
        (dataclasses.replace(HERE, machine="armv7l", bits=32), "architecture", "32-bit"),
        (dataclasses.replace(HERE, machine="x86_64"), "architecture", "the bundle is for aarch64"),
        (dataclasses.replace(HERE, python="3.13"), "python", "wheels are for 3.11"),
        (dataclasses.replace(HERE, python="3.9"), "python", "wheels are for 3.11"),
        (dataclasses.replace(HERE, glibc="2.31"), "glibc", "need 2.34"),
        (dataclasses.replace(HERE, glibc="2.4"), "glibc", "need 2.34"),  # as numbers, not as text
        (dataclasses.replace(HERE, glibc=""), "glibc", "another C library"),
        (dataclasses.replace(HERE, free_mb=399), "disk", "399 MB are free; the bundle takes 400 MB"),
    ],
)
def test_what_cannot_run_is_refused(pi4: Path, running: Running, name: str, said: str) -> None:
    found = findings(pi4, running=running)
    assert refused(found) == [name]
    assert said in found[name].text and found[name].next


OVERLAY = (
    "overlayroot / overlay rw,relatime,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay,workdir=/x 0 0\n"
    "{} /media/root-rw {} rw,relatime 0 0\n"
)


@pytest.mark.parametrize(
    ("mounts", "words", "verdict", "said"),
    [
        (OVERLAY.format("tmpfs-root", "tmpfs"), "overlayroot=tmpfs", "refusal", "vanishes"),
        (OVERLAY.format("tmpfs-root", "tmpfs"), "", "refusal", "vanishes"),
        (OVERLAY.format("tmpfs-root", "tmpfs"), "boot=overlay", "refusal", "vanishes"),
        (OVERLAY.format("/dev/sda1", "ext4"), "", "ok", "overlay"),  # written to a disk
        ("/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n", "", "refusal", "read-only"),
        ("/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n/dev/sda1 /var/lib ext4 rw 0 0\n", "", "ok", "/var/lib"),
        ("/dev/mmcblk0p2 / ext4 rw 0 0\ntmpfs /var/lib tmpfs rw 0 0\n", "", "warning", "in memory"),
        ("/dev/root / ext4 ro 0 0\n/dev/root / ext4 rw 0 0\n", "", "ok", "writable"),  # the last one hides the first
        ("", "", "ok", "does not tell"),
    ],
)
def test_a_root_that_forgets_is_refused(pi4: Path, mounts: str, words: str, verdict: str, said: str) -> None:
    put(pi4, "proc/mounts", mounts)
    put(pi4, "proc/cmdline", words)
    found = findings(pi4)["file system"]
    assert found.verdict == verdict
    assert said in found.text


def test_a_memory_limit_that_does_nothing_is_told_with_the_words_that_change_it(pi4: Path) -> None:
    found = findings(pi4)["memory limit"]
    assert found.verdict == "warning"
    assert "cgroup_enable=memory" in show(found)


@pytest.mark.parametrize(
    ("word", "verdict", "said"),
    [
        ("0", "ok", "no under-voltage"),
        ("50005", "warning", "now: under-voltage, throttled"),
        ("50000", "warning", "since it was started: under-voltage, throttled"),
    ],
)
def test_power(pi4: Path, word: str, verdict: str, said: str) -> None:
    put(pi4, f"{PI_FIRMWARE}/get_throttled", word)
    assert findings(pi4)["power"].verdict == verdict
    assert said in findings(pi4)["power"].text


def test_a_hot_board_is_told(pi4: Path) -> None:
    put(pi4, "sys/class/thermal/thermal_zone0/temp", "81200\n")
    assert findings(pi4)["temperature"].verdict == "warning"


def test_a_clock_that_nobody_set_is_a_warning(pi4: Path) -> None:
    assert "1970" in findings(pi4, running=dataclasses.replace(HERE, year=1970))["clock"].text
    (pi4 / "run/systemd/timesync/synchronized").unlink()
    assert findings(pi4)["clock"].verdict == "warning"
    put(pi4, "sys/class/rtc/rtc0/name", "rpi-rtc")
    assert findings(pi4)["clock"].verdict == "ok"


def test_another_release_is_a_warning(pi4: Path) -> None:
    found = findings(pi4, dataclasses.replace(NEED, release="trixie"))
    assert found["system"].verdict == "warning" and refused(found) == []


def test_a_machine_that_tells_nothing_is_not_refused_for_it(tmp_path: Path) -> None:
    assert refused(findings(tmp_path, None)) == []


@given(st.text(max_size=200))
def test_files_of_any_content_are_looked_at(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.mktemp("odd")
    for name in ("cpuinfo", "meminfo", "mounts", "swaps", "cmdline", "device-tree/model"):
        put(root, f"proc/{name}", text)
    put(root, "etc/os-release", text)
    for finding in examine(NEED, STATE, root=root, running=HERE):
        assert show(finding)


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    found = {one.name: one for one in examine(None, tmp_path / "not" / "there" / "yet")}
    assert found["architecture"].verdict == "ok" and "free" in found["disk"].text


def test_it_runs_before_anything_is_installed() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / '.links')!r})\n"
        "import boardwright.device.doctor, boardwright.device.needs\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert set(ran.stdout.split()) - {"__main__"} == {"boardwright"}, ran.stderr


def test_the_command_compares_with_a_bundle(tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDWRIGHT_STATE", str(tmp_path / "state"))
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 0
    bundle = make_bundle(tmp_path, b"weights", {NEEDS: dataclasses.replace(NEED, arch="riscv64").to_json()})
    ran = CliRunner().invoke(main, ["doctor", "--bundle", str(bundle)])
    assert ran.exit_code == 2
    assert "refusal  architecture:" in ran.stdout and "the bundle is for riscv64" in ran.stdout
    told = CliRunner().invoke(main, ["doctor", "--bundle", str(bundle), "--json"])
    assert told.exit_code == 2 and '"verdict": "refusal"' in told.stdout


def test_needs_that_say_nothing_are_a_bad_bundle(tmp_path: Path, own_folders: Path) -> None:
    bundle = make_bundle(tmp_path, b"weights", {NEEDS: "{}"})
    ran = CliRunner().invoke(main, ["doctor", "--bundle", str(bundle)])
    assert ran.exit_code == 2 and "does not say what it should" in ran.stderr
