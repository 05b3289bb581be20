"""Rules: numbers with a checksum are found however they are set, and numbers that only look like them are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.device.rules import findings


def found(text: str) -> set[str]:
    """The longest findings of each place, as `kind:text`."""
    spans = list(findings(text))
    return {
        f"{one.kind}:{text[one.start : one.end]}"
        for one in spans
        if not any(
            (two.start <= one.start and one.end <= two.end and (two.start, two.end) != (one.start, one.end))
            for two in spans
        )
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to mira.o'neil+tag@mail.fjord.example.", "email:mira.o'neil+tag@mail.fjord.example"),
        ("<jürgen@müller.example>", "email:jürgen@müller.example"),
        ("IBAN: DE89 3704 0044 0532 0130 00 and so on", "account:DE89 3704 0044 0532 0130 00"),
        ("to gb82west12345698765432 please", "account:gb82west12345698765432"),
        ("DE89370400440532013000and", "account:DE89370400440532013000"),
        ("5 x card 4111-1111-1111-1111", "card:4111-1111-1111-1111"),
        ("order 1 4111 1111 1111 1111 12", "card:4111 1111 1111 1111"),
        ("amex 378282246310005", "card:378282246310005"),
        ("call +49 (0)171 / 2345-678 today", "phone:+49 (0)171 / 2345-678"),
        ("06.12.34.56.78", "phone:06.12.34.56.78"),
        ("(415) 555-0100", "phone:(415) 555-0100"),
        ("415-555-0100", "phone:415-555-0100"),
        ("0043 1 5880 10", "phone:0043 1 5880 10"),
        ("from 192.168.1.17:", "ip:192.168.1.17"),
        ("at fe80::1ff:fe23:4567:890a", "ip:fe80::1ff:fe23:4567:890a"),
        ("00:1a:2B:3c:4d:5e", "mac:00:1a:2B:3c:4d:5e"),
        ("078-05-1120", "id:078-05-1120"),
        ("Client no. 6532478, please", "id:6532478"),
        ("Insured person: D. Vasquez, no. C60X3961T\n", "id:C60X3961T"),
        ("Kundennummer 1234567", "id:1234567"),
        ("Passport: X1234567.", "id:X1234567"),
        ("Numéro d'adhérent n° 44-812/7", "id:44-812/7"),
        ("Oskar can be called", "name:Oskar"),
        ("Speak to Maria van der Berg-Holm, please", "name:Maria van der Berg-Holm"),
        ("From: Anna K. Meyer <x>", "name:Anna K. Meyer"),
        ("ELENA VASQUEZ", "name:ELENA VASQUEZ"),
        ("Birthday: 1940-03-07 Client", "birthdate:1940-03-07"),
        ("Ada Lee, born 22/09/2002, of York", "birthdate:22/09/2002"),
        ("Date of birth 4 May 1985.", "birthdate:4 May 1985"),
        ("D.O.B.: May 4th, 1985", "birthdate:May 4th, 1985"),
        ("geb. 04.05.85 in Linz", "birthdate:04.05.85"),
        ("Geburtsdatum: 4. März 1985", "birthdate:4. März 1985"),
        ("née le 1er mai 1985", "birthdate:1er mai 1985"),
        ("I live at Calle Mayor 28, 28013 Madrid.", "address:Calle Mayor 28, 28013 Madrid"),
        ("115 Abbey Close, York YO1 7HH", "address:115 Abbey Close, York YO1 7HH"),
        ("The invoice goes to Sanjin, 115 Abbey Close, 4020 Linz.", "name:Sanjin"),
        ("Ysolde Marino\nKirchgasse 4, 4020 Linz", "name:Ysolde Marino"),
        ("to Rue de la Gare 4b\n75 221 Uppsala", "address:Rue de la Gare 4b\n75 221 Uppsala"),
    ],
)
def test_is_found(text: str, expected: str) -> None:
    assert expected in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Invoice 2280521 of 12 March 2026 over 1,234.50 euros",
        "2026-03-12 09:15:30",
        "03.04.2024 09:15, 3/4/2024",
        "4111 1111 1111 1112",
        "DE88370400440532013000",
        "version 2.14.3, 12:30:45, 999.999.999.999",
        "E-4471, KD-123456, 0.95 1.20 3.50",
        "a @ b, 5 @ 3.20",
        "As a customer I placed order no. 2280521",
        "Customer since: 12.03.2020, tax: 249.90, member no. 12",
        "The museum in Main Street closed in 1998, Hamburg",
        "I was born in Linz and ordered it on 12.03.2026",
        "Paris in May will be Grand, said the Firm",
        "an oskar for the best marianne",
        "Born in 1985, a reborn fan since 12.03.2020",
    ],
)
def test_is_not_found(text: str) -> None:
    assert found(text) == set()


@given(st.text("a1@.:-+( 0é", max_size=300))
def test_any_text_has_findings_within_it(text: str) -> None:
    assert all(0 <= one.start < one.end <= len(text) for one in findings(text))


@pytest.mark.parametrize(
    "piece", ["a", "1", "a.", "1 ", "@", ":", "0-", "+", "(0)", "1.", "DE12 ", "Aa ", "1 A", "id:", "A1, 1234 A"]
)
@pytest.mark.timeout(20)
def test_a_long_text_of_one_kind_of_character_takes_no_forever(piece: str) -> None:
    list(findings(piece * (5_000 // len(piece))))
