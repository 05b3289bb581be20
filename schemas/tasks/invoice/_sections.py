"""The parts that layouts are composed of: title, header, buyer, items, sums.

Knows nothing of how they are arranged.
"""

from __future__ import annotations

from ._values import fill
from ._writer import Row, Writer


def title(writer: Writer, placed: set[str]) -> str:
    """A heading, sometimes with the number and the date in it; what it holds is added to `placed`."""
    rng, number, issued = writer.rng, writer.gold("invoice"), writer.gold("date")
    word, form = writer.phrase("title"), rng.random()
    if number is None or form < 0.6:
        return word.upper() if rng.random() < 0.4 else word
    placed.add("invoice")
    text = f"{writer.label('invoice') if rng.random() < 0.7 else word} {number}"
    if form < 0.85 or issued is None:
        return text
    placed.add("date")
    return text + rng.choice((", {}", " / {}", " - {}", " ({})")).format(issued)


def header(writer: Writer, kind: int, heading: list[str]) -> list[str]:
    """Who writes. Kind 7 takes the heading onto its own line (and out of the list)."""
    rng, vendor = writer.rng, writer.gold("vendor")
    if vendor is None:
        lines = writer.lines(writer.row("vendor", 0.3 if kind in (3, 4) else 0))
        return lines + ([writer.address()] if rng.random() < 0.4 else [])
    match kind:
        case 0:
            return [vendor]
        case 1:
            return [vendor, writer.address()]
        case 2:
            joint = rng.choice((" · ", " | ", " - ", " · " if "," in vendor else ", "))
            return [f"{vendor}{joint}{writer.address()}"]
        case 3:
            return writer.lines(writer.row("vendor"))
        case 4:
            return [f"{writer.label('vendor')}:", vendor, writer.address()]
        case 5:
            return [rng.choice(("*** {} ***", "== {} ==", "[ {} ]", "<< {} >>", "# {}", "~ {} ~")).format(vendor)]
        case 6:
            return [vendor, writer.phrase("slogan").format(y=rng.randint(1890, 2012))]
        case _:
            heading_text = heading.pop() if heading else writer.phrase("title").upper()
            gap = " " * rng.randint(4, 12)
            return [f"{vendor}{gap}{heading_text}" if rng.random() < 0.6 else f"{heading_text}{gap}{vendor}"]


def buyer(writer: Writer) -> list[str]:
    """Who pays: always labelled."""
    rng, name, label = writer.rng, writer.facts.buyer.text, writer.label("buyer")
    match rng.randrange(4):
        case 0:
            return [f"{label}:", name, *([writer.address()] if rng.random() < 0.6 else [])]
        case 1:
            return [f"{label}{writer.colon}{name}, {writer.address()}"]
        case _:
            return [f"{label}{writer.colon}{name}"]


def items(writer: Writer, kind: int) -> list[str]:
    """What was sold, in one of five styles; kind 0 lists nothing."""
    rng, lines = writer.rng, list[str]()
    if kind == 0:
        return lines
    goods = rng.sample(writer.words["goods"], 3)
    for number, (item, name) in enumerate(zip(writer.facts.sums.items, goods, strict=False), 1):
        unit, price = writer.money(item.unit), writer.money(item.price)
        match kind:
            case 1:
                lines.append(f"{item.quantity} x {name}  {price}")
            case 2:
                lines.append(f"{name}  {item.quantity}  {unit}  {price}")
            case 3:
                lines.append(f"{number}. {name} {item.quantity} @ {unit} = {price}")
            case 4:
                lines.append(f"{name} {price}")
            case 5:
                lines.append(f"{fill(rng, '@###')} | {name} | {item.quantity} | {price}")
    return lines


def sums(writer: Writer, *, retail: bool = False) -> list[Row]:
    """The rows of amounts; the total among them, unless the document has none."""
    rng, facts = writer.rng, writer.facts
    amounts, form = facts.sums, rng.random()
    step = 100 if facts.whole else 1
    if facts.total is not None and form < 0.03 and not retail:
        deposit = facts.total * rng.choice((2, 3, 5)) // 10 // step * step
        rest = facts.total - deposit
        return [
            *writer.row("gross"),
            (writer.label("deposit"), writer.money(deposit)),
            (writer.label("balance"), writer.money(rest)),
        ]
    total = writer.row("total", 0.35)
    freight: list[Row] = [(writer.label("shipping"), writer.money(amounts.shipping))] if amounts.shipping else []
    if form < 0.35:
        rows = freight + total
    elif amounts.inclusive:
        rows = [*freight, *total, (writer.label("vat_in"), writer.money(amounts.vat))]
    else:
        net: list[Row] = [(writer.label("net"), writer.money(amounts.net))]
        tax: list[Row] = [(writer.label("vat"), writer.money(amounts.vat))]
        rows = net + freight + tax + total if form < 0.88 else tax + total
        if form > 0.82:
            rows = total + [row for row in rows if row not in total]
    if retail and facts.total is not None and rng.random() < 0.4:
        note = next(step for step in (500, 1_000, 2_000, 5_000, 10_000, 50_000, 10**9) if step >= facts.total)
        cash = -(-facts.total // min(note, 50_000)) * min(note, 50_000)
        rows += [
            (writer.label("cash"), writer.money(cash)),
            (writer.label("change"), writer.money(cash - facts.total)),
        ]
    return rows
