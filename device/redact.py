"""Redaction: a document in, the same text without its personal data out, or nothing.

Knows nothing of files or commands. What the student lists is united with what rules find, each value goes wherever it
stands, and the student reads again what is left. It fails closed: where a part of the document has no record, or none
to rely on, there is no text at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from boardwright.device.rules import findings
from boardwright.device.windows import windows
from boardwright.schemas.errors import BadDocument, BadTask, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import ChoiceShape, ListShape, ObjectShape, TextShape
from boardwright.schemas.steps import current_step

if TYPE_CHECKING:
    from pydantic import BaseModel

    from boardwright.device.harness import Harness, Result

# A part of fewer tokens is not read again in halves.
LEAST_TOKENS = 24
# In place of what is found while rules look again; a character that no rule takes for a letter, digit or mark.
MASK = "\ue000"
# In place of what is found while the student reads again: with nothing there, or a mark, it took what is left of one
# sentence in four for data, with this word of none (docs/LOG.md).
STAND_IN = "it"
AGAIN = 2
# From Thai on come the scripts that put no space between words: Lao, Khmer, Chinese, Japanese.
UNSPACED = "\u0e00"
Source = Literal["model", "rule", "both"]


class Withheld(KitError):
    """A document whose personal data may not all have been found."""

    exit_code = 1


@dataclass(frozen=True)
class Span:
    """Characters start to end of the document: what was taken out.  source: who found it."""

    start: int
    end: int
    kind: str
    source: Source


@dataclass(frozen=True)
class Redacted:
    """text: the document with `[KIND]` in place of each span.  confidence: of the least sure part."""

    text: str
    spans: tuple[Span, ...]
    confidence: float


@dataclass(frozen=True)
class Listing:
    """Where a record lists what to take out: field → objects with a verbatim text and a kind."""

    field: str
    text: str
    kind: str
    most_items: int
    most_chars: int


def listing_of(shape: ObjectShape) -> Listing:
    """Raises BadTask for a record that lists no kinds of verbatim texts."""
    match shape.fields:
        case ((field, ListShape(item=ObjectShape(fields=inner), max_items=most)),):
            texts = [(name, one.max_chars) for name, one in inner if isinstance(one, TextShape) and one.verbatim]
            kinds = [name for name, one in inner if isinstance(one, ChoiceShape)]
            if len(inner) == 2 and len(texts) == len(kinds) == 1:
                return Listing(field, texts[0][0], kinds[0], most, texts[0][1])
    raise BadTask(
        "This bundle does not redact: its record is no list of texts and kinds.",
        value=", ".join(name for name, _ in shape.fields),
        allowed="one list of objects, each with a Verbatim text and a kind out of a closed set",
        next="boardwright build redaction …, or `boardwright-device extract` for this one",
    )


def redact(harness: Harness, text: str, threshold: float | None = None) -> Redacted:
    """Take the personal data out of a text.

    threshold: a part of the text whose list is less sure withholds all of it; the bundle's unless told.
    Raises Withheld, BadDocument or BadRecord where there is no text to hand out, BadTask for another kind of bundle."""
    listing = listing_of(harness.shape)
    least = harness.threshold if threshold is None else threshold
    if least is None:
        raise Withheld("The bundle does not tell how sure its records are.", next="pass --threshold, 0 to pass all")
    found: list[Span] = []
    confidence = 1.0
    for result in _parts(harness, listing, text):
        sure = result.confidence.get(listing.field, 0.0)
        if sure < least:
            raise Withheld(
                "The student is not sure enough of what is personal in this document.",
                value=round(sure, 3),
                allowed=f"{least:.3f} or more",
                next="have somebody look at it, or lower --threshold",
            )
        confidence = min(confidence, sure)
        found += found_by(listing, items_of(listing, result.record), text)
    spans = read_again(harness, listing, text, united(text, found))
    return Redacted(replaced(text, spans), spans, confidence)


def read_again(harness: Harness, listing: Listing, text: str, spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """The spans, and what the student finds once they are out of its sight, until that is nothing: of many items it
    leaves one out sooner than of few. However unsure it is, what it finds goes. Raises as `redact` does."""
    for _ in range(AGAIN):
        rest = replaced(text, spans, STAND_IN)
        if rest == text or not re.search(r"[^\W_]", rest.replace(STAND_IN, "")):
            break  # the same once more, or nothing to read
        found: list[Span] = []
        for result in _parts(harness, listing, rest):
            found += found_by(listing, items_of(listing, result.record), text)
        grown = united(text, [*spans, *found])
        if grown == spans:
            break
        spans = grown
    return spans


def items_of(listing: Listing, record: BaseModel) -> list[dict[str, str]]:
    """What a record lists, in JSON form."""
    return [item.model_dump(mode="json") for item in getattr(record, listing.field)]


def found_by(listing: Listing, items: Iterable[dict[str, str]], text: str) -> list[Span]:
    """What a student's list takes out of a text, before rules have their say."""
    found: list[Span] = []
    for item in items:
        value = item[listing.text]
        if value == STAND_IN or not any(map(str.isalnum, value)):
            continue
        # One short of the bound, too: a value does not end in the space that would be its last character.
        cut_short = len(value) >= listing.most_chars - 1
        places = (_whole_words(text, *place) for place in occurrences(text, value, cut_short))
        places = (_with_the_rest(text, value, *place) for place in places)
        found += [Span(start, end, item[listing.kind], "model") for start, end in places]
    return found


def leaks(harness: Harness, listing: Listing, text: str, record: dict[str, Any], gold: dict[str, Any]) -> list[str]:
    """Values of the gold record that the text holds once it is redacted by this record, rules and further readings.

    A text that is withheld for those holds none."""
    try:
        spans = read_again(harness, listing, text, united(text, found_by(listing, record[listing.field], text)))
    except KitError:
        return []
    return _held(listing, replaced(text, spans), gold)


def _parts(harness: Harness, listing: Listing, text: str) -> Iterator[Result]:
    """The records of all of a text, in windows that overlap where the task allows them; one that may hold more than a
    list does is read again in halves."""

    def count(piece: str) -> int:
        return len(harness.engine.tokenize(piece, False))

    waiting = _cut(text, harness.document_room, harness)
    while waiting:
        piece = waiting.pop()
        [result] = harness.extract_whole([piece], slots=1)
        if isinstance(result, KitError):
            raise result
        if len(getattr(result.record, listing.field)) < listing.most_items and not result.shortened:
            yield result
            continue
        halves = _cut(piece, count(piece) * 2 // 3, harness) if count(piece) >= LEAST_TOKENS else []
        if len(halves) < 2:
            raise Withheld("A part of this document holds more than a record can list.", allowed=listing.most_items)
        waiting += halves


def _cut(text: str, room: int, harness: Harness) -> list[str]:
    if not harness.task.limits.windows:
        return [text]
    try:
        cut = windows(text, room, lambda piece: len(harness.engine.tokenize(piece, False)))
    except UnicodeEncodeError:
        return [text]  # the harness refuses it, and says why
    except ValueError as error:
        raise BadDocument(f"The document can't be read in parts: {error}.", next="raise limits.context") from None
    # A document of white space alone is refused, a window of it has nothing to read.
    return [text[one.start : one.end] for one in cut if text[one.start : one.end].strip()] or [text]


def occurrences(text: str, value: str, cut_short: bool = False) -> Iterator[tuple[int, int]]:
    """Wherever a value stands: in any case, with other marks or line breaks between its words, and of a name of several
    words each on its own, where it has a capital.

    cut_short: the value may go on, and is taken to the end of its line."""
    pieces = re.findall(r"[^\W_]+", value)
    letters = "".join(pieces)
    patterns = []
    if sum(map(str.isdecimal, letters)) >= 6:  # 0171/234 is 0171 234
        patterns.append("(?i)" + r"[\W_]{0,3}".join(map(re.escape, letters)))
    elif pieces:
        patterns.append("(?i)" + r"[\W_]{1,3}".join(map(re.escape, pieces)))
        if len(pieces) > 1 and letters.isalpha():
            patterns += [re.escape(piece) for piece in pieces if len(piece) > 2 and piece[0].isupper()]
    places = {
        match.span()
        for pattern in patterns
        # A genitive is the same name: Adas.
        for match in re.finditer(_bounded(pattern), text)
    }
    if len(value) > 4 or not places:  # inside of words too
        places |= {match.span() for match in re.finditer(re.escape(value), text)}
    for start, end in places:
        line = text.find("\n", end)
        yield start, end if not cut_short else line if line >= 0 else len(text)


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A place with what of its first and last word it leaves out: "a.lee@fjord" may stand for "thea.lee@fjord"."""

    def joined(at: int) -> bool:
        return 0 < at < len(text) and all(one.isalnum() and one < UNSPACED for one in text[at - 1 : at + 1])

    while joined(start):
        start -= 1
    while joined(end):
        end += 1
    return start, end


def _with_the_rest(text: str, value: str, start: int, end: int) -> tuple[int, int]:
    """Where a word out of a name stands alone, with the other half that it has there: of "A. Lee", "Ada Lee" goes too,
    and of "Ada Lee", "Ada Ray"."""
    words = re.findall(r"[^\W_]+", value)
    word = text[start:end]
    if len(words) < 2 or word not in words:
        return start, end
    if word == words[0]:
        after = _SECOND.match(text, end)
        return start, after.end() if after else end
    before = _FIRST.search(text, max(0, start - 32), start)
    return before.start() if before else start, end


_FIRST = re.compile(r"(?<![^\W_])(?=[^\W\d_a-z])(?:[^\W\d_]{2,30}|[^\W\d_]\.?) $")
_SECOND = re.compile(r" (?=[^\W\d_a-z])[^\W\d_]{1,30}(?![^\W_])")


def _bounded(pattern: str) -> str:
    flags, bare = ("(?i)", pattern[4:]) if pattern.startswith("(?i)") else ("", pattern)
    return rf"{flags}(?<![^\W_]){bare}(?=s?(?![^\W_]))"


def united(text: str, found: Iterable[Span]) -> tuple[Span, ...]:
    """The spans of the student and those of the rules as one, in order, none touching another's characters.

    Rules look again at what is left until they find nothing: what follows a taken piece may be a number by itself."""
    spans = [*found, *(Span(one.start, one.end, one.kind, "rule") for one in findings(text))]
    while True:
        merged = _merged(spans)
        left = list(text)
        for span in merged:
            left[span.start : span.end] = MASK * (span.end - span.start)
        more = [Span(one.start, one.end, one.kind, "rule") for one in findings("".join(left))]
        if not more:
            return merged
        spans += more


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Overlapping spans as one, of the kind of the longest."""
    merged: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
            longest = span.end - span.start
            continue
        kind = span.kind if span.end - span.start > longest else last.kind
        longest = max(longest, span.end - span.start)
        source = span.source if span.source == last.source else "both"
        merged[-1] = Span(last.start, max(last.end, span.end), kind, source)
    return tuple(merged)


def replaced(text: str, spans: Sequence[Span], by: str | None = None) -> str:
    """The text with each span's kind in its place, or `by`; all else as it was. spans: in order, none overlapping."""
    pieces, at = [], 0
    for span in spans:
        pieces += [text[at : span.start], f"[{span.kind.upper()}]" if by is None else by]
        at = span.end
    return "".join([*pieces, text[at:]])


def _held(listing: Listing, text: str, gold: dict[str, Any]) -> list[str]:
    values = (item[listing.text] for item in gold[listing.field])
    return [value for value in values if any(occurrences(text, value))]


@dataclass(frozen=True)
class RedactionScores:
    """planted: items in the gold records.  leaked: those of them that a handed-out text still holds.  withheld:
    documents that were not handed out.  precision: the share of taken spans that hold some of a planted item."""

    documents: int
    withheld: int
    planted: int
    leaked: tuple[str, ...]
    precision: float


def score_redaction(harness: Harness, examples: Sequence[Example], threshold: float | None = None) -> RedactionScores:
    """Redact every example and score what is handed out. threshold: as of `redact`. Raises BadTask for another task."""
    listing = listing_of(harness.shape)
    redactions: list[Redacted | None] = []
    for example in examples:
        try:
            redactions.append(redact(harness, example.text, threshold))
        except KitError:
            redactions.append(None)
        current_step().progress(len(redactions), len(examples))
    return redaction_scores(listing, examples, redactions)


def redaction_scores(
    listing: Listing, examples: Sequence[Example], redactions: Sequence[Redacted | None]
) -> RedactionScores:
    """Score redactions of examples with planted items, in their order; None where a document was withheld."""
    planted, spans, needed = 0, 0, 0
    leaked: list[str] = []
    for example, redacted in zip(examples, redactions, strict=True):
        values = [item[listing.text] for item in example.record[listing.field]]
        planted += len(values)
        if redacted is None:
            continue
        places = [place for value in values for place in occurrences(example.text, value)]
        leaked += _held(listing, redacted.text, example.record)
        spans += len(redacted.spans)
        needed += sum(any(a < span.end and span.start < b for a, b in places) for span in redacted.spans)
    withheld = sum(one is None for one in redactions)
    return RedactionScores(len(examples), withheld, planted, tuple(leaked), needed / spans if spans else 1.0)
