"""Shops: who they are, where, and how their receipts look. A shop is the same whenever it is met.

Knows nothing of what is bought there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from boardwright.schemas.names import coined, syllables


@dataclass(frozen=True)
class Country:
    """sign: before an amount.  dates: how they are printed, as of `strftime`.  tax: its name, and rates in percent.
    added: the tax comes on top of prices.  rounds: totals are rounded to five hundredths.
    streets, towns: patterns; {x} is a coined name, {n} a number, # a digit.
    """

    sign: str
    forms: tuple[str, ...]
    dates: tuple[str, ...]
    tax: str
    rates: tuple[int, ...]
    added: bool
    rounds: bool
    registered: tuple[str, ...]
    streets: tuple[str, ...]
    areas: tuple[str, ...]
    towns: tuple[str, ...]
    phone: str
    weight: int


COUNTRIES = (
    Country(
        sign="RM", forms=("SDN BHD", "SDN. BHD.", "ENTERPRISE", "TRADING", "S/B", ""),
        dates=("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d-%m-%y", "%d %b %Y", "%d-%b-%Y", "%Y-%m-%d"),
        tax="GST", rates=(6, 0), added=False, rounds=True,
        registered=("({n}-{c})", "(CO. NO: {n}-{c})", "CO. REG. NO.: {n}-{c}", "ROC NO: {n}-{c}", "{n}-{c}"),
        streets=("NO.{k}, JALAN {x} {j}", "LOT {n}, JALAN {x}", "{k}-{j}, JLN {x} {j}/{k}", "NO {k}, LORONG {x} {j}",
                 "LOT {k} & {j}, GROUND FLOOR, PLAZA {x}", "G-{k}, BLOCK {c}, JALAN {x}",
                 "NO {k} & {j}, JALAN {x} {k}{c}"),
        areas=("TAMAN {x}", "BANDAR {x}", "TAMAN {x} JAYA", "KAWASAN PERINDUSTRIAN {x}", "KG {x}", "SEKSYEN {j}", ""),
        towns=("##### {x}, SELANGOR", "##### KUALA LUMPUR", "##### JOHOR BAHRU, JOHOR", "##### {x} JAYA, SELANGOR",
               "##### {x}, PERAK", "##### KLANG, SELANGOR DARUL EHSAN", "#####, {x}, PAHANG", "##### PULAU PINANG"),
        phone="0#-####-####", weight=9,
    ),
    Country(
        sign="S$", forms=("PTE LTD", "PTE. LTD.", "LLP", ""), dates=("%d/%m/%Y", "%d-%b-%y", "%d %b %Y", "%Y-%m-%d"),
        tax="GST", rates=(7, 8, 9), added=False, rounds=True, registered=("REG NO {n}{c}", "UEN: 20{n}{c}"),
        streets=("{k} {x} ROAD", "BLK {k} {x} AVENUE {j}", "{k} {x} STREET {j}", "{k} {x} DRIVE"),
        areas=("UNIT 0{j}-{k}", "0{j}-{k} {x} POINT", "{x} MALL B{j}-{k}", ""), towns=("SINGAPORE ######", "S(######)"),
        phone="6### ####", weight=3,
    ),
    Country(
        sign="£", forms=("LTD", "LIMITED", "PLC", "& SONS", ""),
        dates=("%d/%m/%Y", "%d/%m/%y", "%d.%m.%y", "%d %b %Y"),
        tax="VAT", rates=(20, 5, 0), added=False, rounds=False, registered=("COMPANY NO. {n}", ""),
        streets=("{k} {x} STREET", "{k} HIGH STREET", "UNIT {j}, {x} RETAIL PARK", "{k}-{j} {x} LANE",
                 "THE OLD MILL, {x} ROAD"),
        areas=("", "", "{x}"), towns=("LEEDS LS# #AP", "BRISTOL BS# #QA", "{x} YO# #HH", "LONDON E# #DY"),
        phone="01## ### ####", weight=4,
    ),
    Country(
        sign="$", forms=("INC", "LLC", "CORP", "MARKET", ""), dates=("%m/%d/%Y", "%m/%d/%y", "%b %d, %Y"),
        tax="TAX", rates=(7, 8, 6), added=True, rounds=False, registered=("STORE NO. {n}", "", ""),
        streets=("{n} {x} AVE", "{n} W {x} ST", "{n} {x} BLVD", "{n} N MAIN ST", "{n} {x} PKWY STE {k}"), areas=("",),
        towns=("AUSTIN, TX 787##", "PORTLAND, OR 972##", "{x}, OH 454##", "BOISE ID 837##", "{x} CITY, CA 9####"),
        phone="(5##) 555-01##", weight=4,
    ),
    Country(
        sign="$", forms=("PTY LTD", "PTY. LTD.", ""), dates=("%d/%m/%Y", "%d/%m/%y", "%d-%b-%Y"),
        tax="GST", rates=(10, 0), added=False, rounds=True, registered=("ABN ## ### ### ###", "A.B.N. ## ### ### ###"),
        streets=("{k} {x} ST", "SHOP {j}, {k} {x} RD", "{k}/{j} {x} PARADE"), areas=("", "{x} CENTRAL"),
        towns=("{x} VIC 3###", "{x} NSW 2###", "BRISBANE QLD 4###"), phone="(03) 9### ####", weight=2,
    ),
)  # fmt: skip
TRADES = (
    "HARDWARE", "TRADING", "MINI MARKET", "BAKERY", "RESTAURANT", "CAFE", "PHARMACY", "BOOKS", "STATIONERY", "FOODS",
    "ELECTRICAL", "SEAFOOD", "AUTO PARTS", "PETROL STATION", "FLORIST", "GROCER", "DEPARTMENT STORE", "OPTICS",
    "TOYS", "BUTCHER", "DELI", "GARDEN CENTRE", "PET SHOP", "FURNITURE", "NOODLE HOUSE", "COFFEE", "TIMBER", "MART",
    "KITCHEN",
)  # fmt: skip
TITLES = ("TAX INVOICE", "RECEIPT", "INVOICE", "CASH BILL", "SIMPLIFIED TAX INVOICE", "OFFICIAL RECEIPT", "")
TOTALS = (
    "TOTAL", "TOTAL", "GRAND TOTAL", "NET TOTAL", "AMOUNT DUE", "TOTAL AMOUNT", "TOTAL DUE", "TO PAY", "BALANCE DUE",
    "TOTAL INCL. {tax}", "TOTAL ({tax} INCL)", "TOTAL PAYABLE", "NETT", "TOTAL SALES (INCLUSIVE OF {tax})",
)  # fmt: skip
DATED = (
    "DATE: {date} {time}", "{date} {time}", "DATE : {date}", "{date} {time} SH0{j} B{n}",
    "INV NO: {c}{n} DATE: {date}", "DATE/TIME: {date} {time}", "BILL DATE {date}\nTIME {time}", "{date}",
    "CASHIER {j} {date} {time}", "DOC DATE\n{date}",
)  # fmt: skip
THANKS = (
    "THANK YOU, PLEASE COME AGAIN", "GOODS SOLD ARE NOT REFUNDABLE", "THANK YOU FOR SHOPPING WITH US",
    "HAVE A NICE DAY", "EXCHANGES WITHIN {j} DAYS WITH RECEIPT", "NO CASH REFUND", "FOLLOW US ONLINE",
    "PLEASE KEEP THIS RECEIPT", "YOU WERE SERVED BY {x}", "CUSTOMER COPY",
)  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """company: as its receipts print it.  beside: its registration, on that line or below.  brand: printed above it, or
    "".  address: the lines of it.  below: what else stands in the head.  signed: totals are printed with the currency
    behind `gap`.  taken: and people label them so.  late: the date stands at the end.
    """

    country: Country
    company: str
    brand: str
    beside: str
    own_line: bool
    address: tuple[str, ...]
    below: tuple[str, ...]
    title: str
    dated: str
    date: str
    late: bool
    total: str
    signed: bool
    gap: str
    taken: bool
    rate: int
    item: int
    thanks: tuple[str, ...]
    upper: bool


@cache
def shop(part: str, number: int) -> Shop:
    """The shop of that number among those of a part."""
    rng = random.Random(f"{part} shop {number}")
    country = rng.choices(COUNTRIES, [one.weight for one in COUNTRIES])[0]
    name = _name(rng)
    form = rng.choice(country.forms)
    address = [filled(rng, rng.choice(country.streets))]
    if area := filled(rng, rng.choice(country.areas)):
        address.append(area)
    address.append(filled(rng, rng.choice(country.towns)))
    if len(address) > 2 and rng.random() < 0.4:  # two of them on one line
        at = rng.randrange(len(address) - 1)
        address[at : at + 2] = [f"{address[at].rstrip(',')}, {address[at + 1]}"]
    comma, last = rng.choice((",", ",", "")), address.pop()
    address = [line if line.endswith(",") else line + comma for line in address]
    address.append(last + rng.choice(("", "", ".")))
    below = [
        filled(rng, pattern)
        for pattern, share in (
            (rng.choice(("TEL: ", "TEL NO: ", "PHONE ", "T ")) + country.phone, 0.7),
            (f"{country.tax} ID: ############", 0.5),
            (rng.choice(("({x})", "{x} BRANCH", "OUTLET: {x}")), 0.2),
            (f"WWW.{name.split()[0]}.COM", 0.15),
        )
        if rng.random() < share
    ]
    # Whether people take RM in is told by another receipt of the shop alone, and of one that is held out there is none.
    signed = country.sign != "RM" or (part == "train" and rng.random() < 0.4)
    return Shop(
        country=country,
        company=f"{name} {form}".strip(),
        brand=f"{rng.choice(TRADES)} {coined(rng).upper()}" if form and rng.random() < 0.2 else "",
        beside=filled(rng, rng.choice(country.registered)),
        own_line=rng.random() < 0.5,
        address=tuple(address),
        below=tuple(below),
        title=rng.choice(TITLES),
        dated=rng.choice(DATED),
        date=rng.choice(country.dates),
        late=rng.random() < 0.3,
        total=rng.choice(TOTALS).format(tax=country.tax),
        signed=signed,
        gap=rng.choice(("", " ")),
        taken=country.sign != "RM" or rng.random() < 0.4,
        rate=rng.choice(country.rates),
        item=rng.randrange(4),
        thanks=tuple(filled(rng, one) for one in rng.sample(THANKS, rng.randint(0, 3))),
        upper=rng.random() < 0.85,
    )


def _name(rng: random.Random) -> str:
    kind = rng.random()
    first = coined(rng).upper()
    if kind < 0.5:
        return f"{first} {rng.choice(TRADES)}"
    if kind < 0.7:
        return f"{first} {coined(rng).upper()} {rng.choice(TRADES)}"
    if kind < 0.8:
        return f"{first} & {coined(rng).upper()}"
    if kind < 0.9:
        return f"{rng.choice('ABCDEHKLMNPST')}.{rng.choice('ABCDEHKLMNPST')}. {rng.choice(TRADES)}"
    return f"{syllables(rng, 2).upper()} {rng.choice(('(M)', '(KL)', 'CO.', 'GROUP', 'HOUSE'))}"


def filled(rng: random.Random, pattern: str) -> str:
    """Names, numbers and digits in the place of what stands for them: {x}, {n}, {k}, {j}, {c}, #."""
    text = pattern.format(
        x=coined(rng).upper(), n=rng.randint(1000, 999999), k=rng.randint(1, 240), j=rng.randint(1, 9),
        c=rng.choice("ABCDHKMPTUVWX"),
    )  # fmt: skip
    return "".join(rng.choice("0123456789") if c == "#" else c for c in text)
