"""Figures of real boards: what `boardwright-device bench --json` says, filed under a target.

Knows nothing of predictions: it tells which figures there are, not what else one might believe. They are files of

    targets/measured/       shipped, contributed by whoever has the board
    $BOARDWRIGHT_MEASURED   of one's own; else measured/ beside this machine's keys
"""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from boardwright.schemas.durable import disk, replace_text
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import KitError
from boardwright.schemas.keys import keys_folder
from boardwright.targets.profile import Name, Target, Text, load_target

SHIPPED = Path(__file__).parent / "measured"
# A p95 of fewer records is one of them.
LEAST_RECORDS = 20
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Spread(_Strict):
    p50: Positive
    p95: Positive
    p99: Positive


class Figures(_Strict):
    """As device/bench.py defines them."""

    records: Annotated[int, Field(gt=0)]
    failed: Count
    slots: Annotated[int, Field(gt=0)]
    latency_ms: Spread
    first_token_ms: Spread
    prefill_tokens_per_s: Positive
    decode_tokens_per_s: Positive
    passes_per_record: Positive
    drafted_per_record: Annotated[float, Field(ge=0)]
    accepted_per_record: Annotated[float, Field(ge=0)]
    tokens_per_record: Positive
    prompt_tokens_per_record: Positive
    prefix_tokens: Count
    records_per_minute: Positive


class Machine(_Strict):
    """board: as its device tree has it, None where there is none.  invalid: what slowed it down meanwhile."""

    verify_s: float
    load_s: float
    peak_rss_mb: Positive
    model_mb: Annotated[float, Field(ge=0)]
    encoding: Encoding
    decode_threads: Annotated[int, Field(gt=0)]
    prefill_threads: Annotated[int, Field(gt=0)]
    cpu: Text
    board: Text | None
    temperature_c: tuple[float | None, float | None]
    throttle_word: tuple[int | None, int | None]
    written_bytes: int | None
    invalid: tuple[str, ...]


class Subject(_Strict):
    """The bundle that was measured.  model: sha256 of its model file.  model_bytes: with its weights."""

    id: Sha256
    task: Text
    version: Text
    target: Name
    model: Sha256
    model_bytes: Annotated[int, Field(gt=0)]


class Bench(_Strict):
    """One run of `bench --json`."""

    how: Literal["measured", "emulated"]
    figures: Figures
    machine: Machine
    bundle: Subject


class Measured(_Strict):
    """A run as it is filed.  filed: the day, by the clock of the machine that filed it; boards have none."""

    target: Name
    filed: datetime.date
    bench: Bench

    @property
    def encoding(self) -> Encoding:
        return self.bench.machine.encoding


_PartT = TypeVar("_PartT", bound=_Strict)


def measured_folder() -> Path:
    """Where figures of one's own are kept."""
    named = os.environ.get("BOARDWRIGHT_MEASURED")
    return Path(named) if named else keys_folder() / "measured"


def add_measured(
    bench: Path, target: Target | None = None, folder: Path | None = None, today: datetime.date | None = None
) -> tuple[Path, Measured]:
    """File what a board printed; return where, and what. The same run is filed once.

    target: what the board is; that of the bundle unless told.  folder: measured_folder() unless told.
    Raises KitError for figures that say nothing about a board."""
    data = _read(bench)
    run = _parsed(Bench, data, bench)
    _check(run, bench)
    target = target or load_target(run.bundle.target)
    if target.arch == "any":
        raise KitError(
            "This target is no board: it is whatever machine runs the command.",
            value=target.name,
            next="name the board that was measured with --target",
        )
    kept = Measured(target=target.name, filed=today or datetime.date.today(), bench=run)
    digest = hashlib.sha256(run.model_dump_json().encode()).hexdigest()
    path = (folder or measured_folder()) / f"{target.name}-{kept.encoding}-{digest[:12]}.json"
    if path.is_file():
        return path, _parsed(Measured, _read(path), path)
    with disk(path, "file the figures"):
        replace_text(path, kept.model_dump_json(indent=1) + "\n")
    return path, kept


def measured(target: str, encoding: Encoding | None = None, folders: Sequence[Path] | None = None) -> list[Measured]:
    """What is filed for a target, newest first; of all encodings unless told. Raises KitError for a damaged file."""
    places = [SHIPPED, measured_folder()] if folders is None else folders
    files = sorted({path for folder in places for path in folder.glob("*.json")})
    every = [_parsed(Measured, _read(path), path) for path in files]
    fitting = [one for one in every if one.target == target and encoding in (None, one.encoding)]
    return sorted(fitting, key=lambda one: one.filed, reverse=True)


def _check(run: Bench, where: Path) -> None:
    """Only what a board did, undisturbed, one record at a time."""
    machine, figures = run.machine, run.figures
    again = "measure again on the board: boardwright-device bench --bundle B --json"
    if run.how == "emulated":
        raise KitError("These figures are emulated, which tells nothing of speed.", where=f"{where}: how", next=again)
    if machine.board is None:
        raise KitError(
            "These figures are not of a board: the machine has no device tree.",
            where=f"{where}: machine.board",
            value=machine.cpu,
            next=again,
        )
    if machine.invalid:
        raise KitError(
            f"The board was slowed down while it was measured: {', '.join(machine.invalid)}.",
            where=f"{where}: machine.invalid",
            next="cool it or give it a better supply, then measure again",
        )
    if figures.slots != 1:
        raise KitError(
            "These records were in flight together, so their latency is not that of one.",
            where=f"{where}: figures.slots",
            value=figures.slots,
            allowed=1,
            next=again,
        )
    if figures.records < LEAST_RECORDS:
        raise KitError(
            "These are too few records for a p95.",
            where=f"{where}: figures.records",
            value=figures.records,
            allowed=f"{LEAST_RECORDS} or more",
            next=again,
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KitError(f"Cannot read these figures: {error.strerror}.", where=path, next="check the path") from None


def _parsed(part: type[_PartT], data: bytes, path: Path) -> _PartT:
    try:
        return part.model_validate_json(data)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise KitError(
            f"These are not the figures of a bench: {first['msg']}.",
            where=f"{path}: {field}" if field else path,
            value=first["input"] if field and first["type"] != "missing" else None,
            next="take them as `boardwright-device bench --json` prints them, unchanged",
        ) from None
