"""How each kind of OS image is told what to be at its first boot: the files to add, and what it cannot be told.

Knows nothing of disks or bundles. Formats: raspberrypi-sys-mods, userconf-pi and rpi-imager (firstrun.sh, cloud-init),
NetworkManager's nm-settings-keyfile(5), netplan, Armbian's documentation of "Automatic first boot configuration".
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from boardwright.build.board_setup import Setup, Wifi
from boardwright.build.injected import Injected, Link
from boardwright.schemas.errors import KitError

SYSTEM = "/etc/systemd/system"
PRESETS = "/root/.not_logged_in_yet"
SCRIPT = "/usr/local/lib/boardwright/setup.sh"
GROUPS = "adm dialout cdrom sudo audio video plugdev games users input render netdev gpio spi i2c".split()
FIRSTRUN_WORDS = ("systemd.run_success_action=reboot", "systemd.unit=kernel-command-line.target")


@dataclass(frozen=True)
class Plan:
    """root: for the root file system.  boot: for the top of the boot partition.  cmdline: words to add there.

    notes: what this kind of image cannot do, or does in a way that one has to know."""

    root: tuple[Injected | Link, ...] = ()
    boot: Mapping[str, bytes] = field(default_factory=dict)
    cmdline: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Before:
    """What is there already.  boot_mount: where the boot partition will be.  presets: Armbian's file, if any."""

    boot_mount: str
    presets: bytes = b""


def enabled_unit(name: str, text: str) -> tuple[Injected, Link]:
    """A systemd unit that starts with the system: its file and the link that `systemctl enable` would make."""
    return (
        Injected(f"{SYSTEM}/{name}", text.encode()),
        Link(f"{SYSTEM}/multi-user.target.wants/{name}", f"{SYSTEM}/{name}"),
    )


def by_firstrun(setup: Setup, before: Before) -> Plan:
    """Raspberry Pi OS without cloud-init: a script that systemd runs once, named on the kernel's command line."""
    script = _script(setup, hostname="raspi-config nonint do_hostname {}", keyboard=_PI_KEYBOARD)
    if setup.wifi:
        script.append(f"raspi-config nonint do_wifi_country {quote(setup.wifi.country)}")
    if setup.locale:
        script.append(f"raspi-config nonint do_change_locale {quote(setup.locale)}")
    if setup.timezone:
        script.append(f"raspi-config nonint do_change_timezone {quote(setup.timezone)}")
    if not script:
        return Plan()
    path = f"{before.boot_mount}/firstrun.sh"
    # The command line first: a power cut between the two must not leave it naming a script that is gone.
    words = r"s| systemd\.run[^ ]*||g; s| systemd\.unit=kernel-command-line\.target||"
    script += [f"sed -i '{words}' {before.boot_mount}/cmdline.txt", f"rm -f {path}", "exit 0"]
    network = (
        Injected(f"{_NETWORKS}/boardwright.nmconnection", keyfile(setup.wifi).encode(), mode=0o600)
        if setup.wifi
        else None
    )
    return Plan(
        root=(network,) if network else (),
        boot={"firstrun.sh": _text("#!/bin/sh", *_HEAD, *script)},
        cmdline=(f"systemd.run={path}", *FIRSTRUN_WORDS),
    )


def by_cloud_init(setup: Setup, before: Before) -> Plan:
    """Raspberry Pi OS with cloud-init: user-data, network-config and meta-data on the boot partition."""
    user_data: dict[str, Any] = {}
    if setup.hostname:
        user_data |= {"hostname": setup.hostname, "manage_etc_hosts": True}
    if setup.locale:
        user_data["locale"] = setup.locale
    if setup.timezone:
        user_data["timezone"] = setup.timezone
    if setup.keyboard:
        user_data["keyboard"] = {"model": "pc105", "layout": setup.keyboard}
    keys = list(setup.ssh.keys) if setup.ssh else []
    if setup.user:
        user: dict[str, Any] = {"name": setup.user.name, "groups": ",".join(GROUPS), "shell": "/bin/bash"}
        user["lock_passwd"] = not setup.user.password_hash
        if setup.user.password_hash:
            user["passwd"] = setup.user.password_hash
        else:
            user["sudo"] = "ALL=(ALL) NOPASSWD:ALL"  # there is no password to type
        if keys:
            user["ssh_authorized_keys"] = keys
        user_data["users"] = [user]
    if setup.ssh:
        # enable_ssh is Raspberry Pi's own; without it ssh stays off, which is how these images come.
        user_data |= {"enable_ssh": setup.ssh.enabled, "ssh_pwauth": setup.ssh.enabled and not keys}
    network = {"network": _netplan(setup.wifi)} if setup.wifi else None
    if not user_data and not network:
        return Plan()
    files = {"user-data": b"#cloud-config\n" + _yaml(user_data)}
    if network:
        files["network-config"] = _yaml(network)
    # cloud-init takes a board for new when this changes; the same set-up gives the same image.
    instance = f"boardwright-{hashlib.sha256(b''.join(files.values())).hexdigest()[:16]}"
    files["meta-data"] = _yaml({"dsmode": "local", "instance-id": instance})
    words = [f"ds=nocloud;i={instance}"]
    if setup.wifi:
        words.append(f"cfg80211.ieee80211_regdom={setup.wifi.country}")
    return Plan(boot=files, cmdline=tuple(words))


def by_presets(setup: Setup, before: Before) -> Plan:
    """Armbian: presets for what it has presets for; the rest by a script that runs once, since presets hold passwords
    in the clear and take ssh keys from URLs only."""
    notes, presets = [], {}
    if setup.locale or setup.timezone:
        presets["SET_LANG_BASED_ON_LOCATION"] = "n"
    if setup.locale:
        presets["PRESET_LOCALE"] = setup.locale
    if setup.timezone:
        presets["PRESET_TIMEZONE"] = setup.timezone
    if setup.wifi:
        if set(setup.wifi.ssid) & set("\"'\\$`"):
            raise KitError(
                "Armbian cannot be told this network's name: its own script does not quote it.",
                where="wifi.ssid",
                value=setup.wifi.ssid,
                allowed="a name without \" ' \\ $ or `",
            )
        presets |= {
            "PRESET_NET_CHANGE_DEFAULTS": "1",
            "PRESET_NET_ETHERNET_ENABLED": "0",
            "PRESET_NET_WIFI_ENABLED": "1",
            "PRESET_NET_WIFI_SSID": setup.wifi.ssid,
            "PRESET_NET_WIFI_KEY": setup.wifi.key,
            "PRESET_NET_WIFI_COUNTRYCODE": setup.wifi.country,
            "PRESET_NET_USE_STATIC": "0",
            "PRESET_CONNECT_WIRELESS": "n",
        }
        if setup.wifi.hidden:
            notes.append("wifi.hidden: Armbian's presets have no such setting; the network has to be visible.")
    script = _script(setup, hostname=_ANY_HOSTNAME, keyboard=_ANY_KEYBOARD, make_user=True)
    root: list[Injected | Link] = []
    if presets:
        lines = [f"{name}={quote(value)}" for name, value in presets.items()]
        old = before.presets.decode(errors="surrogateescape").splitlines()
        text = "\n".join([*old, *lines, ""]).encode(errors="surrogateescape")
        root.append(Injected(PRESETS, text, mode=0o600, replace=True))
        notes.append("Armbian reads its presets (language, time zone, Wi-Fi) at root's first login, on the console.")
    if script:
        root.append(Injected(SCRIPT, _text("#!/bin/sh", *_HEAD, *script, f"rm -f {SCRIPT}"), mode=0o700))
        root += enabled_unit("boardwright-setup.service", _SETUP_UNIT)
    if setup.user:
        notes.append("Armbian keeps its stock root password (1234) until root's first login: change it there.")
    return Plan(root=tuple(root), notes=tuple(notes))


def keyfile(wifi: Wifi) -> str:
    """A network in NetworkManager's format. The name goes in as bytes: text would need the format's escapes."""
    ssid = "".join(f"{byte};" for byte in wifi.ssid.encode())
    sections: dict[str, dict[str, object]] = {
        "connection": {
            "id": "boardwright",
            "uuid": uuid.uuid5(uuid.NAMESPACE_OID, f"boardwright {wifi.ssid}"),
            "type": "wifi",
        },
        "wifi": {"mode": "infrastructure", "ssid": ssid, "hidden": str(wifi.hidden).lower()},
        "wifi-security": {"key-mgmt": "wpa-psk", "psk": wifi.key},
        "ipv4": {"method": "auto"},
        "ipv6": {"method": "auto"},
    }
    parts = [[f"[{name}]", *(f"{key}={value}" for key, value in keys.items())] for name, keys in sections.items()]
    return "\n".join(line for part in parts for line in part) + "\n"


def _netplan(wifi: Wifi) -> dict[str, Any]:
    point: dict[str, Any] = {"password": wifi.key} | ({"hidden": True} if wifi.hidden else {})
    return {
        "version": 2,
        # What is told here takes the place of the image's own network set-up: the cable has to go on working.
        "ethernets": {"eth0": {"dhcp4": True, "optional": True}},
        "wifis": {
            "wlan0": {
                "dhcp4": True,
                "optional": True,
                "regulatory-domain": wifi.country,
                "access-points": {wifi.ssid: point},
            }
        },
    }


def _script(setup: Setup, *, hostname: str, keyboard: str, make_user: bool = False) -> list[str]:
    """Shell lines for what every Debian does alike. Each value goes through `quote`."""
    lines = []
    if setup.hostname:
        lines.append(hostname.format(quote(setup.hostname)))
    if setup.keyboard:
        lines.append(keyboard.format(quote(setup.keyboard)))
    if setup.user:
        name, password = quote(setup.user.name), quote(setup.user.password_hash or "*")
        if make_user:
            lines += [f"id {name} >/dev/null 2>&1 || useradd -m -s /bin/bash {name}"]
            lines += [f"for group in {' '.join(GROUPS)}; do usermod -aG $group {name} || true; done"]
        else:
            # Raspberry Pi OS has a first user under another name, with the groups and rights it needs.
            lines += [f"/usr/lib/userconf-pi/userconf {name} {quote(setup.user.password_hash or '')}"]
        lines += [f"usermod -p {password} {name}"]
        if not setup.user.password_hash:
            rule = quote(f"{setup.user.name} ALL=(ALL) NOPASSWD:ALL")
            lines += [f"(umask 337; printf '%s\\n' {rule} >/etc/sudoers.d/010_boardwright)"]
    if setup.user and setup.ssh and setup.ssh.keys:
        lines += [
            f"home=$(getent passwd {name} | cut -d: -f6)",
            f'install -d -m 700 -o {name} -g {name} "$home/.ssh"',
            f"printf '%s\\n' {' '.join(map(quote, setup.ssh.keys))} >>\"$home/.ssh/authorized_keys\"",
            f'chown {name}:{name} "$home/.ssh/authorized_keys"',
            'chmod 600 "$home/.ssh/authorized_keys"',
            "mkdir -p /etc/ssh/sshd_config.d",
            "printf '%s\\n' 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/10-boardwright.conf",
        ]
    if setup.ssh:
        lines.append("systemctl enable ssh" if setup.ssh.enabled else "systemctl disable --now ssh ssh.socket")
    return lines


def _text(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _yaml(value: dict[str, Any]) -> bytes:
    """JSON, which is YAML: its quoting is simple and no value can break out of it."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


_NETWORKS = "/etc/NetworkManager/system-connections"
_HEAD = (
    "# Written by `boardwright image`. Runs once, as root, and removes itself.",
    "exec >>/var/log/boardwright-setup.log 2>&1",
)
_PI_KEYBOARD = "raspi-config nonint do_configure_keyboard {}"
_ANY_KEYBOARD = "sed -i s/^XKBLAYOUT=.*/XKBLAYOUT={}/ /etc/default/keyboard; setupcon --save || true"
_ANY_HOSTNAME = (
    'old=$(cat /etc/hostname); sed -i "s/[[:space:]]$old\\$/ "{0}/ /etc/hosts; printf "%s\\n" {0} >/etc/hostname; '
    "hostname {0}"
)
_SETUP_UNIT = f"""[Unit]
Description=Set this board up as its image says
ConditionPathExists={SCRIPT}
After=local-fs.target armbian-firstrun.service

[Service]
Type=oneshot
ExecStart=/bin/sh {SCRIPT}

[Install]
WantedBy=multi-user.target
"""
