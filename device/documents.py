"""Documents from files, JSON lines and standard input.

Knows nothing of tasks: anything that is text is a document. One that cannot be read keeps its place, as an error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from boardwright.schemas.durable import disk
from boardwright.schemas.errors import BadDocument, KitError

STDIN = "-"
# Far more than any context holds; the harness says how much that is. This only keeps a disk image out of memory.
MAX_BYTES = 4 * 1024 * 1024
LINE = '{"id": "…", "text": "…"}'


@dataclass(frozen=True)
class Document:
    """id: for the output.  where: file, or file and line, for a person.  text: the document, or why there is none."""

    id: str
    where: str
    text: str | BadDocument


def check_inputs(names: Sequence[str]) -> None:
    """Catch a mistyped name before a model is loaded. Raises KitError."""
    if list(names).count(STDIN) > 1:
        raise KitError("Standard input is named twice.", value=STDIN, allowed="once: it can be read only once")
    for name in names:
        if name == STDIN:
            continue
        if Path(name).is_dir():
            raise KitError(
                "This is a folder.", where=_shown(name), allowed="files", next=f"name what is in it: {name}/*"
            )
        if not Path(name).exists():
            raise KitError("There is no such file.", where=_shown(name), next="check the path")


def expand(names: Sequence[str]) -> list[str]:
    """Folders replaced by the files in them, by name, hidden ones aside. Raises KitError for an empty one."""
    found: list[str] = []
    for name in names:
        if name == STDIN or not Path(name).is_dir():
            found.append(name)
            continue
        with disk(Path(name), "read the folder"):
            inside = sorted(one.path for one in os.scandir(name) if one.is_file() and not one.name.startswith("."))
        if not inside:
            raise KitError("There is no document in this folder.", where=_shown(name), allowed="one file or more")
        found += inside
    return found


def is_jsonl(name: str) -> bool:
    """Whether an input of this name holds a document a line."""
    return name.lower().endswith(".jsonl")


def read_documents(names: Sequence[str], *, jsonl: bool = False, stdin: BinaryIO | None = None) -> Iterator[Document]:
    """Read each input as one document, or a document a line where its name ends in .jsonl or `jsonl` says so.

    names: paths, "-" for standard input; none is standard input alone.  Lazy: a line is handed out as it comes.
    """
    for name in names or [STDIN]:
        lines = jsonl or is_jsonl(name)
        shown = _shown(name)
        try:
            if name == STDIN:
                yield from _read(stdin or sys.stdin.buffer, shown, lines)
            else:
                # Not open_regular: a shell's <(…) is a pipe.
                with open(name, "rb") as source:
                    yield from _read(source, shown, lines)
        except OSError as error:
            yield Document(shown, shown, BadDocument(f"Cannot read this file: {error.strerror}.", where=shown))


def texts_of(documents: Iterable[Document]) -> list[str]:
    """The texts alone, for those who can do without none of them. Raises the first BadDocument."""
    texts = []
    for document in documents:
        if isinstance(document.text, BadDocument):
            raise document.text
        texts.append(document.text)
    if not texts:
        raise BadDocument("There is no document.", allowed="one or more")
    return texts


def _shown(name: str) -> str:
    """A name that can be written as UTF-8, whatever bytes the file system holds."""
    return "stdin" if name == STDIN else os.fsencode(name).decode("utf-8", "replace")


def _read(source: BinaryIO, name: str, lines: bool) -> Iterator[Document]:
    if lines:
        for number, line in _bounded_lines(source):
            if line.strip():
                yield _from_line(line, f"{name}:{number}")
        return
    try:
        text: str | BadDocument = _text(source.read(MAX_BYTES + 1), name)
    except BadDocument as error:
        text = error
    yield Document(name, name, text)


def _bounded_lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers from 1; of a line past MAX_BYTES only the beginning, one byte past it."""
    number = 0
    while line := source.readline(MAX_BYTES + 1):
        number += 1
        rest = line
        while len(rest) > MAX_BYTES and not rest.endswith(b"\n"):
            rest = source.readline(MAX_BYTES + 1)
        yield number, line


def _from_line(line: bytes, where: str) -> Document:
    name = where
    try:
        value = _object(line, where)
        name = _id(value, where)
        text = value.get("text")
        if not isinstance(text, str):
            what = "'text' is not a string." if "text" in value else "'text' is missing."
            raise BadDocument(what, where=where, value=text, allowed=LINE)
        return Document(name, where, _checked(text, where))
    except BadDocument as error:
        return Document(name, where, error)


def _object(line: bytes, where: str) -> dict[str, Any]:
    text = _text(line, where).strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadDocument(f"This line is not JSON: {why}.", where=where, value=text, allowed=LINE) from None
    if not isinstance(value, dict):
        raise BadDocument("This line is JSON, but not an object.", where=where, value=value, allowed=LINE)
    return value


def _id(value: dict[str, Any], where: str) -> str:
    """The document's own id, or its place. Numbers are common as ids, and nothing is lost by spelling them."""
    given = value.get("id", where)
    if isinstance(given, bool) or not isinstance(given, str | int) or not _is_unicode(str(given)):
        raise BadDocument("'id' is not a string.", where=where, value=given, allowed=LINE)
    return str(given)


def _text(raw: bytes, where: str) -> str:
    if len(raw) > MAX_BYTES:
        raise BadDocument("The document is too long.", where=where, allowed=f"{MAX_BYTES} bytes", next="split it")
    try:
        return _checked(raw.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        # UTF-16 is half NUL bytes, so it would pass for binary; its mark says better.
        utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\0" in raw and not utf16:
            raise _binary(where) from None
        raise BadDocument(
            "The document is not UTF-8.",
            where=where,
            value=f"byte 0x{raw[error.start]:02x} at {error.start}",
            allowed="text in UTF-8",
            next=f"convert it: iconv -f {'UTF-16' if utf16 else 'LATIN1'} -t UTF-8",
        ) from None


def _checked(text: str, where: str) -> str:
    if "\0" in text:
        raise _binary(where)
    if not text.strip():
        raise BadDocument("The document is empty.", where=where, allowed="some text")
    if not _is_unicode(text):
        raise BadDocument("The document is not valid Unicode: it has half of a surrogate pair.", where=where)
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _binary(where: str) -> BadDocument:
    return BadDocument(
        "The document is binary: it holds NUL bytes.",
        where=where,
        allowed="text in UTF-8",
        next="extract its text first (pdftotext, tesseract …)",
    )
