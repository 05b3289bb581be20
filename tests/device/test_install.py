"""An install changes everything or nothing: through older releases, full disks, wrong answers and kills."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from boardwright.device.cli import main
from boardwright.device.install import install
from boardwright.device.needs import REQUIREMENTS
from boardwright.device.slots import State
from boardwright.schemas.errors import BadBundle, InstallFailed, KitError
from boardwright.schemas.records import spell
from tests.conftest import golden_line, make_bundle
from tests.installable import HERE, make_installable, tree_of

COMMAND = [sys.executable, "-m", "boardwright.device", "install", "--no-service"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("keys")
        patch.setenv("BOARDWRIGHT_KEYS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def bundles(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Releases 3, 4 and 5 of the same bundle."""
    return {counter: make_installable(tmp_path_factory.mktemp("b"), counter=counter) for counter in (3, 4, 5)}


@pytest.fixture
def state(keys: Path, tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture(scope="module")
def installed(bundles: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> State:
    """Release 4, installed once for those tests that leave it as it is."""
    state = State(tmp_path_factory.mktemp("installed") / "state")
    install(bundles[4], state.folder)
    return state


def old_slot(state: State) -> Path:
    """A slot that is active, as far as links and folders tell, and costs nothing to make."""
    folder = state.folder / "slots" / "0123456789abcdef"
    (folder / "bundle").mkdir(parents=True)
    (state.folder / "active").symlink_to("slots/0123456789abcdef")
    return folder


def slots(state: State) -> list[str]:
    return sorted(os.listdir(state.folder / "slots"))


def test_a_slot_has_a_program_of_its_own_and_vouches_for_its_signer(installed: State, tmp_path: Path) -> None:
    slot = installed.active()
    assert slot and slots(installed) == [slot.folder.name]
    # A user of the board, who has no keys at all.
    environment = {"BOARDWRIGHT_STATE": str(installed.folder), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    program = installed.folder / "active" / "venv" / "bin" / "boardwright-device"
    ran = subprocess.run([program, "info"], env=environment, capture_output=True, text=True, check=False)
    assert "ticket 1.0.0 (release 4)" in ran.stdout, ran.stderr
    where = [str(slot.python), "-I", "-c", "import boardwright.device.install as i, pip; print(i.__file__)"]
    ran = subprocess.run(where, capture_output=True, text=True, check=False)
    assert ran.stdout.startswith(str(slot.venv)), ran.stderr


def test_the_same_bundle_again_changes_nothing(installed: State, bundles: dict[int, Path]) -> None:
    before = sorted(tree_of(installed.folder))
    assert install(bundles[4], installed.folder).changed is False
    assert sorted(tree_of(installed.folder)) == before


def test_an_older_release_is_refused(installed: State, bundles: dict[int, Path]) -> None:
    before = sorted(tree_of(installed.folder))
    with pytest.raises(BadBundle, match="newer release"):
        install(bundles[3], installed.folder)
    assert sorted(tree_of(installed.folder)) == before


def test_a_damaged_slot_is_mended_by_its_own_bundle(installed: State, bundles: dict[int, Path]) -> None:
    slot = installed.active()
    assert slot
    (slot.bundle / "model.gguf").write_bytes(b"WEIGHTS")
    ran = CliRunner().invoke(main, ["info", "--bundle", str(slot.folder)])
    assert ran.exit_code == 2 and "install the bundle again" in ran.stderr
    assert install(bundles[4], installed.folder).changed
    assert CliRunner().invoke(main, ["info", "--bundle", str(slot.folder)]).exit_code == 0


def test_the_slot_before_is_kept_and_older_ones_go(state: State, bundles: dict[int, Path]) -> None:
    first = old_slot(state)
    second = install(bundles[4], state.folder).slot
    assert (state.active(), state.previous()) == (second, State(state.folder).slot(first.name))
    third = install(bundles[5], state.folder).slot
    assert (state.active(), state.previous()) == (third, second)
    assert slots(state) == sorted([second.folder.name, third.folder.name])
    with pytest.raises(BadBundle, match="newer release"):
        install(bundles[4], state.folder)


def test_wrong_answers_leave_the_old_slot_active(state: State, keys: Path, tmp_path: Path) -> None:
    old = old_slot(state)
    with pytest.raises(InstallFailed, match="does not answer") as failed:
        install(make_installable(tmp_path / "b", code=1), state.folder)
    assert failed.value.exit_code == 1 and "another record" in str(failed.value)
    assert state.active() == State(state.folder).slot(old.name)
    assert slots(state) == [old.name]


def test_another_board_is_refused_before_anything_is_written(state: State, keys: Path, tmp_path: Path) -> None:
    old = old_slot(state)
    needs = dataclasses.replace(HERE, features=("sve9",), ram_mb={"armv8.0": 10**7})
    with pytest.raises(KitError, match=r"no sve9.*more than this board has"):
        install(make_installable(tmp_path / "b", needs=needs), state.folder)
    assert slots(state) == [old.name]


def test_a_bundle_without_wheels_is_refused(state: State, keys: Path, tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="no wheels"):
        install(make_bundle(tmp_path, b"weights"), state.folder)
    assert not state.folder.exists()


def test_a_wheel_that_is_not_the_one_that_was_packed_is_refused(state: State, keys: Path, tmp_path: Path) -> None:
    old = old_slot(state)
    good = make_installable(tmp_path / "a")
    wheels = {f"wheels/{one.name}": one for one in (good.parent / "wheels").iterdir()}
    told = {name: (good.parent / "parts" / name).read_text() for name in ("board.json", REQUIREMENTS)}
    lines = told[REQUIREMENTS].splitlines()
    told[REQUIREMENTS] = f"{lines[0]}\n{lines[1][:-4]}0000\n"
    (tmp_path / "b").mkdir()
    with pytest.raises(InstallFailed, match="wheels can't be installed"):
        install(make_bundle(tmp_path / "b", b"weights", told, more=wheels), state.folder)
    assert slots(state) == [old.name]


def test_pip_takes_nothing_from_this_machines_settings(
    state: State, bundles: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "home" / ".config" / "pip"
    config.mkdir(parents=True)
    (config / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/\nrequire-virtualenv = nonsense\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    install(bundles[3], state.folder)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare, to mount a disk")
@pytest.mark.parametrize("spare_kb", [0, 1300], ids=["no room for the bundle", "no room for its programs"])
def test_a_full_disk_leaves_the_old_slot_active(state: State, keys: Path, tmp_path: Path, spare_kb: int) -> None:
    bundle = make_installable(tmp_path / "b", needs=dataclasses.replace(HERE, disk_mb=0), model=b"w" * 4_000_000)
    state.folder.mkdir()
    size = bundle.stat().st_size // 1024 + spare_kb
    script = (
        f'mount -t tmpfs -o size={size}k none "$0" && mkdir -p "$0/slots/old" && ln -s slots/old "$0/active" && '
        '"$@"; code=$?; ls -A "$0/slots"; readlink "$0/active"; exit $code'
    )
    command = [
        "unshare",
        "-m",
        "sh",
        "-c",
        script,
        str(state.folder),
        *COMMAND,
        "--state",
        str(state.folder),
        str(bundle),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if "mount" in ran.stderr:
        pytest.skip("this machine does not let us mount")
    assert ran.returncode == 2 and ("disk is full" in ran.stderr or "not enough room" in ran.stderr), ran.stderr
    assert ran.stdout.splitlines() == ["old", "slots/old"]


KILLS = [
    "rename:when=1",  # the staged bundle gets its name
    "fsync:when=20",
    "sync:when=1",  # the venv is made and has answered
    "rename:when=3",  # the newest counter
    "rename:when=4",  # what was active is the previous one
    "rename:when=5",  # the new one is active
]


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_kill_at_any_moment_leaves_the_old_slot_or_the_new_one(state: State, bundles: dict[int, Path]) -> None:
    old = old_slot(state)
    new = None
    for kill in KILLS:
        call, when = kill.split(":")
        inject = ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:{when}"]
        ran = subprocess.run(
            [*inject, *COMMAND, "--state", str(state.folder), str(bundles[4])], capture_output=True, check=False
        )
        if b"ptrace" in ran.stderr:
            pytest.skip("this machine does not let us trace")
        assert ran.returncode in (137, -9), f"{kill}: {ran.stderr.decode()}"
        active = state.active()
        assert active, kill
        if active.folder != old:
            assert kill == KILLS[-1] and active.program.exists()
            new = active
    done = install(bundles[4], state.folder)
    assert new in (None, done.slot)
    assert slots(state) == sorted([old.name, done.slot.folder.name])
    assert sorted(os.listdir(state.folder)) == ["active", "counters.json", "previous", "slots"]
    assert sorted(os.listdir(done.slot.folder)) == ["bundle", "signer.pub", "venv"]


def test_two_installs_at_once_take_turns(state: State, bundles: dict[int, Path]) -> None:
    commands = [[*COMMAND, "--state", str(state.folder), str(bundles[4])] for _ in range(2)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("is active already" in text for text in said) == 1


def test_counters_that_cannot_be_read_refuse(state: State, bundles: dict[int, Path]) -> None:
    old_slot(state)
    (state.folder / "counters.json").write_text("{")
    with pytest.raises(KitError, match="older release could not be told"):
        install(bundles[4], state.folder)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_real_student_answers_in_its_slot(state: State, keys: Path, student_gguf: Path, tmp_path: Path) -> None:
    """The golden record is whatever the untuned student says; the slot's own program has to say it again."""
    from boardwright.device.bundles import load_bundle
    from boardwright.device.engines.llama import LlamaEngine

    document = "Ada Lovelace: the printer is on fire!"
    engine = LlamaEngine(student_gguf, n_ctx=512, threads=1)
    draft = golden_line(document, engine.tokenize, {})
    engine.close()
    first = load_bundle(make_bundle(tmp_path, student_gguf, {"golden.jsonl": draft}), cache=tmp_path / "cache")
    harness = first.harness()
    record = harness.extract(document).record.model_dump(mode="json")
    harness.close()
    golden = spell(json.loads(draft) | {"record": record}) + "\n"
    bundle = make_installable(
        tmp_path / "b", real=True, model=student_gguf, parts={"golden.jsonl": golden},
        needs=dataclasses.replace(HERE, disk_mb=250),
    )  # fmt: skip
    done = install(bundle, state.folder)
    (tmp_path / "ticket.txt").write_text(document)
    environment = os.environ | {"BOARDWRIGHT_STATE": str(state.folder)}
    command = [str(done.slot.program), "extract", "--json", str(tmp_path / "ticket.txt")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and '"kind"' in ran.stdout, ran.stderr
