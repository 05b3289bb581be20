"""Dates and numbers that stand in a text, however they are written there: what a field marked Grounded() may hold.

Knows nothing of grammars. Where a spelling can be read in two ways (3/4/2024, 1.234), both are found: which one
is meant is for the student to say.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.shape import (
    DateShape,
    ListShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
)

# A year of two digits is of this century, or of the last from here on.
PIVOT = 70
MAX_DIGITS = 18

_SEPARATOR = r"[^\w\n%]{1,3}"  # 30% MAR 18 is no day
# Looked for from every digit on, for "2024-17 - 3.4.2024" begins like a date before it is one.
_FIGURES = re.compile(
    r"(?<!\d)(?=(\d{1,4})"
    r"(?:\s?([./\-])\s?(\d{1,2})\s?\2|([ \u00a0])(\d{1,2})\4|\s?(年)\s?(\d{1,2})\s?月)"
    r"\s?(\d{1,4})(?!\d))"
)
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)")
_COMPACT_YEAR_LAST = re.compile(r"(?<!\d)(\d\d)(\d\d)((?:19|20)\d\d)(?!\d)")
_DAY_FIRST = re.compile(
    rf"(?<!\d)(?=(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?(?:{_SEPARATOR}|(?=[^\W\d_]))(?:d[eo]l? |of )?([^\W\d_]{{3,}})\.?"
    rf"(?:{_SEPARATOR}|(?=\d))(?:d[eo]l? )?['’]?(\d{{4}}|\d{{2}})(?!\d))"
)
_MONTH_FIRST = re.compile(
    rf"(?<![^\W\d_])(?=([^\W\d_]{{3,}})\.?{_SEPARATOR}?(\d{{1,2}})(?:st|nd|rd|th)?{_SEPARATOR}['’]?(\d{{4}}|\d{{2}})(?!\d))"
)
_YEAR_FIRST = re.compile(rf"(?<!\d)(?=(\d{{4}}){_SEPARATOR}([^\W\d_]{{3,}})\.?{_SEPARATOR}(\d{{1,2}})(?!\d))")
_BLANK = re.compile(r"[\s\x00-\x1f]+")
_SPELLED = re.compile(rf"{_BLANK.pattern}|.", re.DOTALL)
_NUMBER = re.compile(r"[-−]?\d+(?:[.,'’ \u00a0\u202f]\d+)*")

# Twelve months in each language, nominative and, where dates use it, genitive.
_NAMES = """\
january february march april may june july august september october november december
januar februar märz april mai juni juli august september oktober november dezember
jänner feber maerz april mai juni juli august september oktober november dezember
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
januari februari maart april mei juni juli augustus september oktober november december
januari februari mars april maj juni juli augusti september oktober november december
januar februar marts april maj juni juli august september oktober november december
tammikuu helmikuu maaliskuu huhtikuu toukokuu kesäkuu heinäkuu elokuu syyskuu lokakuu marraskuu joulukuu
tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta \
marraskuuta joulukuuta
styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
leden únor březen duben květen červen červenec srpen září říjen listopad prosinec
ledna února března dubna května června července srpna září října listopadu prosince
január február március április május június július augusztus szeptember október november december
ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
"""


def _months() -> dict[str, set[int]]:
    """Every name, and every beginning of three letters or more, → the months it can stand for.

    A whole name is that name alone, even where it begins another one."""
    whole: dict[str, set[int]] = {}
    short: dict[str, set[int]] = {}
    for line in _NAMES.splitlines():
        for month, name in enumerate(line.split(), 1):
            whole.setdefault(name, set()).add(month)
            for length in range(3, len(name)):
                short.setdefault(name[:length], set()).add(month)
    return short | whole


MONTHS = _months()


@dataclass(frozen=True)
class Reading:
    """A value as a record writes it.  at, end: where its spelling stands.  spelling: which of the ways to write it."""

    value: str
    at: int
    end: int
    spelling: str


def spelled(text: str, start: int, end: int) -> str:
    """A piece of a text as a value has it: on one line, with single spaces."""
    return _BLANK.sub(" ", text[start:end])


def spelled_whole(text: str) -> tuple[str, list[int]]:
    """A whole text so, and where in the text each of these characters stands, and its end."""
    return spelled(text, 0, len(text)), [*(piece.start() for piece in _SPELLED.finditer(text)), len(text)]


def dates_in(text: str) -> Iterator[Reading]:
    """Every date in ISO form (1900 to 2099) that something in the text can be read as."""
    for match in _FIGURES.finditer(text):
        a, c = match[1], match[8]
        first, b = next((match[at], match[at + 1]) for at in (2, 4, 6) if match[at])
        if len(a) == 3 or len(c) == 3 or (len(a) == 4 and len(c) > 2):
            continue
        if len(a) == 4:
            yield from _date(a, b, c, (match.start(), match.end(8)), "ymd" + first)
        elif len(c) in (2, 4):
            yield from _year_last(a, b, c, (match.start(), match.end(8)), first)
            if len(c) == 2:
                yield from _date(a, b, c, (match.start(), match.end(8)), "ymd" + first)
    for match in _COMPACT.finditer(text):
        yield from _date(match[1], match[2], match[3], match.span(), "compact")
    for match in _COMPACT_YEAR_LAST.finditer(text):
        yield from _year_last(match[1], match[2], match[3], match.span(), "")
    for pattern, year, word, day in ((_DAY_FIRST, 3, 2, 1), (_MONTH_FIRST, 3, 1, 2), (_YEAR_FIRST, 1, 2, 3)):
        for match in pattern.finditer(text):
            for month in sorted(MONTHS.get(match[word].lower(), ())):
                yield from _date(match[year], str(month), match[day], (match.start(), match.end(3)), f"word {day}")


def printed_dates(text: str) -> list[tuple[str, int]]:
    """Every date as the text spells it, and where it stands, in the order of the text."""
    found = {(one.at, spelled(text, one.at, one.end)) for one in dates_in(text)}
    return [(date, at) for at, date in sorted(found)]


def _year_last(one: str, other: str, year: str, span: tuple[int, int], between: str) -> Iterator[Reading]:
    yield from _date(year, other, one, span, "dmy" + between)
    if one != other:
        yield from _date(year, one, other, span, "mdy" + between)


def _date(year: str, month: str, day: str, span: tuple[int, int], spelling: str) -> Iterator[Reading]:
    if len(year) not in (2, 4) or len(day) > 2:
        return
    century = 0 if len(year) == 4 else 1900 if int(year) >= PIVOT else 2000
    try:
        value = datetime.date(century + int(year), int(month), int(day))
    except ValueError:
        return
    if 1900 <= value.year <= 2099:
        yield Reading(value.isoformat(), *span, spelling)


def numbers_in(text: str, places: int) -> Iterator[Reading]:
    """Every number with `places` decimals that digits in the text can be read as.

    The last separator is read as the decimal point where `places` digits or fewer follow, and as one between thousands
    where three do; a number without decimals has zeros. Spaces separate thousands, and one number from the next."""
    for match in _NUMBER.finditer(text):
        sign = "-" if match[0][0] in "-−" else ""
        seen = set()
        readings = [(match[0], 0)]
        if re.search(r"[ \u00a0\u202f]", match[0]):
            # "1 234,50" is one number or two; a sign is the first one's.
            readings += [(part[0], part.start()) for part in re.finditer(r"[^ \u00a0\u202f]+", match[0])]
        for spelled, offset in readings:
            at = match.start() + offset
            for value, how in _readings(spelled.lstrip("-−"), places):
                if (value, at) not in seen:
                    seen.add((value, at))
                    yield Reading(value if offset else sign + value, at, at + len(spelled), how)


def unfounded(shape: Shape, value: Any, text: str, path: str = "") -> Iterator[str]:
    """Paths of verbatim and grounded values (in JSON form) that the text does not hold: no decoder would write them."""
    match shape:
        case NullableShape():
            if value is not None:
                yield from unfounded(shape.inner, value, text, path)
        case ObjectShape():
            for name, inner in shape.fields:
                yield from unfounded(inner, value[name], text, f"{path}.{name}" if path else name)
        case ListShape():
            for number, item in enumerate(value):
                yield from unfounded(shape.item, item, text, f"{path}[{number}]")
        case TextShape(verbatim=True):
            if value not in text:
                yield path
        case DateShape(grounded=True):
            if all(one.value != value for one in dates_in(text)):
                yield path
        case NumberShape(grounded=True):
            if all(one.value != value for one in numbers_in(text, shape.places)):
                yield path


def standing(shape: Shape, value: Any, text: str) -> Iterator[tuple[int, int]]:
    """Where the texts and grounded values of a record (in JSON form) stand in the text, every place of each.

    Of a text that stands there as words of its own, what is part of another word is left out."""
    match shape:
        case NullableShape():
            if value is not None:
                yield from standing(shape.inner, value, text)
        case ObjectShape():
            for name, inner in shape.fields:
                yield from standing(inner, value[name], text)
        case ListShape():
            for item in value:
                yield from standing(shape.item, item, text)
        case TextShape():
            spans = [match.span() for match in re.finditer(re.escape(value), text)] if value else []
            alone = [(a, b) for a, b in spans if not (text[a - 1 : a].isalnum() or text[b : b + 1].isalnum())]
            yield from alone or spans
        case DateShape(grounded=True):
            yield from ((one.at, one.end) for one in dates_in(text) if one.value == value)
        case NumberShape(grounded=True):
            yield from ((one.at, one.end) for one in numbers_in(text, shape.places) if one.value == value)


def _readings(spelled: str, places: int) -> Iterator[tuple[str, str]]:
    parts = re.split(r"\D", spelled)
    if not all(parts) or sum(map(len, parts)) > MAX_DIGITS:
        return
    if places and len(parts) > 1 and len(parts[-1]) <= places and not spelled[-len(parts[-1]) - 1].isspace():
        yield _number("".join(parts[:-1]), parts[-1].ljust(places, "0")), "point"
    # Between thousands, or nothing between the digits at all.
    if all(len(part) == 3 for part in parts[1:]):
        yield _number("".join(parts), "0" * places), f"whole{len(parts) > 1}"


def _number(whole: str, fraction: str) -> str:
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
