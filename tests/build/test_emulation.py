"""What is read off an emulated run: memory, sockets, writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.arm_root import arm_root, lay_out
from boardwright.build.emulation import dress, guest_rss, run_python, touched
from boardwright.build.store import Store
from boardwright.targets.profile import load_target

HERE = Path("/here")


def mapping(start: int, rss_kb: int) -> str:
    return f"{start:x}-{start + 4096:x} rw-p 00000000 00:00 0 \nSize: 4 kB\nRss:  {rss_kb} kB\nPss: 9 kB\n"


@given(st.lists(st.integers(0, 10**6)), st.lists(st.integers(0, 10**6)))
def test_memory_is_the_guests_own(guest: list[int], emulator: list[int]) -> None:
    text = "".join(mapping(0x55_0100_0000 + 4096 * i, kb) for i, kb in enumerate(guest))
    text += "".join(mapping(0x7F46_0000_0000 + 4096 * i, kb) for i, kb in enumerate(emulator))
    assert guest_rss(text) == pytest.approx(sum(guest) * 1024 / 1e6)


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD,"/etc/x",O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC,0666) = 4',
        'openat(AT_FDCWD,"/etc/x",O_RDWR|O_CLOEXEC) = 4',
        'mkdirat(AT_FDCWD,"/etc/x",0755) = 0',
        'unlinkat(AT_FDCWD,"/etc/x",0) = 0',
        'renameat2(AT_FDCWD,"/tmp/y",AT_FDCWD,"/etc/x",0) = 0',
        'renameat(AT_FDCWD,"/tmp/y",AT_FDCWD,"/etc/x") = 0',
    ],
)
def test_a_write_is_seen(line: str) -> None:
    assert touched(f"71 {line}\n", HERE) == ((), ("/etc/x",))


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD,"/etc/x",O_RDONLY|O_CLOEXEC) = 4',
        'openat(AT_FDCWD,"/etc/x",O_WRONLY|O_CREAT) = -1 errno=13 (Permission denied)',
        'openat(AT_FDCWD,"/dev/null",O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC,0666) = 5',
        'newfstatat(AT_FDCWD,"/usr/lib/python3.11/socket.py",0x00000055007fcf90,0) = 0',
    ],
)
def test_what_writes_nothing_is_no_write(line: str) -> None:
    assert touched(f"71 {line}\n", HERE) == ((), ())


def test_a_relative_path_is_one_of_the_working_folder() -> None:
    assert touched('7 openat(AT_FDCWD,"a/../b",O_WRONLY|O_CREAT,0666) = 3\n', HERE)[1] == ("/here/b",)


def test_a_socket_is_seen_with_its_family() -> None:
    assert touched("7 socket(PF_INET,SOCK_STREAM,IPPROTO_IP) = 3\n", HERE)[0] == ("PF_INET",)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(arm_root("bookworm", Store()), tmp_path_factory.mktemp("arm") / "root")


@pytest.mark.slow
class TestARealRun:
    def test_it_is_the_boards_python_and_cpu(self, root: Path) -> None:
        dress(root, load_target("rpi4-4gb"))
        code = "import platform; print(platform.machine(), open('/proc/cpuinfo').read().count('0xd08'))"
        ran = run_python(root, "cortex-a72", "3.11", ["-c", code], imports=[], environment={}, limit_s=120)
        assert ran.stdout.split() == ["aarch64", "4"]
        assert ran.returncode == 0 and not ran.illegal_instruction and not ran.sockets and not ran.written

    def test_network_and_writes_are_seen(self, root: Path, tmp_path: Path) -> None:
        code = f"import socket; socket.socket(); open('{tmp_path}/x', 'w').write('x')"
        ran = run_python(root, "cortex-a72", "3.11", ["-c", code], imports=[], environment={}, limit_s=120)
        assert ran.sockets == ("PF_INET",) and ran.written == (f"{tmp_path}/x",)

    def test_memory_is_that_of_the_guest(self, root: Path) -> None:
        code = "import time; x = bytearray(100_000_000); time.sleep(0.5)"
        ran = run_python(root, "cortex-a53", "3.11", ["-c", code], imports=[], environment={}, limit_s=120)
        assert 104 < ran.peak_rss_mb < 125

    def test_nothing_of_this_machine_s_environment_gets_in(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET", "1")
        ran = run_python(
            root,
            "cortex-a53",
            "3.11",
            ["-c", "import os; print('SECRET' in os.environ, os.environ['GIVEN'])"],
            imports=[],
            environment={"GIVEN": "2"},
            limit_s=120,
        )
        assert ran.stdout.split() == ["False", "2"]
