"""The `.rpi-imager-manifest` beside an image: with it, Raspberry Pi Imager shows the image in its list and checks it.

Knows nothing of what is in the image. Format: rpi-imager's doc/json-schema and doc/local_json.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from boardwright.build.image_file import Written
from boardwright.schemas.durable import replace_text

SUFFIX = ".rpi-imager-manifest"
ICONS = "https://downloads.raspberrypi.com/imager/icons"
OS_ICON = "https://downloads.raspberrypi.com/raspios_armhf/Raspberry_Pi_OS_(32-bit).png"


@dataclass(frozen=True)
class Device:
    """A family of boards, as Imager's first page lists them. tag: what ties an OS to it."""

    name: str
    tag: str
    icon: str
    description: str


# By the SoC of the board's profile, as it begins there.
DEVICES = {
    "BCM2712": Device("Raspberry Pi 5", "pi5-64bit", "RPi_5.png", "Models with the BCM2712"),
    "BCM2711": Device("Raspberry Pi 4", "pi4-64bit", "RPi_4.png", "Models with the BCM2711"),
    "BCM2837": Device("Raspberry Pi 3", "pi3-64bit", "RPi_3.png", "Models with the BCM2837"),
    "RP3A0": Device("Raspberry Pi Zero 2 W", "pi3-64bit", "RPi_Zero_2_W.png", "The Zero 2 W"),
}


@dataclass(frozen=True)
class Entry:
    """One image in the list. Field names are Imager's."""

    name: str
    description: str
    icon: str
    url: str
    extract_size: int
    extract_sha256: str
    image_download_size: int
    image_download_sha256: str
    release_date: str
    init_format: str
    architecture: str
    devices: tuple[str, ...]


def write_manifest(image: Written, *, name: str, description: str, soc: str, init_format: str) -> Path:
    """Write `<image>.rpi-imager-manifest`; return its path. It names the image by its full path: Imager takes no other.

    soc: of the board; one that Imager does not know goes without devices, and shows under "No filtering"."""
    device = next((device for begin, device in DEVICES.items() if soc.startswith(begin)), None)
    entry = Entry(
        name=name,
        description=description,
        icon=OS_ICON,
        url=image.path.resolve().as_uri(),
        extract_size=image.raw_size,
        extract_sha256=image.raw_sha256,
        image_download_size=image.size,
        image_download_sha256=image.sha256,
        release_date=datetime.now(UTC).date().isoformat(),
        init_format=init_format,
        architecture="armv8",
        devices=(device.tag,) if device else (),
    )
    shown = (
        {
            "devices": [
                {
                    "name": device.name,
                    "tags": [device.tag],
                    "icon": f"{ICONS}/{device.icon}",
                    "description": device.description,
                    "matching_type": "inclusive",
                }
            ]
        }
        if device
        else {}
    )
    path = image.path.with_name(image.path.name + SUFFIX)
    replace_text(path, json.dumps({"imager": shown, "os_list": [asdict(entry)]}, indent=2) + "\n")
    return path
