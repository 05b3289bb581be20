"""Dates and numbers are found in any common spelling; what can be read in two ways is found in both."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.found import MONTHS, dates_in, numbers_in, standing
from boardwright.schemas.shape import DateShape, ListShape, NullableShape, NumberShape, ObjectShape, TextShape

days = st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31))


def dates(text: str) -> set[str]:
    return {one.value for one in dates_in(text)}


def numbers(text: str, places: int = 2) -> set[str]:
    return {one.value for one in numbers_in(text, places)}


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-09", "2024/3/9", "2024. 3. 9.", "9.3.2024", "09.03.2024", "9. 3. 2024", "09/03/2024",
        "9-3-24", "09 03 2024", "09032024", "03092024",
        "3/9/2024", "20240309", "2024年3月9日", "9 March 2024", "9th of March 2024", "March 9, 2024", "Mar 9th, 2024",
        "MARCH 09 2024", "9-Mar-2024", "09MAR24", "9 mars 2024", "9. März 2024", "9 de marzo de 2024", "9 marca 2024",
        "9. března 2024", "9 mars '24", "2024 March 9", "9. maaliskuuta 2024", "le 9 mars 2024 à 10:15",
        "Total 92 | Date: 9 March 2024",
        "INV-2024-17 - 9.3.2024", "x 1.2.9.3.2024",
    ],
)  # fmt: skip
def test_spellings_of_a_day(text: str) -> None:
    assert "2024-03-09" in dates(text)


@pytest.mark.parametrize(
    "text",
    [
        "31.2.2024", "2024-13-01", "40 March 2024", "9.3", "March 2024", "1-2-345", "9.3.20245", "",
        "9% March 2024", "32132024", "09032124",
    ],
)  # fmt: skip
def test_what_is_no_day(text: str) -> None:
    assert not dates(text)


@given(
    days,
    st.sampled_from(
        ["{0:%Y-%m-%d}", "{0.day}.{0.month}.{0:%Y}", "{0:%m/%d/%Y}", "{0:%d %B %Y}", "{0:%B} {0.day}, {0:%Y}"]
    ),
)
def test_every_day_is_found_in_every_form(day: datetime.date, form: str) -> None:
    assert day.isoformat() in dates(f"No. 12-2024 of {form.format(day)}: 3.50")


def test_both_readings_where_there_are_two() -> None:
    assert dates("3/4/2024") == {"2024-04-03", "2024-03-04"}
    assert dates("03042024") == {"2024-04-03", "2024-03-04"} and dates("25032018") == {"2018-03-25"}
    assert dates("20102010") == {"2010-10-20"}
    assert dates("10 juil 2024") == {"2024-07-10"} and dates("10 jui 2024") == {"2024-06-10", "2024-07-10"}
    assert dates("10 mar 2024") == {"2024-03-10", "2024-11-10"}  # Finnish has its November there


def test_a_whole_name_is_not_the_beginning_of_another() -> None:
    assert MONTHS["juin"] == {6} and MONTHS["mai"] == {5}
    assert MONTHS["červen"] == {6} and MONTHS["července"] == {7}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,50", "1234.50"), ("1,234.50", "1234.50"), ("1 234,50 €", "1234.50"),
        ("1'234.50", "1234.50"), ("1234,5", "1234.50"),
        ("1234", "1234.00"), ("1.234", "1234.00"), ("€12", "12.00"), ("-3.50", "-3.50"),
        ("−3,50", "-3.50"), ("0,05", "0.05"),
        ("007", "7.00"), ("total 1 1 234,50", "234.50"), ("3 x 12,00", "12.00"), ("12.345.678,90", "12345678.90"),
    ],
)  # fmt: skip
def test_spellings_of_a_number(text: str, value: str) -> None:
    assert value in numbers(text)


@given(
    st.integers(0, 10**9), st.sampled_from([(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("", ".")])
)
def test_every_amount_is_found_in_every_form(cents: int, marks: tuple[str, str]) -> None:
    between, point = marks
    spelled = f"{cents // 100:,}".replace(",", between) + f"{point}{cents % 100:02}"
    assert f"{cents // 100}.{cents % 100:02}" in numbers(f"Total: EUR {spelled}.")


def test_a_sign_is_that_of_the_number_it_stands_before() -> None:
    text = "-5 3"
    assert {(one.value, text[one.at : one.end]) for one in numbers_in(text, 2)} == {("-5.00", "-5"), ("3.00", "3")}
    assert numbers("-1 234,50") == {"-1234.50", "-1.00", "234.50"}


def test_whole_numbers_where_there_are_no_places() -> None:
    assert numbers("1.234 and 5", places=0) == {"1234", "5"}


@given(st.text("0123456789.,'- /:aMr\n年月\u00a0", max_size=60))
def test_what_is_found_is_always_a_value(text: str) -> None:
    for one in dates_in(text):
        assert datetime.date.fromisoformat(one.value) and 0 <= one.at < len(text)
    for number in numbers_in(text, 2):
        assert float(number.value) is not None and 0 <= number.at < len(text)
        assert "." in number.value and len(number.value.rsplit(".", 1)[1]) == 2


@given(st.text("0123456789.,'- /:aMr\n年月\u00a0", max_size=60))
def test_where_a_value_stands_it_is_spelled(text: str) -> None:
    for one in dates_in(text):
        assert one.value in dates(text[one.at : one.end])
    for number in numbers_in(text, 2):
        assert number.value in numbers(text[number.at : number.end])


RECORD = ObjectShape(
    (
        ("name", NullableShape(TextShape(20, verbatim=True))),
        ("day", DateShape(grounded=True)),
        ("sums", ListShape(NumberShape(9, 2, signed=True, grounded=True), 4)),
        ("due", DateShape()),
    )
)


def test_every_place_where_a_record_stands_in_its_document() -> None:
    text = "ACME, 9 March 2024\n-1.234,50 EUR and 7.00\nACME, ACMEs"
    record = {"name": "ACME", "day": "2024-03-09", "sums": ["-1234.50", "7.00"], "due": "2024-03-09"}
    spans = list(standing(RECORD, record, text))
    assert [text[a:b] for a, b in spans] == ["ACME", "ACME", "9 March 2024", "-1.234,50", "7.00"]
    assert spans[1][0] == text.index("ACME, ACMEs")


def test_a_text_within_words_is_better_than_none() -> None:
    assert list(standing(TextShape(20, verbatim=True), "ACME", "ACMEs")) == [(0, 4)]


def test_nothing_stands_where_nothing_is_said() -> None:
    assert not list(standing(RECORD.fields[0][1], None, "ACME"))
