"""The unit is one that systemd takes, and setting it up twice changes nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from boardwright.device.service import set_up, unit
from boardwright.device.slots import State
from boardwright.schemas.errors import KitError
from tests.installable import tree_of

STATE = State(Path("/var/lib/boardwright"))


def test_its_limits_are_the_ram_contract_with_head_room() -> None:
    lines = unit(STATE, 200).splitlines()
    assert "MemoryMax=239M" in lines  # 250 MB, in MiB
    assert f"LimitAS={2 * 239 + 2048}M" in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    # The program has to exist, and the user: root does.
    state = State(tmp_path)
    program = tmp_path / "active" / "venv" / "bin" / "boardwright-device"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / "boardwright.service"
    file.write_text(unit(state, 200, user="root"))
    ran = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (ran.returncode, "boardwright" in ran.stderr) == (0, False), ran.stderr


def test_it_is_set_up_once(tmp_path: Path) -> None:
    state, root = State(tmp_path / "state"), tmp_path / "root"
    set_up(state, 200, root)
    assert (root / "etc/systemd/system/boardwright.service").read_text() == unit(state, 200)
    assert (root / "usr/local/bin/boardwright-device").readlink() == state.folder / "active/venv/bin/boardwright-device"
    assert [oct(place.stat().st_mode)[-4:] for place in (state.inbox, state.outbox)] == ["1777", "0755"]
    before = sorted(tree_of(root))
    set_up(state, 200, root)
    assert sorted(tree_of(root)) == before


def test_what_somebody_else_put_there_is_not_replaced(tmp_path: Path) -> None:
    program = tmp_path / "usr/local/bin/boardwright-device"
    program.parent.mkdir(parents=True)
    program.write_text("mine")
    with pytest.raises(KitError, match="Something else has this name"):
        set_up(State(tmp_path / "state"), 200, tmp_path)
    assert program.read_text() == "mine"


def test_a_path_that_systemd_reads_differently_is_refused() -> None:
    with pytest.raises(KitError, match="systemd"):
        unit(State(Path("/var/lib/board wright")), 200)
