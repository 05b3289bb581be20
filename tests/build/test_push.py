"""A push ends installed or says why not: over cut connections, damaged parts, wrong keys and full disks.

The board is this machine, by way of a real sshd on a port of its own; a folder stands for the board's root.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest
from click.testing import CliRunner, Result

from boardwright.build import push
from boardwright.build.cli import cli
from boardwright.build.ssh import Board, ConnectionLost, connect
from boardwright.device.slots import State
from boardwright.schemas.errors import BadBundle, KitError
from boardwright.schemas.steps import Event, use_reporter
from tests.conftest import make_bundle
from tests.installable import HERE, make_installable

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
pytestmark = pytest.mark.skipif(not (SSHD and shutil.which("ssh-keygen")), reason="needs openssh-server and -client")
CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv HOME={folder}/home PATH={python}:/usr/sbin:/usr/bin:/sbin:/bin
"""
CLIENT = """
Host *
  BatchMode yes
  IdentitiesOnly yes
  IdentityFile {folder}/mine
  UserKnownHostsFile {folder}/known_hosts
  StrictHostKeyChecking yes
"""


@dataclass
class Server:
    """A board's ssh server.  root: stands for the root of the board."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def state(self) -> State:
        return State(self.root / "var/lib/boardwright")

    def arrived(self, parcel: push.Parcel) -> Path:
        return self.folder / "home" / parcel.there

    def cut(self) -> None:
        """End every connection, as a board does that loses its power."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)


@pytest.fixture
def server(tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "ssh"
    (folder / "home").mkdir(parents=True)
    (folder / "root").mkdir()
    for name in ("host", "mine", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copy(folder / "mine.pub", folder / "authorized_keys")
    know(folder, port, "host")
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder, python=Path(sys.executable).parent))
    (folder / "config").write_text(CLIENT.format(folder=folder))
    # ssh finds its configuration by the password file, not by HOME: so the one on the path brings another.
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # systemd makes it on most machines
    process = subprocess.Popen([str(SSHD), "-D", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield Server(folder, port, process)
    finally:
        process.terminate()
        process.wait()


def know(folder: Path, port: int, key: str) -> None:
    kind, value = (folder / f"{key}.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {value}\n")


def wait_for(port: int) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.skip("sshd does not start here")


@pytest.fixture
def board(server: Server) -> Iterator[Board]:
    with connect(server.host, server.port, None) as board:
        yield board


@pytest.fixture
def parcel(tmp_path: Path, own_folders: Path) -> push.Parcel:
    return push.parcel(make_installable(tmp_path / "b", model=os.urandom(8_000_000)))


def full_push(server: Server, board: Board, parcel: push.Parcel) -> int:
    seen = push.look(board, parcel, str(server.root))
    assert not [one for one in seen.findings if one.verdict == "refusal"]
    push.send(board, parcel, seen.arrived)
    return push.install(board, parcel, seen.sudo, str(server.root))


class At:
    """Does something once, when half of the bundle is on its way."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do: Callable[[], None] | None = do

    def report(self, event: Event) -> None:
        if self._do and event.kind == "progress" and event.done and event.total and event.done > event.total / 2:
            do, self._do = self._do, None
            do()

    def close(self) -> None:
        pass


def test_a_bundle_is_active_and_nothing_else_is_left(server: Server, board: Board, parcel: push.Parcel) -> None:
    assert full_push(server, board, parcel) == 0
    assert (slot := server.state.active()) and slot.program.exists()
    assert [one.name for one in (server.root / "etc/boardwright/trusted").iterdir()] == [f"{parcel.bundle.key.id}.pub"]
    assert not (server.folder / "home" / push.THERE).exists()


def test_the_installers_exit_code_and_words_come_through(
    server: Server, board: Board, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert full_push(server, board, push.parcel(make_installable(tmp_path / "b", code=1))) == 1
    assert "another record" in capfd.readouterr().err
    assert server.state.active() is None


def test_a_push_that_was_cut_off_goes_on_where_it_was(server: Server, board: Board, parcel: push.Parcel) -> None:
    with pytest.raises(ConnectionLost), use_reporter(At(server.cut)):
        push.send(board, parcel, 0)
    assert server.state.active() is None
    size = parcel.path.stat().st_size
    arrived = push.look(board, parcel).arrived
    assert 0 < arrived < size
    fed: list[float] = []
    with use_reporter(Collect(fed)):
        push.send(board, parcel, arrived)
    assert fed[0] == arrived and fed[-1] == size
    assert server.arrived(parcel).read_bytes() == parcel.path.read_bytes()


class Collect:
    def __init__(self, done: list[float]) -> None:
        self._done = done

    def report(self, event: Event) -> None:
        if event.kind == "progress" and event.done is not None:
            self._done.append(event.done)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("there", [b"not of this bundle" * 1000, b"x" * 20_000_000], ids=["damaged", "too long"])
def test_a_damaged_part_is_sent_again(server: Server, board: Board, parcel: push.Parcel, there: bytes) -> None:
    server.arrived(parcel).parent.mkdir(parents=True)
    server.arrived(parcel).write_bytes(there)
    push.send(board, parcel, push.look(board, parcel).arrived)
    assert server.arrived(parcel).read_bytes() == parcel.path.read_bytes()


def test_what_arrives_otherwise_is_not_installed(
    server: Server, board: Board, parcel: push.Parcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Board.feed

    def worse(self: Board, script: str, source: BinaryIO) -> Iterator[int]:
        source.seek(5000)
        return feed(self, script, source)

    monkeypatch.setattr(Board, "feed", worse)
    with pytest.raises(KitError, match="did not arrive"):
        push.send(board, parcel, 0)
    assert not server.arrived(parcel).exists()


def test_a_full_disk_there_is_said(server: Server, board: Board, parcel: push.Parcel) -> None:
    server.arrived(parcel).parent.mkdir(parents=True)
    server.arrived(parcel).symlink_to("/dev/full")
    with pytest.raises(KitError, match="disk is full"):
        push.send(board, parcel, 0)


def test_a_board_that_goes_away_while_it_installs_has_one_bundle_or_the_other(
    server: Server, board: Board, tmp_path: Path
) -> None:
    parcel = push.parcel(make_installable(tmp_path / "b", seconds=3))
    seen = push.look(board, parcel, str(server.root))
    push.send(board, parcel, seen.arrived)

    def cut() -> None:
        ends = time.monotonic() + 30
        while time.monotonic() < ends and not list(server.state.folder.glob("slots/*/signer.pub")):
            time.sleep(0.1)
        server.cut()

    waiting = threading.Thread(target=cut)
    waiting.start()
    with pytest.raises(ConnectionLost, match="the old bundle is active there, or the new one"):
        push.install(board, parcel, seen.sudo, str(server.root))
    waiting.join()
    # Whatever still runs there holds the lock; this one waits for it.
    assert full_push(server, board, parcel) == 0
    assert server.state.active()


def run(server: Server, bundle: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["push", str(bundle), server.host, "--port", str(server.port), *options])


def test_a_dry_run_looks_and_writes_nothing(server: Server, parcel: push.Parcel) -> None:
    ran = run(server, parcel.path, "--dry-run")
    assert ran.exit_code == 0, ran.stderr
    assert "ok       architecture:" in ran.stdout
    assert list((server.folder / "home").iterdir()) == []


def test_a_board_that_will_not_do_is_told_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    needs = dataclasses.replace(HERE, arch="riscv64", features=("v",))
    ran = run(server, make_installable(tmp_path / "b", needs=needs))
    assert ran.exit_code == 2
    assert "refusal  architecture:" in ran.stderr and "illegal instruction" in ran.stderr
    assert list((server.folder / "home").iterdir()) == []


def another_key(server: Server) -> None:
    know(server.folder, server.port, "other")


def no_key(server: Server) -> None:
    (server.folder / "known_hosts").write_text("")


def locked_out(server: Server) -> None:
    shutil.copy(server.folder / "other.pub", server.folder / "authorized_keys")


def switched_off(server: Server) -> None:
    server.process.terminate()
    server.process.wait()


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (another_key, "host key is not the one that is known"),
        (no_key, "host key is not known here"),
        (locked_out, "does not let you in"),
        (switched_off, "no ssh server answers"),
    ],
)
def test_a_board_that_cannot_be_reached_is_said_in_words(
    server: Server, parcel: push.Parcel, happened: Callable[[Server], None], said: str
) -> None:
    happened(server)
    ran = run(server, parcel.path)
    assert ran.exit_code == 2
    assert said in ran.stderr and "Traceback" not in ran.stderr and "next:" in ran.stderr


def test_a_bundle_that_no_board_can_install_bothers_none(tmp_path: Path, own_folders: Path) -> None:
    with pytest.raises(BadBundle, match="no wheels"):
        push.parcel(make_bundle(tmp_path, b"weights"))
    ran = CliRunner().invoke(cli, ["push", str(make_bundle(tmp_path, b"weights")), "-oProxyCommand=touch /tmp/x"])
    assert ran.exit_code == 2
