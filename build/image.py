"""`boardwright image`: a stock OS image in, the same with a bundle, its service and its first-boot set-up out.

Needs neither root nor a mount, and changes nothing in the image but what it says. Knows nothing of partition tables,
file systems or how each OS is told; those have modules of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from boardwright.build import system_tool
from boardwright.build.board_setup import Setup
from boardwright.build.disk_image import grow_last
from boardwright.build.first_boot import Plan, enabled_unit
from boardwright.build.image_file import finish, unpack, workplace
from boardwright.build.image_kind import Found, inspect
from boardwright.build.imager_manifest import write_manifest
from boardwright.build.injected import Injected, Link
from boardwright.device.bundles import board_needs, target_of
from boardwright.device.needs import Needs
from boardwright.device.proof import standing
from boardwright.schemas.bundle import Bundle, open_bundle
from boardwright.schemas.durable import need_space
from boardwright.schemas.errors import KitError
from boardwright.schemas.keys import trusted_keys
from boardwright.schemas.steps import step
from boardwright.targets.profile import Target

LIBRARY = "/usr/local/lib/boardwright"
BUNDLE, BOOTSTRAP = f"{LIBRARY}/bundle.bwb", f"{LIBRARY}/bootstrap.py"
TRUSTED = "/etc/boardwright/trusted"
TOOLS = ("sfdisk", "blkid", "debugfs", "dumpe2fs", "e2fsck", "resize2fs", "mcopy", "mdir")
# What a system needs of its root until it has grown it to the card's size, at its first boot.
HEAD_ROOM = 16 << 20

INSTALL_UNIT = f"""[Unit]
Description=Install the boardwright bundle that this image carries
ConditionPathExists={BUNDLE}
ConditionPathExists=!/var/lib/boardwright/active
# Whatever makes the root file system as large as the card: the bundle may need the room.
After=local-fs.target rpi-resize.service cloud-init.service cloud-init-network.service armbian-resize-filesystem.service

[Service]
Type=oneshot
Environment=BOARDWRIGHT_KEYS=/etc/boardwright
ExecStart=/usr/bin/python3 {BOOTSTRAP} install {BUNDLE}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Built:
    """What was made.  kind, os: of the base image.  files: put in or changed.  size: of the unpacked image, bytes.

    grown: bytes that were added.  standing: what is proved of the bundle.
    notes: what the image cannot do, or has to be known."""

    image: Path
    manifest: Path
    kind: str
    os: str
    files: tuple[str, ...]
    size: int
    sha256: str
    grown: int
    standing: tuple[str, ...]
    notes: tuple[str, ...]


def build_image(
    bundle: Path,
    base: Path,
    output: Path,
    *,
    setup: Setup | None = None,
    key: Path | None = None,
    extra: Sequence[Injected | Link] = (),
) -> Built:
    """Put a bundle and a set-up into a copy of `base` at `output`; packed if that ends in .xz. The base is only read.

    key: a public key to trust beside this machine's own.  extra: more to put into the root file system.
    Raises KitError in words, and then leaves nothing behind."""
    system_tool.need(TOOLS)
    if output.exists() and base.exists() and output.samefile(base):
        raise KitError("The image would be written over its base.", where=output, next="name another file with -o")
    with step(f"Verify {bundle.name}"):
        opened = open_bundle(bundle, trusted_keys(key))
        needs, target = board_needs(opened), target_of(opened)
    with workplace(output) as place:
        disk = place / "disk.img"
        with step(f"Copy {base.name}") as doing:
            unpack(base, disk, doing)
        with step("Look into the image") as doing:
            found = inspect(disk)
            doing.note(f"{found.kind.title}, {found.pretty}")
            _fits(found, needs, target)
            before = found.before()
            plan = found.kind.first_boot(setup or Setup(), before)
            entries = [*bundle_entries(opened), *plan.root, *extra]
            boot = _boot_files(found, plan)
            _nothing_in_the_way(found, entries)
            complaints = found.boot.complaints(place) if found.boot else ""
        grown = _make_room(found, disk, entries)
        with step(f"Put {len(entries) + len(boot)} files in, and read them back"):
            found.root.inject(entries, place)
            if found.boot and boot:
                found.boot.write(boot, place)
            found.root.verify(entries)
            found.root.check()
            if found.boot and not complaints and (said := found.boot.complaints(place)):
                raise KitError("The boot partition did not come out clean.", value=said)
        with step(f"Write {output.name}") as doing:
            written = finish(disk, output, doing)
    manifest = write_manifest(
        written,
        name=f"{opened.manifest.name} {opened.manifest.version}, {needs.board}",
        description=f"{found.pretty} with {opened.manifest.bundle_name}",
        soc=target.soc,
        # An image that has its set-up already: Imager's own would be written over it.
        init_format=found.kind.init_format if plan == Plan() else "none",
    )
    return Built(
        image=output,
        manifest=manifest,
        kind=found.kind.title,
        os=found.pretty,
        files=(*(entry.path for entry in entries), *(f"{before.boot_mount}/{name}" for name in boot)),
        size=written.raw_size,
        sha256=written.raw_sha256,
        grown=grown,
        standing=tuple(standing(opened)),
        notes=plan.notes,
    )


def bundle_entries(bundle: Bundle) -> list[Injected | Link]:
    """What a board needs to install this bundle at its first boot, and to trust the next one of the same signer."""
    return [
        Injected(BUNDLE, bundle.path),
        Injected(BOOTSTRAP, bootstrap(), mode=0o755),
        Injected(f"{TRUSTED}/{bundle.key.id}.pub", bundle.key.encode()),
        *enabled_unit("boardwright-install.service", INSTALL_UNIT),
    ]


def bootstrap() -> bytes:
    """The program that puts the first bundle on a board: device/bootstrap.py, which needs nothing of ours."""
    try:
        return resources.files("boardwright.device").joinpath("bootstrap.py").read_bytes()
    except OSError:
        raise KitError(
            "device/bootstrap.py is missing from this installation.", next="install boardwright again"
        ) from None


def _fits(found: Found, needs: Needs, target: Target) -> None:
    if target.flash.layout not in ("none", found.kind.layout):
        raise KitError(
            f"The bundle is for a {needs.board}, and this image is for other boards.",
            value=found.kind.title,
            allowed=f"an image of the layout {target.flash.layout}",
        )
    if needs.release != found.codename:
        raise KitError(
            "The bundle is for another release of the OS.",
            value=f"{found.pretty}: {found.codename or 'no VERSION_CODENAME'}",
            allowed=needs.release,
            next=f"take an image of {needs.release}, or build a bundle for {found.codename or 'this release'}",
        )
    arch = found.arch_of_python(needs.python)
    if arch != needs.arch:
        raise KitError(
            f"The bundle needs Python {needs.python} for {needs.arch}, and the image has another.",
            value=f"/usr/bin/python{needs.python} is {f'for {arch}' if arch else 'not there'}",
            next="take the 64-bit image of the same release",
        )


def _nothing_in_the_way(found: Found, entries: Sequence[Injected | Link]) -> None:
    paths = [entry.path for entry in entries]
    twice = {path for path in paths if paths.count(path) > 1}
    if blocked := sorted(twice) or found.root.blockers(entries):
        raise KitError(
            "Something is in the way of what is to be put in; nothing is overwritten.",
            value=", ".join(blocked),
            next="begin with a stock image that nothing of ours has been put into",
        )


def _boot_files(found: Found, plan: Plan) -> dict[str, bytes]:
    """Files of the boot partition with their content to be, the kernel's command line among them."""
    if not found.boot or not plan.cmdline:
        return dict(plan.boot)
    line = (found.boot.read("cmdline.txt") or b"").decode(errors="surrogateescape").strip()
    if done := [word for word in line.split() if word.startswith(("systemd.run=", "ds=nocloud"))]:
        raise KitError(
            "This image has a first-boot set-up already.",
            where="cmdline.txt",
            value=" ".join(done),
            next="begin with a stock image, or leave --setup out",
        )
    text = " ".join([line, *plan.cmdline]) + "\n"
    return {**plan.boot, "cmdline.txt": text.encode(errors="surrogateescape")}


def _make_room(found: Found, disk: Path, entries: Sequence[Injected | Link]) -> int:
    """Grow the root partition until the entries fit with head room. Returns the bytes added."""
    needed, inodes = found.root.room_for(entries)
    before = disk.stat().st_size
    need_space(disk.parent, needed, "put the bundle in")
    for _ in range(6):
        block = found.root.superblock()
        missing = needed + HEAD_ROOM - block.free
        if missing <= 0 and inodes < block.free_inodes:
            break
        per_inode = block.size // max(1, block.inodes)
        # New block groups bring tables of their own (1.6 %), and a twentieth is kept for root.
        extra = max(missing * 11 // 10, (inodes - block.free_inodes) * per_inode, 0) + (4 << 20)
        with step(f"Grow the root partition by {extra / 1e6:.0f} MB"):
            need_space(disk.parent, 2 * disk.stat().st_blocks * 512 + needed, "grow the image")
            grow_last(disk, found.root_partition.number, extra)
    else:
        raise KitError("The root partition could not be made large enough.", value=found.root.superblock())
    return disk.stat().st_size - before
