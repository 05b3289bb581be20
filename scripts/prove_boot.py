"""The end-to-end proof: from a bundle to records over the serial line of a machine that has booted its image.

Knows nothing of how an image is made or flashed: it calls what users call. The base image has the layout of Raspberry
Pi OS and the packages of its release, unpacked and not configured, with empty files where only the Pi's own packages
would be: those tell `boardwright image` its kind. The kernel is Debian's, since qemu has no Raspberry Pi 4 or 5.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boardwright.build.arm_root import arm_root, fetch_debs, lay_out, unpack_deb
from boardwright.build.first_boot import enabled_unit
from boardwright.build.flash import flash
from boardwright.build.image import build_image
from boardwright.build.injected import Injected, Link
from boardwright.build.store import Artifact, Store
from boardwright.device.bundles import Golden, board_needs, goldens_of, shortest_first, target_of
from boardwright.device.verify import differences
from boardwright.schemas.bundle import open_bundle
from boardwright.schemas.errors import KitError
from boardwright.schemas.keys import trusted_keys
from boardwright.schemas.reporters import reporter_for
from boardwright.schemas.steps import current_step, step, use_reporter

MIB = 1 << 20
FAT_AT, FAT_SIZE, ROOT_SIZE = 8 * MIB, 64 * MIB, 640 * MIB
PACKAGES = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "libstdc++6", "login", "mount", "passwd", "python3"),
    *("sed", "systemd", "systemd-sysv", "util-linux"),
)
KERNEL, INITRD, BASE = "vmlinuz", "initrd", "base.img"
DRIVERS = ("virtio_blk",)
# What tells the kind of an image, and would come from Raspberry Pi's own packages.
MARKS = ("usr/lib/raspberrypi-sys-mods/imager_custom", "usr/bin/cloud-init")
INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t devtmpfs dev /dev
for driver in {drivers}; do /bin/busybox insmod /$driver.ko; done
while [ ! -b /dev/vda2 ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda2 /root
exec /bin/busybox switch_root /root /sbin/init
"""
ANSWER_MARK = "boardwright-answer "
# Waits for the folder service, which the first boot's install has started, and hands what it made to the serial line.
ANSWERS = """\
import json, pathlib, subprocess, sys, time
state = pathlib.Path("/var/lib/boardwright")
wanted, limit = {names!r}, time.monotonic() + {limit}
line = open("/dev/ttyAMA0", "w", buffering=1)
def say(**told): line.write("\\n{mark}" + json.dumps(told) + "\\n")
def unit(name, what):
    show = ["systemctl", "show", "-p", what, "--value", name]
    return subprocess.run(show, capture_output=True, text=True).stdout.strip()
try:
    while not all((state / "outbox" / f"{{name}}.json").exists() for name in wanted):
        install = unit("boardwright-install.service", "Result")
        if time.monotonic() > limit or install != "success" or list((state / "failed").glob("*")):
            break
        time.sleep(0.5)
    for name in wanted:
        path = state / "outbox" / f"{{name}}.json"
        say(document=name, made=json.loads(path.read_text()) if path.exists() else None)
    pid = unit("boardwright.service", "MainPID")
    status = pathlib.Path(f"/proc/{{pid}}/status").read_text() if pid not in ("", "0") else ""
    network = [path.name for path in pathlib.Path("/sys/class/net").glob("*")]
    say(rss_kb=next((int(row.split()[1]) for row in status.splitlines() if row.startswith("VmHWM")), 0),
        network=network, python=sys.version.split()[0])
finally:
    line.flush()
    subprocess.run(["systemctl", "poweroff", "--no-wall"])
"""
ANSWERS_UNIT = """\
[Unit]
After=boardwright-install.service

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /usr/local/lib/boardwright-answers.py
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--documents", type=int, default=3, help="golden documents to extract, the shortest first")
    parser.add_argument("--cpu", help="as qemu names it; the target's unless told")
    parser.add_argument("--limit", type=int, default=1500, help="seconds from power-on")
    parser.add_argument("--keep", type=Path, help="keep the image and the serial line's log in this folder")
    given = parser.parse_args()
    try:
        with use_reporter(reporter_for()):
            return prove_boot(given)
    except KitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def prove_boot(given: argparse.Namespace) -> int:
    store = Store()
    bundle = open_bundle(given.bundle, trusted_keys())
    needs = board_needs(bundle)
    target = target_of(bundle)
    goldens = shortest_first(goldens_of(bundle))[: given.documents]
    base, kernel = base_image(needs.release, store), boot_kernel(needs.release, store)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        place = given.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        image, card = place / "out.img", place / "card.img"
        build_image(given.bundle, base.path / BASE, image, extra=_extras(goldens, given.limit))
        card.unlink(missing_ok=True)
        with (
            _flashed(image, card) as disk,
            step(f"Boot on {given.cpu or target.cpu.qemu}, without a network") as booting,
        ):
            log = boot(disk, kernel, given.cpu or str(target.cpu.qemu), place / "serial.log", given.limit)
            answers = [json.loads(line.split(ANSWER_MARK, 1)[1]) for line in log.splitlines() if ANSWER_MARK in line]
            booting.note(f"{len(answers)} answers over the serial line")
    return report(goldens, answers, needs.ram_for(frozenset(target.cpu.features)), time.monotonic() - started, log)


def report(goldens: list[Golden], answers: list[dict[str, object]], contract_mb: int, seconds: float, log: str) -> int:
    """Say what the board answered; 0 when every record is the host's."""
    made = {str(answer["document"]): answer["made"] for answer in answers if "document" in answer}
    wrong = 0
    for golden in goldens:
        line = made.get(golden.id)
        record = line.get("record") if isinstance(line, dict) else None
        odd = differences(golden.record, record) if isinstance(record, dict) else ["no record came back"]
        wrong += bool(odd)
        print(f"{golden.id}: {'; '.join(odd) or 'the same record as on the host'}")
    about = next((answer for answer in answers if "rss_kb" in answer), {})
    held = float(str(about.get("rss_kb", 0))) * 1024 / 1e6
    print(f"the service held {held:.0f} MB at its peak, of {contract_mb} promised; network: {about.get('network')}")
    print(f"{len(goldens) - wrong} of {len(goldens)} records, {seconds:.0f} s from the bundle to the last (emulated)")
    if wrong or not about:
        said = [line for line in log.splitlines() if "boardwright" in line and ANSWER_MARK not in line]
        print("\n".join(said[-40:]), file=sys.stderr)
    return 1 if wrong or not about else 0


def base_image(release: str, store: Store) -> Artifact:
    """An image of Raspberry Pi OS's layout: MBR, FAT32 at 8 MiB, ext4 behind it."""
    root = arm_root(release, store, PACKAGES)

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            tree = lay_out(root, Path(scratch) / "root")
            furnish(tree)
            image = folder / BASE
            root_at = FAT_AT + FAT_SIZE
            with image.open("wb") as file:
                file.truncate(root_at + ROOT_SIZE)
            parts = [(FAT_AT, FAT_SIZE, "c"), (root_at, ROOT_SIZE, "83")]
            lines = [f"{at // 512},{size // 512},{kind}" for at, size, kind in parts]
            _run(["sfdisk", "--quiet", str(image)], "\n".join(["label: dos", "label-id: 0xb0a4d0", *lines, ""]))
            part = Path(scratch) / "part"
            for command, at, size in (
                (["mkfs.vfat", "-F", "32", "-n", "bootfs"], FAT_AT, FAT_SIZE),
                (["mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", str(tree)], root_at, ROOT_SIZE),
            ):
                part.unlink(missing_ok=True)
                with part.open("wb") as file:
                    file.truncate(size)
                _run([*command, str(part)])
                copy = [
                    "dd",
                    f"if={part}",
                    f"of={image}",
                    "bs=1M",
                    f"seek={at // MIB}",
                    "conv=notrunc,sparse",
                    "status=none",
                ]
                _run(copy)
            for name, text in (
                ("config.txt", "arm_64bit=1\n"),
                ("cmdline.txt", "root=PARTUUID=00b0a4d0-02 rootwait\n"),
            ):
                (Path(scratch) / name).write_text(text)
                _run(["mcopy", "-i", f"{image}@@{FAT_AT}", str(Path(scratch) / name), "::"])

    return store.produce(
        "base", 1, {}, [root.id], make, title=f"Make an image of {release} in Raspberry Pi OS's layout"
    )


def furnish(root: Path) -> None:
    """What the packages' own scripts would have done, as far as systemd and Python need it."""
    for name in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    texts = {
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/hostname": "board\n",
        "etc/fstab": "",
        "etc/shadow": "root:*:19000:0:99999:7:::\n",
        "etc/gshadow": "",
        **dict.fromkeys(MARKS, ""),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "boot/firmware", "var/tmp", "var/lib"):
        (root / name).mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(root / "usr/bin/sh"):
        (root / "usr/bin/sh").symlink_to("dash")


def boot_kernel(release: str, store: Store) -> Artifact:
    """Debian's kernel for virtual machines, and an initrd that mounts the card and gives way."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            tree, ram = Path(scratch) / "tree", Path(scratch) / "initrd"
            for deb in fetch_debs(release, ["linux-image-cloud-arm64", "busybox-static"], Path(scratch) / "apt"):
                if deb.name.startswith(("linux-image-", "busybox-static")):
                    tree.mkdir(exist_ok=True)
                    unpack_deb(deb, tree)
            shutil.copyfile(next(tree.glob("boot/vmlinuz-*")), folder / KERNEL)
            (ram / "bin").mkdir(parents=True)
            shutil.copy2(next(tree.glob("**/bin/busybox")), ram / "bin" / "busybox")
            drivers = list(_drivers(tree, DRIVERS))
            for name, content in drivers:
                (ram / f"{name}.ko").write_bytes(content)
            (ram / "init").write_text(INIT.format(drivers=" ".join(name for name, _ in drivers)))
            (ram / "init").chmod(0o755)
            names = "\n".join(str(path.relative_to(ram)) for path in sorted(ram.rglob("*"))) + "\n"
            packed = subprocess.run(
                ["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), cwd=ram, capture_output=True, check=True
            )
            (folder / INITRD).write_bytes(packed.stdout)

    return store.produce("kernel", 1, {"release": release}, [], make, title=f"Fetch a kernel of {release}")


def _drivers(tree: Path, names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of modules in the order in which they load; none for those that are built in."""
    for name in names:
        found = next(tree.glob(f"**/kernel/**/{name}.ko*"), None)
        if found is None:
            continue
        content = lzma.decompress(found.read_bytes()) if found.suffix == ".xz" else found.read_bytes()
        [needs] = re.findall(rb"\0depends=([^\0]*)\0", b"\0" + content)
        yield from _drivers(tree, tuple(needs.decode().split(",")) if needs else ())
        yield name, content


def boot(disk: Path, kernel: Artifact, cpu: str, log: Path, limit_s: float) -> str:
    """Run the machine until it powers off; return what it said on its serial line. Raises KitError at the limit."""
    words = (
        "root=/dev/vda2 rw console=ttyAMA0 panic=-1 systemd.show_status=false systemd.mask=serial-getty@ttyAMA0.service"
    )
    # What the install says, as it says it.
    words += " systemd.journald.forward_to_console=1"
    command = [
        "qemu-system-aarch64",
        "-M",
        "virt",
        "-cpu",
        cpu,
        "-smp",
        "2",
        "-m",
        "1024",
        "-nic",
        "none",
        "-no-reboot",
    ]
    command += ["-display", "none", "-monitor", "none", "-serial", "stdio", "-append", f"{words} quiet"]
    command += ["-kernel", str(kernel.path / KERNEL), "-initrd", str(kernel.path / INITRD)]
    command += ["-drive", f"if=virtio,format=raw,file={disk}"]
    running = current_step()
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as machine,
    ):
        alarm = threading.Timer(limit_s, machine.kill)
        alarm.start()
        try:
            assert machine.stdout is not None
            for line in machine.stdout:
                out.write(line)
                out.flush()
                if "boardwright" in line and ANSWER_MARK not in line:
                    running.note(line.strip()[:120])
        finally:
            alarm.cancel()
            machine.kill()
    return log.read_text(errors="replace")


@contextmanager
def _flashed(image: Path, card: Path) -> Iterator[Path]:
    """The disk to boot: a card that the image was flashed to, where loop devices are to be had; else the image."""
    if os.geteuid() != 0 or not shutil.which("losetup"):
        current_step().note("no loop device here: the image is booted as it is")
        yield image
        return
    with card.open("wb") as file:
        file.truncate(image.stat().st_size + 64 * MIB)
    device = _run(["losetup", "--find", "--show", str(card)]).strip()
    try:
        flash(image, Path(device), serial=str(card), ask=None, allow_fixed=True, dry_run=False, show=lambda text: None)
    finally:
        _run(["losetup", "--detach", device])
    yield card


def _extras(goldens: list[Golden], limit: int) -> list[Injected | Link]:
    documents = [Injected(f"/var/lib/boardwright/inbox/{one.id}.txt", one.text.encode()) for one in goldens]
    script = ANSWERS.format(names=[one.id for one in goldens], limit=limit - 60, mark=ANSWER_MARK)
    unit = enabled_unit("boardwright-answers.service", ANSWERS_UNIT)
    return [*documents, Injected("/usr/local/lib/boardwright-answers.py", script.encode()), *unit]


def _run(command: list[str], text: str | None = None) -> str:
    ran = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise KitError("A tool failed.", where=" ".join(command[:3]), value=ran.stderr.strip()[-300:])
    return ran.stdout


if __name__ == "__main__":
    sys.exit(main())
