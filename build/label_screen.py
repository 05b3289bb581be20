"""The screen of `boardwright label`: a document beside its record, in as many rows and columns as there are.

Knows nothing of keys or files. Nothing in a document or a record reaches the terminal but printable characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from boardwright.build.entry import choices
from boardwright.device.extract import ABSENT, printable
from boardwright.schemas.found import standing, unfounded
from boardwright.schemas.records import spell
from boardwright.schemas.shape import NullableShape, ObjectShape, Shape

BESIDE = 72  # columns from which both fit side by side
KEYS = "a accept  {fields} correct  e edit  s skip  u undo  space more  ? help  q quit"
LINE_KEYS = "Enter takes the line, empty is null, Ctrl-C leaves the field as it was"
HELP = """\
a      accept the record as it is shown, corrected or not
1-9    correct the field of this number; c asks for a number or a name
e      edit the whole record as JSON in $EDITOR
s      skip the document: it is not shown again, and is no example
u      take back: the last correction here, else the last decision
space  further down in a long document; b back, j and k by a line
q      quit; so does Ctrl-C. The same command goes on where you were

In a line: the proposed value stands there. Enter takes what the line says, Ctrl-C leaves the field as it was; an \
empty line is null. Of a closed set type the number, the name or its beginning; Tab completes it. A date or an amount \
may be typed as the document has it. "…" in quotes is read as JSON, as are lists and objects.

Marked in the document: where the values of the record stand. !: this value does not stand there, and no student \
could ever write it. *: corrected by you. Every decision is on disk at once."""

_measure = Console(width=200)


@dataclass(frozen=True)
class View:
    """What is to be seen.  top: the first row of the document that shows.  changed: fields corrected by the person.

    keys: what can be typed, where that is not the usual."""

    head: str
    text: str
    shape: ObjectShape
    record: dict[str, Any]
    changed: frozenset[str] = frozenset()
    top: int = 0
    message: Sequence[str] = ()
    keys: str | None = None


def screen(view: View, columns: int, rows: int, *, plain: bool) -> tuple[list[Text], int]:
    """Rows to show, and the view's `top` as far as the document allows it.

    At most `rows` - 1 rows, so that the cursor has one.  plain: mark by characters what would else be reversed."""
    below = [line for text in view.message for line in wrap(Text(printable(text)), columns)][:6]
    below.append(Text(view.keys or KEYS.format(fields=f"1-{min(9, len(view.record))}"), "dim"))
    room = max(3, rows - 2 - len(below))
    beside = columns >= BESIDE
    right_width = min(max(34, columns * 2 // 5), 64) if beside else columns
    left_width = columns - right_width - 3 if beside else columns
    record = [
        line for number, name in enumerate(view.record, 1) for line in field_rows(view, number, name, right_width)
    ]
    document = wrap(marked(view, plain), left_width)
    if beside:
        height, record_room = room, room
    else:
        record_room = min(len(record), room // 2)
        height = room - record_room - 1
    top = max(0, min(view.top, max(len(document), len(record) if beside else 0) - height))
    left = document[min(top, max(0, len(document) - height)) :][:height]
    right = record[min(top, max(0, len(record) - record_room)) :][:record_room]
    head = Text(printable(view.head), "bold")
    last = min(len(document), top + height)
    head.append(f"   lines {last - len(left) + 1}-{last} of {len(document)}", "dim")
    if beside:
        body = [_joined(left, right, at, left_width) for at in range(max(len(left), len(right)))]
    else:
        body = [*left, Text("─" * columns, "dim"), *right]
    return [head, *body, *below], top


def field_rows(view: View, number: int, name: str, width: int) -> list[Text]:
    """One field of the record: its name, and its value wrapped beside it, or below where names are long."""
    shape, value = dict(view.shape.fields)[name], view.record[name]
    head = Text.assemble((f"{number:>2}{'*' if name in view.changed else ' '}", "dim"), (name, "bold"))
    if value is None:
        shown = Text(ABSENT if isinstance(shape, NullableShape) else "! needs a value")
    else:
        shown = Text(printable(value if isinstance(value, str) else spell(value)))
        if any(unfounded(shape, value, view.text)):
            shown.append("  ! not in the document", "bold")
    indent = 5 + max(map(len, view.record))
    if indent > width // 2:
        return [head, *(Text("     ") + line for line in wrap(shown, width - 5))]
    head.append(" " * (indent - head.cell_len))
    first, *rest = wrap(shown, width - indent)
    return [head + first, *(Text(" " * indent) + line for line in rest)]


def marked(view: View, plain: bool) -> Text:
    """The document, with the values of the record marked where they stand in it."""
    spans = [
        span
        for name, shape in view.shape.fields
        if view.record[name] is not None
        for span in standing(shape, view.record[name], view.text)
    ]
    shown, at = Text(), 0
    for start, end in _merged(spans):
        shown.append(_safe(view.text[at:start]))
        value = _safe(view.text[start:end])
        shown.append(f"»{value}«" if plain else value, None if plain else "reverse")
        at = end
    return shown.append(_safe(view.text[at:]))


def choice_rows(shape: Shape, columns: int) -> list[str]:
    """The values of a closed set with their numbers, in as few lines as hold them; nothing for other fields."""
    lines: list[str] = []
    for number, value in enumerate(choices(shape), 1):
        one = f"{number} {value}"
        if lines and cell_len(lines[-1]) + cell_len(one) + 3 <= columns:
            lines[-1] += f"   {one}"
        else:
            lines.append(one)
    return lines


def wrap(text: Text, width: int) -> list[Text]:
    """Lines of at most `width` columns; wide characters count two."""
    return [
        line for part in text.split("\n", allow_blank=True) for line in part.wrap(_measure, max(8, width)) or [Text()]
    ]


def _safe(text: str) -> str:
    return printable(text.replace("\r\n", "\n").replace("\t", "    "))


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _joined(left: Sequence[Text], right: Sequence[Text], at: int, width: int) -> Text:
    row = left[at].copy() if at < len(left) else Text()
    row.append(" " * max(0, width - row.cell_len))
    row.append(" │", "dim")
    return row.append(right[at]) if at < len(right) else row
