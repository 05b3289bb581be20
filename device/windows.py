"""Documents longer than the context, where the task allows it: read in overlapping windows, merged field by field.

Knows nothing of decoding. A window that does not hold a field's place says null, or something unlikely; so the
likeliest value that any window found is taken, and null where none is worth believing. Lists are joined.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.shape import ListShape, bare

if TYPE_CHECKING:
    from boardwright.device.harness import Harness, Result

# Of a window, what the next one repeats: room for a value and its label that would fall between two.
OVERLAP = 0.2
# A value that one window finds less likely than this stands back behind another window's null.
BELIEVED = 0.5


@dataclass(frozen=True)
class Window:
    """A piece of a document: characters start to end."""

    start: int
    end: int


def windows(text: str, room: int, count: Callable[[str], int]) -> list[Window]:
    """Cut a text into overlapping pieces of at most `room` tokens, between lines where it can, else between words.

    count: tokens of a piece. One window where all fits. Raises ValueError when a single character does not."""
    if count(text) <= room:
        return [Window(0, len(text))]
    found: list[Window] = []
    start = 0
    while True:
        end = _reach(text, start, room, count)
        if found and end <= found[-1].end:
            # The overlap was all that fits: begin where the last one ended.
            start = found[-1].end
            end = _reach(text, start, room, count)
        found.append(Window(start, end))
        if end == len(text):
            return found
        # Back by the overlap, to the beginning of a line or a word; but always on.
        back = end - int(OVERLAP * (end - start))
        after = max(text.rfind("\n", start + 1, back), text.rfind(" ", start + 1, back)) + 1
        start = after if after > start else end


def _reach(text: str, start: int, room: int, count: Callable[[str], int]) -> int:
    """The furthest end of a window that begins at `start`."""
    low, high = start, len(text)  # what fits, and what may not
    if count(text[start:]) <= room:
        return len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(text[start:middle]) <= room else (low, middle)
    if low == start:
        raise ValueError(f"a window of {room} tokens does not hold a character")
    for mark in ("\n", " "):
        cut = text.rfind(mark, start + (low - start) // 2, low) + 1
        # Cut there, the piece may tokenize otherwise.
        if cut > start and count(text[start:cut]) <= room:
            return cut
    return low


def extract_in_windows(
    harness: Harness, texts: Iterable[str | KitError], slots: int | None
) -> Iterator[Result | KitError]:
    """As `Harness.extract_whole`, but a document that is too long goes through in windows."""
    # The windows of each document under way; none for one that has no text.
    under_way: deque[list[Window]] = deque()

    def count(piece: str) -> int:
        return len(harness.engine.tokenize(piece, False))

    def pieces() -> Iterator[str | KitError]:
        for number, text in enumerate(texts, 1):
            if isinstance(text, KitError):
                under_way.append([])
                yield text
                continue
            whole = [Window(0, len(text))]
            try:
                cut = windows(text, harness.document_room, count)
            except UnicodeEncodeError:
                cut = whole  # the harness refuses it, and says why
            except ValueError as error:
                under_way.append([])
                yield BadDocument(
                    f"The document can't be read in parts: {error}.",
                    where=f"document {number}",
                    next="raise limits.context",
                )
                continue
            # Windows of white space alone have nothing to read.
            cut = [one for one in cut if text[one.start : one.end].strip()] or whole
            under_way.append(cut)
            for one in cut:
                yield text[one.start : one.end]

    number = 1
    gathered: list[Result | KitError] = []
    for outcome in harness.extract_whole(pieces(), slots=slots):
        gathered.append(outcome)
        if len(gathered) < len(under_way[0]):
            continue
        cut = under_way.popleft()
        merged = merge(harness, cut, gathered)
        if cut and isinstance(merged, BadDocument):
            merged.where = f"document {number}"  # the harness has counted windows
        yield merged
        number += 1
        gathered = []


def merge(harness: Harness, cut: Sequence[Window], outcomes: Sequence[Result | KitError]) -> Result | KitError:
    """One record of a document's windows; the first error where any failed, for a record with a gap is no record."""
    results: list[Result] = []
    for outcome in outcomes:
        if isinstance(outcome, KitError):
            return outcome
        results.append(outcome)
    if len(results) == 1:
        return results[0]
    values: dict[str, Any] = {}
    spans, likely, confidence = {}, {}, {}
    crowded: list[str] = []  # lists with no room for all that the windows hold: somebody has to look
    for name, shape in harness.task.shape.fields:
        inner = bare(shape)
        if isinstance(inner, ListShape):
            joined: list[Any] = []
            for one in results:
                joined += [item for item in getattr(one.record, name) or [] if item not in joined]
            values[name] = joined[: inner.max_items]
            crowded += [name] if len(joined) > inner.max_items else []
            source = min(range(len(results)), key=lambda at: results[at].log_probabilities[name])
        else:
            source = _best(name, results)
            values[name] = getattr(results[source].record, name)
        chosen = results[source]
        likely[name] = chosen.log_probabilities[name]
        if name in chosen.confidence:
            confidence[name] = chosen.confidence[name]
        if name in chosen.spans:
            start, end = chosen.spans[name]
            spans[name] = (cut[source].start + start, cut[source].start + end)
    record = harness.task.record.model_validate(values)
    return replace(
        results[0],
        record=record,
        timing=replace(
            results[0].timing,
            prefill=sum(one.timing.prefill for one in results),
            decode=sum(one.timing.decode for one in results),
            total=sum(one.timing.total for one in results),
        ),
        passes=sum(one.passes for one in results),
        ways=sum(one.ways for one in results),
        tokens=sum(one.tokens for one in results),
        prompt_tokens=sum(one.prompt_tokens for one in results),
        drafted=sum(one.drafted for one in results),
        accepted=sum(one.accepted for one in results),
        spans=spans,
        log_probabilities=likely,
        least_sure=min(one.least_sure for one in results),
        confidence=confidence,
        escalate=harness.escalate(record, confidence, crowded),
        shortened=any(one.shortened for one in results),
    )


def _best(name: str, results: Sequence[Result]) -> int:
    """The window whose value is taken."""

    def likelihood(at: int) -> float:
        return results[at].log_probabilities[name]

    found = [at for at in range(len(results)) if getattr(results[at].record, name) is not None]
    empty = [at for at in range(len(results)) if at not in found]
    best = max(found, key=likelihood, default=None)
    null = max(empty, key=likelihood, default=None)
    if best is None or null is None:
        return best if best is not None else max(empty, key=likelihood)
    return best if math.exp(likelihood(best)) >= BELIEVED or likelihood(best) >= likelihood(null) else null
