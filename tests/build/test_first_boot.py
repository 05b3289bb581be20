"""What a set-up says arrives at the other end as it was said, whatever is in it, in each image's own format."""

from __future__ import annotations

import configparser
import ctypes
import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boardwright.build.board_setup import Setup, hashed, read_setup, setup_of
from boardwright.build.first_boot import PRESETS, SCRIPT, Before, Plan, by_cloud_init, by_firstrun, by_presets, keyfile
from boardwright.build.injected import Injected
from boardwright.schemas.errors import KitError

BEFORE = Before("/boot/firmware")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDk0vXlVd3rXQ3nxmYb0PqKcT2JcQkT7d3gFz0JtS0aa"
HASH = "$6$saltsalt$" + "a" * 86
HOSTILE = "\"'`$(touch /tmp/x)${HOME}\\;&|<>*?[]{}~#!%^ äß漢😀:,-=@"
printable = st.text(st.one_of(st.sampled_from(HOSTILE), st.characters(codec="utf-8")), max_size=40).filter(
    str.isprintable
)
ssids = printable.filter(lambda text: 1 <= len(text.encode()) <= 32)
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make(**values: Any) -> Setup:
    return setup_of(values, "setup.toml")


def wifi(ssid: str, **more: Any) -> Setup:
    return make(wifi={"ssid": ssid, "psk": "12345678", "country": "DE", **more})


def with_key(comment: str) -> Setup:
    return make(user={"name": "ada", "password_hash": HASH}, ssh={"keys": [f"{KEY} {comment}"]})


def yaml(data: bytes) -> Any:
    return importlib.import_module("yaml").safe_load(data.decode())


def content(plan: Plan, path: str) -> bytes:
    found = next(entry for entry in plan.root if entry.path == path)
    assert isinstance(found, Injected) and isinstance(found.content, bytes)
    return found.content


def performed(script: bytes, tmp_path: Path) -> list[list[str]]:
    """The commands that a script runs with their arguments, each replaced by one that only writes them down."""
    log, stubs = tmp_path / "log", tmp_path / "stubs"
    stubs.mkdir(exist_ok=True)
    log.write_bytes(b"")
    text = script.decode().replace("exec >>/var/log/boardwright-setup.log", "exec >>/dev/null")
    text = text.replace("/usr/lib/userconf-pi/userconf", "userconf")
    for path in ("/etc/sudoers.d", "/etc/ssh/sshd_config.d", "/etc/hostname", "/etc/hosts", "/etc/default/keyboard"):
        text = text.replace(path, f"{tmp_path}/{path[1:].replace('/', '-')}")
    names = "raspi-config userconf usermod useradd id getent install chown chmod systemctl sed rm setupcon hostname"
    for name in [*names.split(), "mkdir"]:
        stub = stubs / name
        stub.write_text(f'#!/bin/sh\n{{ printf "%s\\0" {name} "$@"; printf "\\1"; }} >>"{log}"\n')
        stub.chmod(0o755)
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    (home / ".ssh" / "authorized_keys").unlink(missing_ok=True)
    (stubs / "getent").write_text(f"#!/bin/sh\necho ada:x:1000:1000::{home}:/bin/bash\n")
    path = f"{stubs}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", text], env={"PATH": path, "HOME": "/x"}, cwd=tmp_path, capture_output=True)
    assert not done.stderr, done.stderr
    return [run.decode().split("\0")[:-1] for run in log.read_bytes().split(b"\1") if run]


@few
@given(ssid=ssids)
def test_a_networks_name_arrives_through_yaml(ssid: str) -> None:
    plan = by_cloud_init(wifi(ssid, hidden=True), BEFORE)
    network = yaml(plan.boot["network-config"])["network"]
    assert network["wifis"]["wlan0"]["access-points"] == {ssid: {"password": wifi(ssid).wifi.key, "hidden": True}}  # type: ignore[union-attr]
    assert network["wifis"]["wlan0"]["regulatory-domain"] == "DE"


@few
@given(ssid=ssids)
def test_a_networks_name_arrives_through_networkmanagers_keyfile(ssid: str) -> None:
    setup = wifi(ssid)
    assert setup.wifi
    parser = configparser.ConfigParser(interpolation=None, delimiters=["="], comment_prefixes=["#"])
    parser.read_string(keyfile(setup.wifi))
    assert bytes(int(byte) for byte in parser["wifi"]["ssid"].split(";")[:-1]).decode() == ssid
    assert parser["wifi-security"]["psk"] == setup.wifi.key
    assert content(by_firstrun(setup, BEFORE), "/etc/NetworkManager/system-connections/boardwright.nmconnection")


@few
@given(ssid=ssids)
def test_a_networks_name_arrives_through_armbians_presets_or_is_refused(ssid: str) -> None:
    if set(ssid) & set("\"'\\$`"):
        with pytest.raises(KitError, match="Armbian"):
            by_presets(wifi(ssid), BEFORE)
        return
    presets = content(by_presets(wifi(ssid), BEFORE), PRESETS).decode()
    told = subprocess.run(
        ["sh", "-c", presets + '\nprintf "%s" "$PRESET_NET_WIFI_SSID"'], capture_output=True, check=True
    )
    assert told.stdout.decode() == ssid and not told.stderr


@few
@given(comment=printable)
def test_a_keys_comment_arrives_through_yaml(comment: str) -> None:
    user = yaml(by_cloud_init(with_key(comment), BEFORE).boot["user-data"])["users"][0]
    assert user["ssh_authorized_keys"] == [f"{KEY} {comment}".strip()]
    assert (user["name"], user["passwd"], user["lock_passwd"]) == ("ada", HASH, False)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(comment=printable)
@pytest.mark.parametrize("kind", ["firstrun", "armbian"])
def test_a_keys_comment_arrives_through_the_shell(tmp_path: Path, kind: str, comment: str) -> None:
    setup = with_key(comment)
    script = (
        by_firstrun(setup, BEFORE).boot["firstrun.sh"]
        if kind == "firstrun"
        else content(by_presets(setup, BEFORE), SCRIPT)
    )
    runs = performed(script, tmp_path)
    keys = (tmp_path / "home" / ".ssh" / "authorized_keys").read_text(encoding="utf-8")
    assert keys == f"{KEY} {comment}".strip() + "\n"
    assert ["usermod", "-p", HASH, "ada"] in runs


def test_bookworm_is_told_everything(tmp_path: Path) -> None:
    plan = by_firstrun(everything(), BEFORE)
    runs = performed(plan.boot["firstrun.sh"], tmp_path)
    for command in (
        "raspi-config nonint do_hostname till-3",
        "raspi-config nonint do_change_locale de_DE.UTF-8",
        "raspi-config nonint do_configure_keyboard de",
        "raspi-config nonint do_change_timezone Europe/Berlin",
        "raspi-config nonint do_wifi_country DE",
        f"userconf ada {HASH}",
        "systemctl enable ssh",
        "rm -f /boot/firmware/firstrun.sh",
    ):
        assert command.split() in runs
    assert plan.cmdline[0] == "systemd.run=/boot/firmware/firstrun.sh"
    assert runs[-1][0] == "rm" and runs[-2][0] == "sed"


def test_the_script_takes_its_words_off_the_command_line_again(tmp_path: Path) -> None:
    line = tmp_path / "cmdline.txt"
    plan = by_firstrun(make(hostname="a"), Before(str(tmp_path)))
    line.write_text(" ".join(["root=PARTUUID=4d8fd085-02 rootwait systemd.show_status=0", *plan.cmdline]) + "\n")
    sed = next(one for one in plan.boot["firstrun.sh"].decode().splitlines() if one.startswith("sed"))
    subprocess.run(["sh", "-c", sed], check=True)
    assert line.read_text() == "root=PARTUUID=4d8fd085-02 rootwait systemd.show_status=0\n"


def test_trixie_is_told_everything() -> None:
    plan = by_cloud_init(everything(), BEFORE)
    told = yaml(plan.boot["user-data"])
    assert plan.boot["user-data"].startswith(b"#cloud-config\n")
    assert (told["hostname"], told["locale"], told["timezone"]) == ("till-3", "de_DE.UTF-8", "Europe/Berlin")
    assert told["keyboard"] == {"model": "pc105", "layout": "de"}
    assert (told["enable_ssh"], told["ssh_pwauth"]) == (True, False)
    instance = yaml(plan.boot["meta-data"])["instance-id"]
    assert plan.cmdline == (f"ds=nocloud;i={instance}", "cfg80211.ieee80211_regdom=DE")


def test_armbian_is_told_everything_and_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    plan = by_presets(everything(hidden=True), BEFORE)
    presets = content(plan, PRESETS).decode()
    assert "PRESET_LOCALE=de_DE.UTF-8" in presets and "PRESET_TIMEZONE=Europe/Berlin" in presets
    assert "PASSWORD" not in presets
    runs = performed(content(plan, SCRIPT), tmp_path)
    assert ["hostname", "till-3"] in runs and ["usermod", "-p", HASH, "ada"] in runs
    assert any("hidden" in note for note in plan.notes) and any("root password" in note for note in plan.notes)


def test_presets_that_are_there_stay() -> None:
    plan = by_presets(make(timezone="Europe/Berlin"), Before("", b"PRESET_USER_SHELL=zsh\n"))
    assert content(plan, PRESETS).startswith(b"PRESET_USER_SHELL=zsh\n")


@pytest.mark.parametrize("way", [by_firstrun, by_cloud_init, by_presets])
def test_no_set_up_adds_nothing(way: Any) -> None:
    assert way(Setup(), BEFORE) == Plan()


def everything(**network: Any) -> Setup:
    return make(
        hostname="till-3",
        locale="de_DE.UTF-8",
        keyboard="de",
        timezone="Europe/Berlin",
        user={"name": "ada", "password_hash": HASH},
        ssh={"keys": [KEY]},
        wifi={"ssid": "shop", "psk": "12345678", "country": "DE", **network},
    )


@pytest.mark.parametrize("password", ["plain", "\"'`$(x)\\ 😀 ", "x" * 100])
def test_a_password_leaves_as_a_hash_that_is_its_own(password: str) -> None:
    user = hashed(make(user={"name": "ada", "password": password})).user
    assert user and user.password is None and user.password_hash
    try:
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
    except OSError:
        pytest.skip("no libcrypt here")
    crypt.restype = ctypes.c_char_p
    assert crypt(password.encode(), user.password_hash.encode()).decode() == user.password_hash
    assert password not in repr(make(user={"name": "ada", "password": password}))


def test_a_pass_phrase_becomes_the_key_of_the_standard() -> None:
    """IEEE 802.11i, annex H.4: a published pair."""
    setup = make(wifi={"ssid": "IEEE", "psk": "password", "country": "US"}).wifi
    assert setup and setup.key == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('hostnam = "x"', "hostnam", "did you mean 'hostname'"),
        ('[wifi]\nssid = "a"\npsk = "12345678"\ncountry = "DE"\nhiden = true', "wifi.hiden", "did you mean 'hidden'"),
        ('hostname = "-x"', "hostname", "inner dashes"),
        ('hostname = "a\\nb"', "hostname", "inner dashes"),
        ('timezone = "Europe/Berln"', "timezone", "Europe/Berlin"),
        ('[user]\nname = "root"\npassword = "x"', "user", "cannot be root"),
        ('[user]\nname = "ada"', "", "nobody could log in"),
        ('[user]\nname = "ada"\npassword = "a\\nb"', "user.password", "line ends"),
        ('[user]\nname = "ada"\npassword_hash = "secret"', "user.password_hash", "a hash looks like"),
        ('[ssh]\nkeys = ["ssh-rsa nonsense"]', "ssh.keys.0", "no public key"),
        (f'[ssh]\nkeys = ["{KEY}"]', "", "belong to a user"),
        ('[wifi]\nssid = "a\\tb"\npsk = "12345678"\ncountry = "DE"', "wifi.ssid", "line ends"),
        ('[wifi]\nssid = "a"\npsk = "secret"\ncountry = "DE"', "wifi.psk", "8 to 63"),
        ('[wifi]\nssid = "a"\npsk = "12345678"', "wifi.country", "required"),
        ("hostname", "", "not TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, where: str, words: str) -> None:
    path = tmp_path / "setup.toml"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(KitError) as refused:
        read_setup(path)
    assert str(refused.value.where) == (f"{path}: {where}" if where else str(path))
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
