"""Documents to records, written as lines for programs or laid out for people.

Knows nothing of bundles or models: what makes records of texts comes in.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from boardwright.device.confidence import in_percent
from boardwright.device.documents import Document
from boardwright.schemas.durable import disk, sync_folder
from boardwright.schemas.errors import MAX_SHOWN, BadDocument, KitError
from boardwright.schemas.records import spell

if TYPE_CHECKING:
    from boardwright.device.harness import Result

    # Of a harness, or of several.
    ExtractMany = Callable[[Iterable[str | KitError]], Iterator[Result | KitError]]

ABSENT = "–"


class Write(Protocol):
    def __call__(self, text: str, /) -> None: ...


def extract(many: ExtractMany, documents: Iterable[Document]) -> Iterator[tuple[Document, Result | KitError]]:
    """Each document with its record or its error, in order, as soon as it is there."""
    underway: deque[Document] = deque()

    def texts() -> Iterator[str | KitError]:
        for document in documents:
            underway.append(document)
            yield document.text

    for outcome in many(texts()):
        document = underway.popleft()
        yield document, _placed(outcome, document) if isinstance(outcome, KitError) else outcome


def write_records(
    outcomes: Iterable[tuple[Document, Result | KitError]],
    write: Write,
    say: Write,
    *,
    as_json: bool,
    beside: bool = False,
) -> int:
    """Write every outcome as it comes. write: a block of the output.  say: a line for the person watching.
    beside: show each document next to its record.

    Returns how many documents failed."""
    started, count, failed = time.perf_counter(), 0, 0
    for document, outcome in outcomes:
        count += 1
        failed += isinstance(outcome, KitError)
        if as_json:
            write(json_line(document, outcome) + "\n")
        elif isinstance(outcome, KitError):
            say(f"error: {printable(str(outcome))}")
        else:
            write(("\n" if count > 1 else "") + (side_by_side if beside else for_people)(document, outcome))
            say(f"{printable(document.id)}: {timing(outcome)}")
    if not as_json and count > 1:
        say(f"{count - failed} of {count} documents in {time.perf_counter() - started:.1f} s")
    return failed


def json_line(document: Document, outcome: Result | KitError, **more: str) -> str:
    """One document's outcome.  more: what else to say of it, behind its id."""
    if isinstance(outcome, KitError):
        return spell({"id": document.id, **more, "error": error_fields(outcome)})
    ms = outcome.timing
    return spell(
        {
            "id": document.id,
            **more,
            "record": outcome.record.model_dump(mode="json"),
            "spans": {path: list(span) for path, span in outcome.spans.items()},
            "confidence": {path: round(value, 4) for path, value in outcome.confidence.items()},
            "escalate": outcome.escalate,
            "timing_ms": {"prefill": round(ms.prefill, 1), "decode": round(ms.decode, 1), "total": round(ms.total, 1)},
            "passes": outcome.passes,
            "tokens": outcome.tokens,
        }
    )


def error_fields(error: KitError) -> dict[str, str | None]:
    """An error as JSON: each part as text, cut to what a person would be shown of it."""
    parts = {"where": error.where, "value": error.value, "allowed": error.allowed, "next": error.next}
    return {"what": error.what} | {
        name: None if part is None else str(part)[:MAX_SHOWN] for name, part in parts.items()
    }


def for_people(document: Document, result: Result) -> str:
    """The document's name and its fields, one a line."""
    record: dict[str, Any] = result.record.model_dump(mode="json")
    width = max(map(len, record))
    lines = [
        printable(document.id)
        + (f"   ! have somebody look at it: {', '.join(result.escalate)}" if result.escalate else "")
    ]
    for name, value in record.items():
        sure = f"   ({in_percent(result.confidence[name])})" if name in result.confidence else ""
        lines.append(f"  {name:<{width}}  {_value(value)}{sure}")
    return "\n".join(lines) + "\n"


def side_by_side(document: Document, result: Result) -> str:
    """The document on the left, its record on the right."""
    # A label and a short value, or most document lines: an 80-column terminal holds the smallest of these.
    room = max(36, shutil.get_terminal_size().columns // 2 - 2)
    text = document.text if isinstance(document.text, str) else ""
    left = [
        piece
        for line in text.splitlines()
        for piece in (textwrap.wrap(printable(line), room, drop_whitespace=False) or [""])
    ]
    right = for_people(document, result).splitlines()[1:]
    rows = zip_longest(left, right, fillvalue="")
    head = printable(document.id)
    return "\n".join([head, *(f"  {a:<{room}} │{b}".rstrip() for a, b in rows)]) + "\n"


def timing(result: Result) -> str:
    ms = result.timing
    return (
        f"{ms.total:.0f} ms (prefill {ms.prefill:.0f} ms, decode {ms.decode:.0f} ms), "
        f"{result.tokens} tokens in {result.passes} pass{'es' * (result.passes != 1)}"
    )


@contextmanager
def output(path: Path | None) -> Iterator[Write]:
    """What writes the output: stdout, flushed block by block; or a file that is there when all of it is.

    UTF-8 whatever the locale says: JSON is. Raises NoSpace, KitError, and BrokenPipeError when the reader has gone."""
    if path is None or (path.exists() and not path.is_file()):  # a pipe, or /dev/null: nothing to rename
        with disk(path or Path("stdout"), "write the records"):
            stream = sys.stdout.buffer if path is None else path.open("wb")
        try:
            yield lambda text: _put(stream, text, path)
        finally:
            if path is not None:
                stream.close()
        return
    path = path.resolve()  # a link stays a link
    with disk(path, "write the records"):
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temp = Path(name)
    try:
        with open(fd, "wb") as file:
            yield lambda text: _put(file, text, path)
            with disk(path, "write the records"):
                os.fsync(fd)
                os.fchmod(fd, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        with disk(path, "write the records"):
            temp.replace(path)
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise


def _put(stream: Any, text: str, path: Path | None) -> None:
    try:
        stream.write(text.encode("utf-8"))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with disk(path or Path("stdout"), "write the records"):
            raise error


def _placed(error: KitError, document: Document) -> KitError:
    """The same error with the document's own name in it: the harness only counts."""
    where = document.where if isinstance(error, BadDocument) or not error.where else f"{document.where}: {error.where}"
    return type(error)(error.what, where=where, value=error.value, allowed=error.allowed, next=error.next)


def _value(value: Any) -> str:
    if value is None:
        return ABSENT
    return printable(value if isinstance(value, str) else spell(value))


def printable(text: str) -> str:
    """Text from documents and file names must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
