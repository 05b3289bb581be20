"""The bundle's manifest: what is in it, for which board, from which inputs.

Knows nothing of containers or signatures. One manifest has one spelling, so its sha256 names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator

from boardwright.schemas.errors import BadBundle

FORMAT: Final = 1
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.minisig"
MAX_MANIFEST = 1024 * 1024
MAX_FILES = 4096
MAX_SIZE = 2**32 - 2**24  # of all files: what a zip without its 64-bit extension holds, less 16 MiB for headers

# Each part starts with a letter, a digit or "_": no "..", no hidden files, nothing a shell takes for an option.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def _file_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(
            "a file name is a relative path of A-Z a-z 0-9 . _ - whose parts start with a letter, a digit or _"
        )
    return name


def _json(value: dict[str, Any]) -> dict[str, Any]:
    """The value as it will be read back: a tuple is a list, a key is a string, and NaN is nothing."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
        back: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not plain JSON: {error}") from None
    return back


FileName = Annotated[str, Field(max_length=120), AfterValidator(_file_name)]
Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=40)]
# No control characters: these are printed on terminals.
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=300)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Part):
    name: FileName
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[StrictInt, Field(ge=0, le=MAX_SIZE)]


class Licence(_Part):
    name: Line  # of the component
    license: Line  # SPDX expression
    source: Line


class Manifest(_Part):
    """format: of this manifest.  counter: grows with each release; a board refuses an older one.
    os: code name of the release that the wheels inside are for; none where there are none.
    model: the file in `files` that the runtime loads.  content_ids: stage -> id.  key_id: of the signing key."""

    format: Literal[1] = FORMAT
    name: Slug
    version: Version
    counter: Annotated[StrictInt, Field(ge=1, lt=2**63)]
    task: Slug
    target: Slug
    os: Slug | None = None
    runtime: Literal["llama.cpp", "onnxruntime"]
    encoding: Slug
    model: FileName
    files: Annotated[tuple[FileEntry, ...], Field(min_length=1, max_length=MAX_FILES)]
    content_ids: dict[Slug, Line] = {}
    licences: tuple[Licence, ...] = ()
    student: Line
    created_by: Line
    scores: Annotated[dict[str, Any], AfterValidator(_json)] = {}
    key_id: Annotated[str, Field(pattern=r"^[0-9A-F]{16}$")]

    @model_validator(mode="after")
    def _files_agree(self) -> Manifest:
        # Case does not tell two names apart: bundles are unpacked on macOS and Windows too.
        names = {MANIFEST_NAME, SIGNATURE_NAME}
        for entry in self.files:
            if entry.name.lower() in names:
                raise ValueError(f"the file name {entry.name} is taken")
            names.add(entry.name.lower())
        for entry in self.files:
            parts = entry.name.lower().split("/")
            if any("/".join(parts[:depth]) in names for depth in range(1, len(parts))):
                raise ValueError(f"a folder of {entry.name} is also a file")
        if (total := sum(entry.size for entry in self.files)) > MAX_SIZE:
            raise ValueError(f"the files are {total} bytes together, and a bundle holds {MAX_SIZE}")
        if self.model not in {entry.name for entry in self.files}:
            raise ValueError(f"the model {self.model} is not among the files")
        return self

    @property
    def bundle_name(self) -> str:
        release = f"-{self.os}" if self.os else ""
        return f"{self.task}-{self.version}-{self.target}{release}.bwb"

    def encode(self) -> bytes:
        """The one spelling: UTF-8 JSON, fields in the order above, two spaces."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return (json.dumps(fields, ensure_ascii=False, indent=2) + "\n").encode()


_PartT = TypeVar("_PartT", bound=_Part)


def make_manifest(fields: Mapping[str, Any], where: object = MANIFEST_NAME) -> Manifest:
    """Check fields into a Manifest. Raises BadBundle naming the field as `.files[3].name`."""
    return _checked(Manifest, fields, where)


def make_entry(name: str, sha256: str, size: int, where: object = MANIFEST_NAME) -> FileEntry:
    return _checked(FileEntry, {"name": name, "sha256": sha256, "size": size}, where)


def _checked(part: type[_PartT], fields: Mapping[str, Any], where: object) -> _PartT:
    try:
        return part.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"])
        raise BadBundle(
            f"The manifest does not validate: {first['msg']}.",
            where=f"{where}: {(path if path.isprintable() else ascii(path)) or '.'}",
            value=None if first["type"] == "missing" or not path else first["input"],
            next="build the bundle again, with the same boardwright as on the board",
        ) from None


def parse_manifest(data: bytes, where: object = MANIFEST_NAME) -> Manifest:
    """Read the bytes of a manifest. Raises BadBundle; bytes that another spelling would do are refused too."""
    if len(data) > MAX_MANIFEST:
        raise BadBundle("The manifest is too long.", where=where, value=len(data), allowed=f"{MAX_MANIFEST} bytes")
    try:
        fields = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"The manifest is not JSON: {error}.", where=where) from None
    if not isinstance(fields, dict):
        raise BadBundle("The manifest is not a JSON object.", where=where, value=fields)
    # First of all: with another format, complaints about its fields would only mislead.
    if fields.get("format") != FORMAT:
        raise BadBundle(
            "This manifest is of another format.",
            where=f"{where}: .format",
            value=fields.get("format"),
            allowed=FORMAT,
            next="bring boardwright on this machine to the version that made the bundle",
        )
    manifest = make_manifest(fields, where)
    if manifest.encode() != data:
        raise BadBundle(
            "The manifest is not in its one spelling (key order, white space, a key twice).",
            where=where,
            next="build the bundle again: do not edit a manifest",
        )
    return manifest
