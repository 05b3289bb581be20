"""A bundle file, verified and laid out, ready to run: on a board, and on the workstation that made it.

Knows nothing of slots or commands. What a bundle holds beside its manifest:

    model.gguf      or as the manifest's `model` names it: model.onnx, with model.data and tokenizer.json beside it
    task/task.py    the contract; runs here because the bundle is signed
    target.json     the board profile
    golden.jsonl    documents with the token ids of their prompts and the records that are to come out
    scores.json     what the build measured
    training.json   how the student learnt, for the report; may be missing
    drafts.bin      what guesses records from documents; may be missing
    sure.json       what a field's probability is worth; may be missing
    neighbours.json the records that the student learnt, to show the nearest one; of a task that says so
    proof.json      what the board's CPU did with it under emulation; may be missing
    board.json, wheels/, sbom.cdx.json, LICENCES.txt    of a bundle for a board: what it needs, and all that it runs
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from boardwright.device.confidence import Calibration
from boardwright.device.cores import big_cores, pin
from boardwright.device.needs import NEEDS, REQUIREMENTS, Needs
from boardwright.device.slots import Slot
from boardwright.schemas.bundle import Bundle, open_bundle, open_staged
from boardwright.schemas.errors import BadBundle, KitError
from boardwright.schemas.keys import trusted_keys
from boardwright.schemas.minisign import read_public_key
from boardwright.schemas.neighbours import Neighbours
from boardwright.schemas.task import Task, load_task
from boardwright.targets.profile import Target

if TYPE_CHECKING:
    # llama.cpp and numpy take longer to import than all else here, and `info` needs neither.
    from boardwright.device.drafts import Model
    from boardwright.device.harness import Harness
    from boardwright.device.threads import Choice
    from boardwright.device.workers import Workers

TASK, TARGET, GOLDEN, SCORES, TRAINING, DRAFTS, SURE, NEIGHBOURS = (
    "task",
    "target.json",
    "golden.jsonl",
    "scores.json",
    "training.json",
    "drafts.bin",
    "sure.json",
    "neighbours.json",
)
MAX_PART = 16 * 1024 * 1024
REBUILD = "build the bundle again, with the same boardwright as on the board"


_PartT = TypeVar("_PartT")


class Golden(BaseModel):
    """A document whose prompt and record are known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    text: str
    record: dict[str, Any]
    prompt_ids: Annotated[tuple[int, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Installed:
    """A verified bundle and the folder that it lies in."""

    bundle: Bundle
    folder: Path
    task: Task
    target: Target
    goldens: tuple[Golden, ...]
    scores: dict[str, Any]

    @property
    def model(self) -> Path:
        return self.folder / self.bundle.manifest.model

    def drafts(self) -> Model | None:
        """What guesses records from documents, where the bundle carries it. Raises BadBundle."""
        from boardwright.device.drafts import Model

        return self._optional(DRAFTS, Model.from_bytes)

    def training(self) -> dict[str, Any] | None:
        """How the student learnt, where the bundle tells. Raises BadBundle."""
        where = f"{self.bundle.path}: {TRAINING}"
        return self._optional(TRAINING, lambda data: _object(data, where))

    def calibration(self) -> Calibration | None:
        """What a field's probability is worth, where the bundle tells. Raises BadBundle."""
        return self._optional(SURE, Calibration.from_json)

    def _optional(self, name: str, read: Callable[[bytes], _PartT]) -> _PartT | None:
        path = self.folder / name
        if not path.is_file():
            return None
        return _readable(read, path.read_bytes(), f"{self.bundle.path}: {name}")

    def threads(self, threads: int | None = None, prefill_threads: int | None = None) -> tuple[int, int]:
        """Threads for (decode, prefill): as given, else as measured here, else the target's; never more of the target's
        than there are fast cores."""
        cores = len(big_cores())
        if threads is None and (measured := self._measured()):
            return measured.decode, prefill_threads or measured.prefill
        wanted = self.target.threads
        return (
            threads or min(wanted.decode or cores, cores),
            prefill_threads or threads or min(wanted.prefill or cores, cores),
        )

    def _measured(self) -> Choice | None:
        """What the command `threads` found out here."""
        from boardwright.device.threads import recall

        return recall(self.folder.parent, self.model_id, len(big_cores()))

    @property
    def model_bytes(self) -> int:
        """The size of the model file and its weights, where they are in a file of their own."""
        manifest = self.bundle.manifest
        return sum(entry.size for entry in manifest.files if Path(entry.name).stem == Path(manifest.model).stem)

    @property
    def model_id(self) -> str:
        """sha256 of the model file."""
        manifest = self.bundle.manifest
        return next(entry.sha256 for entry in manifest.files if entry.name == manifest.model)

    def harness(self, slots: int = 1, threads: int | None = None, prefill_threads: int | None = None) -> Harness:
        """Load the model and certify the prompt. slots: records in flight at once. Raises BadBundle."""
        from boardwright.device.harness import Harness

        decode, prefill = self.threads(threads, prefill_threads)
        measured = self._measured()
        cores = big_cores()
        if max(decode, prefill) <= len(cores):
            pin(cores)  # before the load: the engine's threads stay where they begin
        harness = Harness.load(
            self.task,
            self.model,
            slots=slots,
            threads=decode,
            prefill_threads=prefill,
            drafts=self.drafts(),
            calibration=self.calibration(),
            pass_cost=measured.pass_cost if measured else None,
        )
        self._certify_or_close(harness, harness)
        return harness

    def workers(self, count: int | None = None) -> Workers:
        """Load the model once for several records at a time, each on a core of its own, and certify the prompt.

        count: of workers; as many as there are fast cores unless told. Raises BadBundle."""
        from boardwright.device.workers import Workers

        cores = big_cores()
        pin(cores)
        workers = Workers.load(self.task, self.model, count or len(cores), self.drafts(), self.calibration())
        self._certify_or_close(workers.harnesses[0], workers)
        return workers

    def _certify_or_close(self, harness: Harness, owner: Harness | Workers) -> None:
        try:
            self.certify(harness)
        except BaseException:
            owner.close()
            raise

    def certify(self, harness: Harness) -> None:
        """The prompt here is the prompt of training: token ids of every golden document agree. Raises BadBundle."""
        for golden in self.goldens:
            prefix, rest = harness.prompt_ids(golden.text)
            found, stored = [*prefix, *rest], list(golden.prompt_ids)
            if found != stored:
                at = next((i for i, pair in enumerate(zip(found, stored, strict=False)) if pair[0] != pair[1]), None)
                at = min(len(found), len(stored)) if at is None else at
                raise BadBundle(
                    "The prompt here is not the one that the student was trained with: "
                    "the template or the tokenizer differs.",
                    where=f"{self.bundle.path}: {GOLDEN}: document {golden.id}, token {at}",
                    value=found[at : at + 8],
                    allowed=stored[at : at + 8],
                    next=REBUILD,
                )


def cache_folder() -> Path:
    """Where bundles are laid out: $BOARDWRIGHT_CACHE, else boardwright/bundles in the user's cache folder."""
    if named := os.environ.get("BOARDWRIGHT_CACHE"):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if cache.is_absolute():  # the XDG rule: a relative path there is to be ignored
        return cache / "boardwright" / "bundles"
    try:
        return Path.home() / ".cache" / "boardwright" / "bundles"
    except RuntimeError as error:
        raise KitError(
            "There is no home folder to keep bundles in.",
            next="set BOARDWRIGHT_CACHE to a folder that you can write to",
        ) from error


def load_bundle(path: Path, key: Path | None = None, cache: Path | None = None) -> Installed:
    """Verify a bundle, lay it out and read it; nothing is written before signature and hashes hold.

    path: a .bwb file, or a slot, where it is laid out already.  key: a .pub file to trust beside those of this machine.
    cache: where to lay a file out, `cache_folder()` unless told.  Raises BadBundle, BadTask, NoSpace, KitError."""
    bundle = open_either(path, key)
    target, goldens = target_of(bundle), tuple(goldens_of(bundle))
    scores = _object(bundle.read(SCORES, MAX_PART), f"{path}: {SCORES}")
    folder = bundle.path if bundle.path.is_dir() else bundle.stage(cache or cache_folder())
    with _no_bytecode():
        task = load_task(folder / TASK)
    if task.neighbour:
        index = bundle.read(NEIGHBOURS, MAX_PART)
        task = replace(task, neighbours=_readable(Neighbours.from_json, index, f"{path}: {NEIGHBOURS}"))
    return Installed(bundle, folder, task, target, goldens, scores)


def open_either(path: Path, key: Path | None = None) -> Bundle:
    """Verify a .bwb file, or the bundle of a slot. Raises BadBundle, KitError."""
    if path.is_dir():
        slot = Slot(path.resolve())
        signer = (read_public_key(slot.signer),) if slot.signer.exists() else ()
        return open_staged(slot.bundle, (*trusted_keys(key), *signer))
    return open_bundle(path, trusted_keys(key))


def read_needs(path: Path, key: Path | None = None) -> Needs | None:
    """What a bundle needs of a board; None for one that runs where it was made. Raises BadBundle, KitError."""
    return needs_of(open_either(path, key))


def needs_of(bundle: Bundle) -> Needs | None:
    if not bundle.has(NEEDS):
        return None
    return _readable(Needs.from_json, bundle.read(NEEDS, MAX_PART), str(bundle.path))


def board_needs(bundle: Bundle) -> Needs:
    """What a bundle for a board needs of it. Raises BadBundle for one that carries no wheels."""
    needs = needs_of(bundle)
    if needs is None or not bundle.has(REQUIREMENTS):
        raise BadBundle(
            "This bundle was not built for a board: it carries no wheels.",
            where=bundle.path,
            value=bundle.manifest.target,
            next="boardwright build TASK --target BOARD (`boardwright targets` lists them); here, `extract` runs it",
        )
    return needs


def target_of(bundle: Bundle) -> Target:
    """The board profile that the bundle was built for. Raises BadBundle."""
    return _part(Target, bundle.read(TARGET, MAX_PART), f"{bundle.path}: {TARGET}")


def shortest_first(goldens: Iterable[Golden]) -> list[Golden]:
    """Those that a slow board answers soonest come first."""
    return sorted(goldens, key=lambda golden: (len(golden.prompt_ids), golden.id))


def goldens_of(bundle: Bundle) -> Iterator[Golden]:
    """The golden documents, in the bundle's order. Raises BadBundle, also where there is none."""
    where = f"{bundle.path}: {GOLDEN}"
    lines = bundle.read(GOLDEN, MAX_PART).splitlines()
    if not lines:
        # Without one, nothing would vouch for the prompt.
        raise BadBundle("The bundle has no golden document.", where=where, allowed="one or more", next=REBUILD)
    for number, line in enumerate(lines, 1):
        yield _part(Golden, line, f"{where}:{number}")


_ModelT = TypeVar("_ModelT", bound=BaseModel)


def _part(model: type[_ModelT], data: bytes, where: str) -> _ModelT:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadBundle(
            f"A part of the bundle does not validate: {first['msg']}.",
            where=f"{where}: {place}" if place else where,
            value=None if first["type"] == "missing" else first["input"],
            next=REBUILD,
        ) from None


def _readable(read: Callable[[bytes], _PartT], data: bytes, where: str) -> _PartT:
    try:
        return read(data)
    except (ValueError, KeyError, TypeError) as error:
        raise BadBundle(f"A part of the bundle can't be read: {error}.", where=where, next=REBUILD) from None


def _object(data: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"A part of the bundle is not JSON: {error}.", where=where, next=REBUILD) from None
    if not isinstance(value, dict):
        raise BadBundle("A part of the bundle is not a JSON object.", where=where, value=value, next=REBUILD)
    return value


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """A staged folder holds what the manifest names and nothing else: a __pycache__ would make it damaged."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
