"""Personal data that has a form of its own: what patterns and checksums find in a text, without any student.

Knows nothing of models or records. A rule is data: a kind, a pattern and the name of a check. Where a reading is
doubtful, more is found rather than less: what is missed leaks.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from boardwright.device.first_names import FIRST_NAMES


@dataclass(frozen=True)
class Rule:
    """pattern: of the longest candidate from any place on.  check: what must hold of it, or of its beginning up to the
    end of a word; none where the pattern says it all.  before: what stands right before it, and stays."""

    kind: str
    pattern: str
    check: str = ""
    before: str = ""


@dataclass(frozen=True)
class Finding:
    """Characters start to end are of a kind."""

    start: int
    end: int
    kind: str


# Who or what a person's number is of, in the languages around us; then at most a name, and the sign of a number. What
# else has numbers must not come between.
_OF_A_PERSON = (
    r"(?i:(?<![^\W_])(?:customer|client|patient|member|insured|insurance|policy|passport|(?:driver|driving)|tax|identity|"
    r"national|social security|employee|student|health|kunden?|mitglied|patienten|versichert|versicherung|ausweis|"
    r"steuer|personal|client|assuré|adhérent|passeport|socio|paciente|pasaporte|paziente|tessera)"
    r"(?:(?!order|invoice|article|ticket|error|part|serial|rechnung|bestell|artikel|commande|facture|pedido|factura)"
    r"[^\d\n]){0,48}?(?:no|nr|num|number|nummer|n[uú]mero|numéro|n[°º]|(?<![^\W_])id|[:#])[ .:#]{0,3})"
)
# What stands before the day that somebody was born on; only small words and marks come between.
_OF_A_BIRTH = (
    r"(?i:(?<![^\W_])(?:born|birth|birth ?da(?:y|te)|d\.?o\.?b\.?|geb\.?|geboren|geburtstag|geburtsdatum|née?|"
    r"naissance|nacid[oa]|nacimiento|cumpleaños|nascita|urodzon[ya])(?![^\W_])"
    r"[ .:,(]{0,3}(?:(?:on|the|am|is|le|el|fecha|date|day)[ :]{1,2}){0,2})"
)
_DAY = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    r"|\d{1,2}(?:\.|st|nd|rd|th|er)? (?:of |de )?[^\W\d_]{3,10}\.?,? (?:de )?\d{4}"
    r"|[^\W\d_]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
)
_WORD = r"(?=[^\W\d_a-z])[^\W\d_]{1,30}"  # with a capital
_NAME = rf"{_WORD}(?:-{_WORD})?"
_PARTICLE = r"(?:[A-Z]\.|v[ao]n(?: de[rn]?)?|d[eiao]|bin|al|el|le|la)"  # between a first name and a surname
_TOWN = (
    rf"(?:(?:[A-Z]{{1,2}}-)?(?:\d{{4,5}}|\d{{2,3}} \d{{2,3}}) {_WORD}"
    rf"|{_WORD},? [A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}})"
)
# A street with the number of a house, before or behind.
_STREET = (
    rf"(?=[^,\n]{{0,80}}\d)(?:\d{{1,4}} ?[a-z]? )?{_WORD}\.?(?: (?:d[eiu]|de[lrsn]|la|le|the|{_WORD}\.?)){{0,4}}"
    r"(?: \d{1,4} ?[a-z]?(?:/\d{1,3})?)?"
)
_ADDRESS = rf"{_STREET}(?:, ?|,?\n){_TOWN}"
# The bounds keep a search linear: a document may be one word of a million letters.
RULES = (
    Rule(
        "id",
        r"(?:(?<![^\W_])[A-Za-z]{1,3}[-/ ]?)?\d[\dA-Za-z]{0,20}(?:[-/.][\dA-Za-z]{1,20}){0,4}",
        "number",
        before=_OF_A_PERSON,
    ),
    Rule("name", rf"(?<![^\W_]){_NAME}(?:(?: {_PARTICLE})* {_NAME})?(?![^\W_])", "first_name"),
    Rule("birthdate", rf"{_DAY}(?!\d)", before=_OF_A_BIRTH),
    Rule("address", rf"(?<![^\W_]){_ADDRESS}(?![^\W_])"),
    # Whom a letter goes to.
    Rule("name", rf"(?<![^\W_]){_NAME}(?: {_NAME}){{0,3}}(?=(?:, ?|,?\n){_ADDRESS}(?![^\W_]))"),
    Rule("email", r"[\w.+%'~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    Rule("account", r"(?<![^\W_])[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z0-9]){11,30}", "iban"),
    Rule("card", r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)", "luhn"),
    Rule("phone", r"(?<![^\W_])(?<![+])(?<!\d[./-])(?:\+|\(?(?=0\d|\d{3}\)))\(?\d(?:[ ()./-]{0,3}\d){6,16}", "phone"),
    Rule("phone", r"(?<![\w.-])\d{3}[ .-]\d{3}[ .-]\d{4}(?!\d)"),
    Rule("ip", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)", "ip"),
    Rule("ip", r"(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", "ip"),
    Rule("mac", r"(?<![^\W_])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![^\W_])"),
    Rule("id", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),  # of US social security
)
_PRICE = re.compile(r"\d{1,6}[.,]\d\d|\d{4}-\d\d-\d\d")
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?![./-]?\d)")


def findings(text: str) -> Iterator[Finding]:
    """Every place that a rule holds for; they may overlap."""
    for rule, pattern in _COMPILED:
        for match in pattern.finditer(text):
            start = match.start(1)
            end = _end(text, start, match.end(1), CHECKS[rule.check]) if rule.check else match.end(1)
            if end is not None:
                yield Finding(start, end, rule.kind)


# A look-ahead, so that the next candidate may begin inside this one: a number before a card's number is no part of it.
_COMPILED = [(rule, re.compile(f"{rule.before}(?=({rule.pattern}))")) for rule in RULES]


def _end(text: str, start: int, longest: int, check: Callable[[str], bool]) -> int | None:
    """The furthest end of a word up to which the check holds: a pattern may have taken the next word along."""
    for end in range(longest, start, -1):
        last, after = text[end - 1], text[end : end + 1]
        # Between letters and digits, too, for "…3000and".
        between = not (last.isalnum() and after.isalnum()) or last.isdecimal() != after.isdecimal()
        if between and check(text[start:end]):
            return end
    return None


def _luhn(text: str) -> bool:
    """Luhn's formula (ISO/IEC 7812-1, annex B), of 13 to 19 digits."""
    digits = [int(c) for c in text if c.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and text[-1].isdecimal() and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    """ISO 13616: the number rotated by four, letters as 10 to 35, leaves 1 when divided by 97."""
    bare = re.sub("[ -]", "", text).upper()
    if not 15 <= len(bare) <= 34 or not text[-1].isalnum() or not bare.isascii():
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _phone(text: str) -> bool:
    """7 to 15 digits (ITU-T E.164), and no day such as 03.04.2024."""
    return 7 <= sum(map(str.isdecimal, text)) <= 15 and text[-1].isdecimal() and not _DATE.match(text)


def _number(text: str) -> bool:
    """At least five letters and digits, most of them digits; no day and no amount."""
    digits = sum(map(str.isdecimal, text))
    return digits >= 4 and sum(map(str.isalnum, text)) >= 5 and not _DATE.match(text) and not _PRICE.fullmatch(text)


def _first_name(text: str) -> bool:
    """A common first name, by itself or with what goes on like a surname."""
    return re.split("[ -]", text, maxsplit=1)[0].casefold() in FIRST_NAMES


def _ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


CHECKS: dict[str, Callable[[str], bool]] = {
    "luhn": _luhn,
    "iban": _iban,
    "phone": _phone,
    "number": _number,
    "first_name": _first_name,
    "ip": _ip,
}
