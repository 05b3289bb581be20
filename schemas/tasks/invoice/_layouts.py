"""Layouts, composed of header, title, buyer, rows, items, sums and footer, or told as a letter.

Knows nothing of files or ids. `split` keeps some combinations of every family for "valid"; a layout's id names its
combination.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ._noise import keep, width
from ._sections import buyer, header, items, sums, title
from ._writer import Setting, Writer, split

Page = tuple[str, str]  # layout id, text with marks

_COLON, _PLAIN, _PIPED = Setting.COLON, Setting.PLAIN, Setting.PIPED
_ALIGNED, _RIGHT, _DOTTED, _EQUALS = Setting.ALIGNED, Setting.RIGHT, Setting.DOTTED, Setting.EQUALS
_PAIRED, _STACKED, _HEADED = Setting.PAIRED, Setting.STACKED, Setting.HEADED
_ROWS = (
    _COLON,
    _ALIGNED,
    _PIPED,
    _PAIRED,
    _STACKED,
    _HEADED,
    _PLAIN,
    _COLON,
    _DOTTED,
    Setting.BULLETS,
    Setting.BRACKETS,
)
_SUMS = (_COLON, _ALIGNED, _RIGHT, _DOTTED, _PLAIN, _PIPED, _EQUALS)
# H header, T title, B buyer, M rows, I items, S sums, F footer. A buyer never stands straight above a header:
# an unlabelled vendor would read as part of his address.
_ORDERS = ("HTBMISF", "HBTMISF", "TMHBISF", "THMBISF", "TBMISFH", "MBISFH", "HMISFB", "THSMBIF", "BMISFH", "TMBISHF")


def block(writer: Writer) -> Page:
    """The ordinary invoice: sections of lines."""
    rng = writer.rng
    head, meta = split(rng, writer.part, 8, len(_ROWS))
    foot, order = split(rng, writer.part, len(_SUMS), len(_ORDERS))
    goods = rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5))
    placed: set[str] = set()
    heading = [title(writer, placed)] if "T" in _ORDERS[order] else []
    rows = [row for key in ("invoice", "date", "order") if key not in placed for row in writer.row(key)]
    rows += writer.extras(rng.choice((0, 0, 0, 1, 1, 2)))
    if rng.random() < 0.5:
        rng.shuffle(rows)
    sections = {
        "T": heading,
        "B": buyer(writer) if rng.random() < 0.4 else [],
        "I": items(writer, goods),
        "S": writer.lines(sums(writer), _SUMS[foot]),
        "F": writer.small_print(rng.choice((0, 0, 0, 0, 1, 1))),
    }
    if rng.random() < 0.6:
        rows += writer.currency_row()
    sections["F"] += writer.currency_note()
    sections["M"] = writer.lines(rows, _ROWS[meta])
    sections["H"] = header(writer, head, sections["T"])
    gap = rng.choice(("\n", "\n", "\n\n"))
    text = gap.join("\n".join(sections[name]) for name in _ORDERS[order] if sections[name])
    return f"block-h{head}-m{meta}-s{foot}-o{order}-i{goods}", text


def receipt(writer: Writer) -> Page:
    """A till's slip: vendor, goods, total, cash; date and number somewhere."""
    rng = writer.rng
    head, place = split(rng, writer.part, 4, 4)
    style, rule = split(rng, writer.part, 4, 4)
    top = header(writer, (0, 1, 5, 6)[head], [])
    rows = writer.row("receipt") + writer.row("order", 0.05)
    if rng.random() < 0.4:
        rows.append(("Terminal", str(rng.randint(10_000, 99_999))))
    stamp = writer.gold("date")
    if stamp and rng.random() < 0.6:
        stamps = [f"{stamp} {rng.randint(8, 19)}:{rng.randint(0, 59):02}"]
    else:
        stamps = writer.lines(writer.row("date"), _COLON)
    details = stamps + writer.lines(rows, (_COLON, _PLAIN, _COLON, _PIPED)[place])
    paid = writer.lines(sums(writer, retail=True), (_PLAIN, _RIGHT, _ALIGNED, _DOTTED)[style])
    line = ["-" * 20, "=" * 20, "", "* * * * *"][rule]
    footer = writer.small_print(rng.choice((0, 1))) + writer.currency_note()
    goods = items(writer, rng.choice((1, 2, 4)))
    body = [*goods, line, *paid, line]
    order = (
        [top, details, body, footer],
        [top, body, details, footer],
        [top, stamps, body, details[len(stamps) :], footer],
        [details, body, footer, top],
    )[place]
    return f"receipt-h{head}-p{place}-s{style}-r{rule}", "\n".join(line for part in order for line in part)


def inline(writer: Writer) -> Page:
    """Everything on one line, or a sentence-like list."""
    rng = writer.rng
    joint, order = split(rng, writer.part, 6, 6)
    style = rng.choice((_COLON, _PLAIN, _PLAIN, _EQUALS))
    writer.empty = ("n/a", "—", "none")  # a dash would read as one of the joints
    extras = writer.lines(writer.extras(rng.choice((0, 1, 1, 2))), style)
    bare = not extras and rng.random() < 0.6  # a lone date and a lone amount need no label
    stamp, total = (writer.gold("date"), writer.gold("total")) if bare else (None, None)
    parts = {
        "V": [writer.gold("vendor") or ""] if bare or rng.random() < 0.6 else writer.lines(writer.row("vendor"), style),
        "I": writer.lines(writer.row("invoice"), style),
        "D": [stamp] if stamp else writer.lines(writer.row("date"), style),
        "O": writer.lines(writer.row("order"), style),
        "T": [total] if total else writer.lines(sums(writer), style),
        "X": extras,
    }
    names = ("VIDOTX", "IDVXOT", "TVXIDO", "XIOTDV", "DIVOXT", "OXTIVD")[order]
    cells = [cell for name in names for cell in parts[name]]
    cells += writer.lines(writer.currency_row(), style)
    text = (" | ", "; ", " - ", " / ", " · ", " // ")[joint].join(cell for cell in cells if cell)
    return f"inline-j{joint}-o{order}", text


def keyed(writer: Writer) -> Page:
    """An export: keys and values, in the manner of a configuration file or a message."""
    rng = writer.rng
    form, order = split(rng, writer.part, 7, 6)
    if writer.mode == "label":  # a key has no room for a currency
        writer.mode = "note"
    rows = {
        "V": writer.row("vendor"),
        "I": writer.row("invoice"),
        "D": writer.row("date"),
        "O": writer.row("order", 0.4),
        "T": sums(writer),
        "X": writer.extras(rng.choice((0, 1, 2, 2))),
        "B": [(writer.label("buyer"), writer.facts.buyer.text)] if rng.random() < 0.5 else [],
    }
    names = ("VIDOTXB", "IDBVXOT", "TVXIDBO", "BXIOTDV", "DIVBOXT", "OXTIBVD")[order]
    listed = [row for name in names for row in rows[name]]
    listed += writer.currency_row()
    pattern = ("{k}={v}", "{k}: {v}", '{k}="{v}"', "{k};{v}", "<{k}>{v}</{k}>", "{k} -> {v}", "#{k} {v}")[form]
    if form == 2 and any('"' in value for _, value in listed):
        pattern = "{k}='{v}'"
    shape: Callable[[str], str] = rng.choice((str.lower, str.lower, str.upper, str))
    joint = "\n" if form in (0, 1, 3, 4, 5, 6) or rng.random() < 0.5 else " "
    text = joint.join(pattern.format(k=keep(shape(_key(label))), v=value) for label, value in listed)
    return f"keyed-f{form}-o{order}", text


def table(writer: Writer) -> Page:
    """A row of headings and a row of cells, empty cells included."""
    rng = writer.rng
    joint, order = split(rng, writer.part, 4, 6)
    rows = {
        "V": writer.row("vendor", 1),
        "I": writer.row("invoice", 1),
        "D": writer.row("date", 1),
        "O": writer.row("order", 0.7),
        "T": writer.row("total", 1),
        "X": writer.extras(rng.choice((0, 1, 1, 2))),
    }
    names = ("VIDOXT", "IDVXOT", "DVIOXT", "OIDVTX", "IOVDTX", "XIDTOV")[order]
    listed = [row for name in names for row in rows[name]]
    listed += writer.currency_row()
    between = (" | ", "; ", "   ", " ¦ ")[joint]
    if joint == 2:  # columns of spaces need padding to be read
        widths = [max(width(label), width(value)) for label, value in listed]
        lines = [
            between.join(cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True)).rstrip()
            for cells in zip(*listed, strict=True)
        ]
    else:
        lines = [between.join(cells) for cells in zip(*listed, strict=True)]
    return f"table-j{joint}-o{order}", "\n".join(lines)


def letter(writer: Writer) -> Page:
    """A message in sentences."""
    rng, facts, words = writer.rng, writer.facts, writer.words
    opening, paying = split(rng, writer.part, len(words["open"]), len(words["pay"]))
    head = rng.randrange(4)
    slots: dict[str, str | None] = {
        "inv": writer.gold("invoice"),
        "date": writer.gold("date"),
        "order": writer.gold("order"),
        "vendor": writer.gold("vendor"),
        "due": writer.day(facts.due),
        "delivered": writer.day(facts.delivered),
        "customer": facts.codes["customer"],
        "note": facts.codes["note"],
    }
    lines: list[str] = []
    if head == 1:
        sender, addressee = _FROM_TO[facts.language]
        lines += [f"{sender}: {slots['vendor']}"] if slots["vendor"] else []
        lines += [f"{addressee}: {facts.buyer.text}"] if rng.random() < 0.6 else []
    elif head == 2 and slots["date"]:
        city = re.search(r"[^\W\d]{4,}", rng.choice(facts.country.cities))  # without its post code
        lines.append(f"{city[0] if city else ''}, {slots['date']}")
        slots["date"] = None
    if head in (1, 3):
        lines.append(f"{writer.phrase('subject')}: {writer.phrase('title')} {slots['inv'] or ''}".rstrip())
    sentences = [writer.phrase("extra")] if rng.random() < 0.3 else []
    sentences.append(words["pay"][paying] if facts.total is not None else writer.phrase("nopay"))
    # Only what is told is written: writing an amount counts as having named its currency.
    for slot, cents in (("net", facts.sums.net), ("vat", facts.sums.vat)):
        told = not facts.sums.shipping and f"{{{slot}}}" in sentences[-1]
        slots[slot] = writer.money(cents) if told else None
    slots["total"] = writer.gold("total")
    if rng.random() < 0.3:
        sentences.reverse()
    texts = [_filled(writer.local(sentence), slots) for sentence in (words["open"][opening], *sentences)]
    texts += [f"{sentence}." for sentence in writer.currency_note()]
    # A sentence may have lost its first group.
    text = " ".join(sentence[0].upper() + sentence[1:] for sentence in texts)
    if rng.random() < 0.35:
        text = _wrapped(text, rng.randint(38, 64))
    closing = _filled(writer.phrase("close"), slots)
    # A company's letter may be signed by a person; a person's letter by somebody else would be a riddle.
    if head == 1 and facts.vendor and slots["vendor"] and not facts.vendor.person and rng.random() < 0.5:
        closing = closing.replace(slots["vendor"], facts.contact)
    return f"letter-{facts.language}-p{opening}{paying}-h{head}", "\n".join([*lines, text, closing])


_FROM_TO = {
    "en": ("From", "To"),
    "de": ("Von", "An"),
    "fr": ("De", "À"),
    "es": ("De", "Para"),
}


def _filled(template: str, slots: dict[str, str | None]) -> str:
    """The template with its slots; a group in brackets goes when one of its slots has no value."""

    def group(match: re.Match[str]) -> str:
        return "" if any(slots.get(name) is None for name in re.findall(r"{(\w+)}", match[1])) else match[1]

    return re.sub(r"\[(.*?)\]", group, template.replace("/", "\n"), flags=re.DOTALL).format(**slots)


def _wrapped(text: str, columns: int) -> str:
    """Lines of about this many columns; a kept span stays whole."""
    lines = []
    for line in text.split("\n"):
        row = ""
        for word in re.findall(r"(?:[^ \x02]|\x02[^\x03]*\x03)+", line):
            if row and width(row) + width(word) >= columns:
                lines.append(row)
                row = word
            else:
                row = f"{row} {word}".lstrip()
        lines.append(row)
    return "\n".join(lines)


def _key(label: str) -> str:
    return re.sub(r"\W+", "_", label).strip("_")


FAMILIES: dict[Callable[[Writer], Page], int] = {block: 64, letter: 11, receipt: 9, inline: 5, keyed: 7, table: 4}
