"""Board profiles: what a board is, what is tried on it, and what it may cost.

Knows no board by name: each is a TOML file beside this one, or anywhere.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget
from boardwright.schemas.suggest import did_you_mean

FOLDER = Path(__file__).parent
# Figures of the machine itself: 0 where the profile does not fix them (see Target).
Figure = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
NAME = r"[a-z0-9][a-z0-9.-]{0,62}"
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Cpu(Strict):
    """qemu: its `-cpu` name, for proofs under emulation.  features: as /proc/cpuinfo of the board spells them."""

    qemu: Text | None = None
    features: tuple[Text, ...] = ()
    cores: Figure


class OsRelease(Strict):
    """An operating system that bundles for this target run on: code name, its Python and its glibc, as "3.11"."""

    release: Name
    python: Annotated[str, Field(pattern=r"^3\.\d+$")]
    glibc: Annotated[str, Field(pattern=r"^2\.\d+$")]


class Threads(Strict):
    """Threads of each phase; 0 is all physical cores that there are at run time."""

    prefill: Figure
    decode: Figure


class Budgets(Strict):
    """What a bundle may cost on this target: MB are 10^6 bytes, p95 is per document.

    A build packs nothing over bundle_mb. The other two hold on the board, where `bench` measures them."""

    latency_ms_p95: Annotated[int, Field(gt=0)]
    rss_mb: Annotated[int, Field(gt=0)]
    bundle_mb: Annotated[int, Field(gt=0)]


class Roofline(Strict):
    """What bounds the board's speed, for predictions (build/roofline.py).

    bandwidth_gb_s: 10^9 bytes a second that `threads.decode` cores read from memory.  clock_mhz: of the cores that do
    the work.  macs_per_cycle: products of 8 bits, added up, of one core with its best instruction.
    memory_efficiency, compute_efficiency: the shares of both that a real kernel keeps.
    """

    bandwidth_gb_s: Positive
    clock_mhz: Annotated[int, Field(gt=0)]
    macs_per_cycle: Positive
    memory_efficiency: Share
    compute_efficiency: Share


class Flash(Strict):
    """layout: of the operating system image: where boot files and presets are. "none": never flashed."""

    layout: Literal["raspios", "armbian", "none"]


class Target(Strict):
    """A board profile.

    arch "any" is the machine that runs the command: it may leave RAM and cores at 0, and needs no OS list and no
    roofline, for it can be measured.
    encodings: in the order in which they are tried.  sources: where each figure comes from.
    """

    name: Name
    board: Text
    soc: Text
    arch: Literal["any", "aarch64"]
    ram_mb: Figure
    cpu: Cpu
    os: tuple[OsRelease, ...] = ()
    threads: Threads
    encodings: Annotated[tuple[Encoding, ...], Field(min_length=1)]
    budgets: Budgets
    roofline: Roofline | None = None
    flash: Flash
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]

    @field_validator("encodings")
    @classmethod
    def _each_once(cls, encodings: tuple[Encoding, ...]) -> tuple[Encoding, ...]:
        if len(set(encodings)) != len(encodings):
            raise ValueError("an encoding is listed twice")
        return encodings

    @model_validator(mode="after")
    def _fits_itself(self) -> Target:
        if self.arch != "any" and not (self.ram_mb and self.cpu.cores and self.cpu.qemu and self.os):
            raise ValueError("a board needs ram_mb, cpu.cores, cpu.qemu and at least one os")
        if self.arch != "any" and self.roofline is None:
            raise ValueError("a board needs a roofline")
        if self.ram_mb and self.budgets.rss_mb >= self.ram_mb:
            raise ValueError("budgets.rss_mb must leave the board some of its ram_mb")
        if self.cpu.cores and max(self.threads.prefill, self.threads.decode) > self.cpu.cores:
            raise ValueError("there are more threads than cpu.cores")
        return self


def load_target(name_or_path: str | Path) -> Target:
    """A shipped profile by its name, or anybody's by the path of its TOML file. Raises BadTarget."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        return _read(Path(text))
    names = target_names()
    if text not in names:
        raise BadTarget(
            "There is no such target.",
            value=text,
            allowed=f"{', '.join(names)}, or the path of a .toml file",
            next=did_you_mean(text, names),
        )
    return _read(FOLDER / f"{text}.toml")


def target_names() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def all_targets() -> list[Target]:
    """The shipped profiles, by name."""
    return [load_target(name) for name in target_names()]


def copy_profile(name: str, like: str, folder: Path) -> Path:
    """Write `folder/NAME.toml`, a profile like another's with its comments and sources; return the path.

    Raises BadTarget for a name that no profile can have or that is taken, and for a place that is."""
    load_target(like)  # refuses one that is not there, or not sound
    source = FOLDER / f"{like}.toml" if like in target_names() else Path(like)
    path = folder / f"{name}.toml"
    if not re.fullmatch(NAME, name) or name in target_names():
        raise BadTarget(
            "This is no name for a profile of your own.",
            value=name,
            allowed="at most 63 of a-z, 0-9, dots and dashes, a letter or digit first; not a shipped one",
        )
    text = re.sub(r'(?m)^name = ".*"$', f'name = "{name}"', source.read_text(encoding="utf-8"), count=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadTarget("This file is there already.", where=path, next="choose another name or --in FOLDER") from None
    except OSError as error:
        raise BadTarget(f"Cannot write the profile: {error.strerror}.", where=path) from None
    return path


def _read(path: Path) -> Target:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadTarget(f"Cannot read this profile: {error.strerror}.", where=path, next="check the path") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise BadTarget(f"This profile is not TOML: {error}.", where=path) from error
    try:
        # By way of JSON, because there strict validation takes arrays as tuples and strings as encodings.
        return Target.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: ValidationError) -> BadTarget:
    """One thing that is wrong with a profile, with its place in the file."""
    errors = error.errors()
    # A mistyped field also leaves the right one missing: the typo says more.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    loc = first["loc"]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    where = f"{path}: {field}" if field else str(path)
    if first["type"] == "extra_forbidden":
        known = _TABLES[next((part for part in reversed(loc[:-1]) if isinstance(part, str)), "")].model_fields
        hint = did_you_mean(str(loc[-1]), known)
        return BadTarget("There is no such field.", where=where, allowed=", ".join(known), next=hint)
    return BadTarget(
        f"This profile does not validate: {first['msg']}.",
        where=where,
        value=first["input"] if loc and first["type"] != "missing" else None,
        allowed=", ".join(Encoding) if loc[:1] == ("encodings",) else None,
    )


_TABLES: dict[str, type[Strict]] = {
    "": Target,
    "cpu": Cpu,
    "os": OsRelease,
    "threads": Threads,
    "budgets": Budgets,
    "roofline": Roofline,
    "flash": Flash,
}
