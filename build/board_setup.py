"""What a board is to be at its first boot: name, user, ssh, Wi-Fi, language. A small TOML file; all of it is optional.

Knows nothing of images, nor of how an OS is told. A password leaves here as a hash only.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from boardwright.build import system_tool
from boardwright.schemas.durable import disk
from boardwright.schemas.errors import KitError
from boardwright.schemas.suggest import did_you_mean

SECRET = {"password", "password_hash", "psk"}
_KEY_TYPES = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9-]+(@openssh\.com)?")


def _printable(text: str) -> str:
    """No line ends or other control characters: these values become lines of files that others parse."""
    if not text.isprintable() or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("line ends and control characters have no place here")
    return text


def _ssid(text: str) -> str:
    if not 1 <= len(text.encode()) <= 32:
        raise ValueError("a network name is 1 to 32 bytes long")
    return text


def _key(text: str) -> str:
    kind, _, rest = text.strip().partition(" ")
    body = rest.split(" ")[0]
    try:
        blob = base64.b64decode(body, validate=True)
    except ValueError:
        blob = b""
    if not _KEY_TYPES.fullmatch(kind) or blob[4 : 4 + len(kind)] != kind.encode():
        raise ValueError("this is no public key as ssh-keygen writes it into a .pub file: type, base64, comment")
    return text.strip()


def _timezone(text: str) -> str:
    known = zoneinfo.available_timezones()
    # A machine without a list of them can still tell a name from something else.
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", text) or (known and text not in known):
        raise ValueError(f"there is no such time zone; {did_you_mean(text, known) or 'they look like Europe/Berlin'}")
    return text


def _form(pattern: str, words: str) -> AfterValidator:
    """A pattern that is told in words when a value does not fit."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(words)
        return text

    return AfterValidator(check)


HOSTNAME = _form(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a host name is 1 to 63 of a-z, 0-9 and inner dashes")
LOCALE = _form(r"[a-z]{2,3}_[A-Z]{2}\.UTF-8", "a locale looks like de_DE.UTF-8")
KEYBOARD = _form(r"[a-z][a-z0-9_-]{1,30}", "a keyboard layout looks like de or us")
USER = _form(r"[a-z_][a-z0-9_-]{0,31}", "a user name is 1 to 32 of a-z, 0-9, _ and -, a letter first")
HASH = _form(r"\$(y|5|6)\$[A-Za-z0-9./$=,]{20,200}", "a hash looks like $6$… or $y$…, as `openssl passwd -6` prints it")
PSK = _form(r"[\x20-\x7e]{8,63}|[0-9A-Fa-f]{64}", "a WPA pass phrase is 8 to 63 letters of ASCII; a key, 64 hex digits")
COUNTRY = _form(r"[A-Z]{2}", "a country is two capitals, like DE")
Printable = Annotated[str, AfterValidator(_printable)]
SshKey = Annotated[Printable, AfterValidator(_key)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class User(_Part):
    """password is what the file may hold; `read_setup` turns it into password_hash, and nobody else sees it."""

    name: Annotated[str, USER]
    password: Annotated[Annotated[Printable, Field(min_length=1, max_length=100)] | None, Field(repr=False)] = None
    password_hash: Annotated[Annotated[str, HASH] | None, Field(repr=False)] = None

    @model_validator(mode="after")
    def _one_way_in(self) -> User:
        if self.password and self.password_hash:
            raise ValueError("give the password or its hash, not both")
        if self.name == "root":
            raise ValueError("the user cannot be root")
        return self


class Ssh(_Part):
    enabled: bool = True
    keys: tuple[SshKey, ...] = ()


class Wifi(_Part):
    """country: ISO 3166 code; radios stay off without one.  psk: the pass phrase, or 64 hex digits."""

    ssid: Annotated[Printable, AfterValidator(_ssid)]
    psk: Annotated[str, PSK, Field(repr=False)]
    country: Annotated[str, COUNTRY]
    hidden: bool = False

    @property
    def key(self) -> str:
        """64 hex digits, which every OS takes as it takes the pass phrase, and which need no quotes (IEEE 802.11)."""
        if len(self.psk) == 64:
            return self.psk.lower()
        return hashlib.pbkdf2_hmac("sha1", self.psk.encode(), self.ssid.encode(), 4096, 32).hex()


class Setup(_Part):
    hostname: Annotated[str, HOSTNAME] | None = None
    locale: Annotated[str, LOCALE] | None = None
    keyboard: Annotated[str, KEYBOARD] | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] | None = None
    user: User | None = None
    ssh: Ssh | None = None
    wifi: Wifi | None = None

    @model_validator(mode="after")
    def _someone_can_log_in(self) -> Setup:
        if self.ssh and self.ssh.keys and not self.user:
            raise ValueError("ssh.keys belong to a user: give user.name too")
        if self.user and not (self.user.password or self.user.password_hash or (self.ssh and self.ssh.keys)):
            raise ValueError("nobody could log in: the user needs a password, or ssh.keys")
        return self


def read_setup(path: Path) -> Setup:
    """The set-up in a TOML file, its password hashed. Raises KitError with the place in the file."""
    with disk(path, "read the set-up"):
        raw = path.read_bytes()
    try:
        values = tomllib.loads(raw.decode())
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise KitError(f"The set-up is not TOML: {error}.", where=path) from None
    return hashed(setup_of(values, str(path)))


def setup_of(values: dict[str, Any], where: str) -> Setup:
    """Check values as TOML gives them. Raises KitError; secrets are not shown."""
    # TOML has lists where the model has tuples, and that is all that strictness would find.
    ssh = values.get("ssh")
    if isinstance(ssh, dict) and isinstance(ssh.get("keys"), list):
        values = {**values, "ssh": {**ssh, "keys": tuple(ssh["keys"])}}
    try:
        return Setup.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # A mistyped name also leaves the right one missing: the typo says more.
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        place = ".".join(map(str, first["loc"]))
        unknown, missing = first["type"] == "extra_forbidden", first["type"] == "missing"
        told = first["msg"].removeprefix("Value error, ")
        shown = not (unknown or missing or isinstance(first["input"], dict | Setup | User) or SECRET & {*first["loc"]})
        tables: dict[str, type[_Part]] = {"user": User, "ssh": Ssh, "wifi": Wifi}
        known = (tables[str(first["loc"][0])] if len(first["loc"]) > 1 else Setup).model_fields
        raise KitError(
            "There is no such setting." if unknown else f"The set-up does not validate: {told}.",
            where=f"{where}: {place}" if place else where,
            value=first["input"] if shown else None,
            allowed=", ".join(known) if unknown else None,
            next=did_you_mean(str(first["loc"][-1]), known) if unknown else None,
        ) from None


def hashed(setup: Setup) -> Setup:
    """The same with the password as sha512-crypt, which every Debian reads; salted, so never the same twice."""
    if setup.user is None or setup.user.password is None:
        return setup
    done = system_tool.run("openssl", "passwd", "-6", "-stdin", given=setup.user.password + "\n")
    user = setup.user.model_copy(update={"password": None, "password_hash": done.out.decode().strip()})
    return setup.model_copy(update={"user": user})
