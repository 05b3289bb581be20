"""Boards as folders: the files that kernels of real ones show, for whatever looks at a board.

Knows nothing of what is looked for. CPU features as /proc/cpuinfo of these boards lists them (64-bit kernels).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ARMV8 = "fp asimd evtstrm crc32 cpuid"
ARMV8_AES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
DOTPROD = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"  # A55, A76
)
RASPIOS = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
ARMBIAN = 'PRETTY_NAME="Armbian 25.2 bookworm"\nVERSION_CODENAME=bookworm\nID=debian\n'
PI_CONTROLLERS = "cpuset cpu io pids"
ALL_CONTROLLERS = "cpuset cpu io memory pids"
PI_FIRMWARE = "sys/devices/platform/soc/soc:firmware"


@dataclass(frozen=True)
class Board:
    """model: of the device tree.  parts: (CPU part, features) of each core.  ram_kb: MemTotal.  controllers: of the
    cgroup.  firmware: whether it is a Raspberry Pi's, which tells of throttling."""

    model: str
    parts: tuple[tuple[str, str], ...]
    ram_kb: int
    release: str = RASPIOS
    controllers: str = PI_CONTROLLERS
    firmware: bool = True

    def lay_out(self, root: Path) -> Path:
        cores = "".join(
            f"processor\t: {number}\nBogoMIPS\t: 38.40\nFeatures\t: {features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 4\n\n"
            for number, (part, features) in enumerate(self.parts)
        )
        put(root, "proc/cpuinfo", f"{cores}Revision\t: 902120\nModel\t\t: {self.model}\n")
        put(root, "proc/device-tree/model", f"{self.model}\0")
        put(
            root,
            "proc/meminfo",
            f"MemTotal:       {self.ram_kb:>8} kB\nMemFree:        {self.ram_kb // 4:>8} kB\n"
            f"MemAvailable:   {self.ram_kb * 3 // 4:>8} kB\nSwapTotal:        102396 kB\n",
        )
        put(root, "proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/var/swap  file  102396  0  -2\n")
        put(root, "proc/cmdline", "console=tty1 root=PARTUUID=4f1a-02 rootfstype=ext4 fsck.repair=yes rootwait\n")
        mounts = "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\nproc /proc proc rw,relatime 0 0\n"
        put(root, "proc/mounts", f"{mounts}/dev/mmcblk0p1 /boot/firmware vfat rw,relatime 0 0\n")
        put(root, "etc/os-release", self.release)
        put(root, "sys/fs/cgroup/cgroup.controllers", f"{self.controllers}\n")
        put(root, "sys/class/thermal/thermal_zone0/temp", "48312\n")
        put(root, "run/systemd/timesync/synchronized", "")
        if self.firmware:
            put(root, f"{PI_FIRMWARE}/get_throttled", "0\n")
        return root


def put(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


A53, A72, A76, A55 = "0xd03", "0xd08", "0xd0b", "0xd05"
BOARDS = {
    "zero2w": Board("Raspberry Pi Zero 2 W Rev 1.0", ((A53, ARMV8),) * 4, 426_844),
    "pi3b+": Board("Raspberry Pi 3 Model B Plus Rev 1.3", ((A53, ARMV8),) * 4, 931_288),
    "pi4": Board("Raspberry Pi 4 Model B Rev 1.4", ((A72, ARMV8),) * 4, 3_882_752),
    "pi5": Board("Raspberry Pi 5 Model B Rev 1.0", ((A76, DOTPROD),) * 4, 4_147_472),
    "opi5": Board(
        "Orange Pi 5", ((A55, DOTPROD),) * 4 + ((A76, DOTPROD),) * 4, 8_126_000, ARMBIAN, ALL_CONTROLLERS, False
    ),
    "zero3": Board("OrangePi Zero3", ((A53, ARMV8_AES),) * 4, 982_000, ARMBIAN, ALL_CONTROLLERS, False),
}
