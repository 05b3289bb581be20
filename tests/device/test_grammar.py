"""The grammar admits the canonical spelling of every record of a task, and nothing that the record model refuses."""

from __future__ import annotations

import datetime
import json
import random
import re
from decimal import Decimal
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher
from pydantic import BaseModel, create_model

from boardwright.device.grammar import DATE, Grammars
from boardwright.schemas.errors import BadDocument
from boardwright.schemas.fields import Grounded, Items, Number, Text, Verbatim
from boardwright.schemas.records import canonical, parse, spell
from boardwright.schemas.shape import longest, shape_of
from tests.device.fakes import BYTES, CONTROLS, LETTERS, Kind, copied, documents_of_text, model_of, records


def admits(matcher: LLMatcher, output: bytes) -> bool:
    """Whether this is a whole record of the grammar."""
    taken = matcher.try_consume_tokens(list(output))
    whole = taken == len(output) and matcher.is_stopped() and not matcher.is_error()
    matcher.reset()
    return whole


def grammar(record: type[BaseModel], document: str) -> LLMatcher:
    return Grammars(shape_of(record), BYTES).matcher(document)


def one_field(annotation: Any) -> type[BaseModel]:
    return create_model("Record", value=(annotation, ...))


def walk(matcher: LLMatcher, rng: random.Random) -> bytes:
    """A record by any of the bytes that may come next, until there are none."""
    output = bytearray()
    while not matcher.is_stopped():
        mask = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
        token = rng.choice([int(token) for token in np.flatnonzero(mask)])
        assert token < 256, "the end may not be chosen: a record ends where nothing can follow"
        assert matcher.consume_token(token)
        output.append(token)
    assert not matcher.is_error(), matcher.get_error()
    return bytes(output)


@given(records, documents_of_text, st.data())
def test_every_record_can_be_written(kind: Kind, document: str, data: st.DataObject) -> None:
    value = data.draw(kind.values(document))
    record = model_of(kind).model_validate(value)
    assert admits(grammar(model_of(kind), document), canonical(record).encode())


@given(records, documents_of_text, st.data())
def test_a_changed_byte_is_refused_or_makes_another_record(kind: Kind, document: str, data: st.DataObject) -> None:
    value = data.draw(kind.values(document))
    good = canonical(model_of(kind).model_validate(value)).encode()
    matcher = grammar(model_of(kind), document)
    for _ in range(8):
        at, byte = data.draw(st.integers(0, len(good) - 1)), data.draw(st.binary(max_size=1))
        output = good[:at] + byte + good[at + data.draw(st.integers(0, 1)) :]
        if admits(matcher, output):
            assert canonical(parse(model_of(kind), output.decode())) == output.decode()


@settings(max_examples=250)
@given(records, documents_of_text, st.integers(0, 2**32))
def test_whatever_the_grammar_admits_is_valid_and_canonical(kind: Kind, document: str, seed: int) -> None:
    output = walk(grammar(model_of(kind), document), random.Random(seed)).decode("utf-8")
    assert canonical(parse(model_of(kind), output)) == output


@given(records, documents_of_text, st.data())
def test_no_record_is_longer_than_its_shape_says(kind: Kind, document: str, data: st.DataObject) -> None:
    value = data.draw(kind.values(document))
    written = canonical(model_of(kind).model_validate(value))
    # A quote or backslash inside a text takes two characters, which is left to the tokens' being longer than one.
    escapes = len(re.findall(r'\\["\\]', written))
    assert len(written) - escapes <= longest(shape_of(model_of(kind)))


class TestDate:
    def test_the_real_days_of_two_centuries_and_no_others(self) -> None:
        real = {str(datetime.date(1900, 1, 1) + datetime.timedelta(days)) for days in range(73_049)}
        assert max(real) == "2099-12-31"
        spelled = {
            f"{year:04}-{month:02}-{day:02}" for year in range(1890, 2111) for month in range(14) for day in range(33)
        }
        pattern = re.compile(DATE)
        assert {text for text in spelled if pattern.fullmatch(text)} == real

    @pytest.mark.parametrize(
        ("day", "real"),
        [
            ("2024-02-29", True),
            ("2023-02-29", False),
            ("2000-02-29", True),
            ("1900-02-29", False),
            ("1999-04-31", False),
            ("2026-12-31", True),
            ("2026-1-5", False),
            ("1899-12-31", False),
            ("2026-11-22T00:00", False),
        ],
    )
    def test_as_llguidance_reads_the_pattern(self, day: str, real: bool) -> None:
        matcher = grammar(one_field(datetime.date), "")
        assert admits(matcher, spell({"value": day}).encode()) is real


class TestVerbatim:
    @given(documents_of_text, st.integers(1, 6), st.data())
    def test_exactly_the_pieces_of_the_document_within_bounds(
        self, document: str, most: int, data: st.DataObject
    ) -> None:
        matcher = grammar(one_field(Annotated[str, Verbatim(most)]), document)
        for _ in range(8):
            value = data.draw(copied(document, 8) | st.text(LETTERS + CONTROLS, max_size=4))
            on_a_line = not any(character < " " for character in value)
            stands_there = value in document and 1 <= len(value) <= most and on_a_line and value == value.strip()
            assert admits(matcher, spell({"value": value}).encode()) is stands_there

    def test_an_escape_of_the_document_is_not_its_letters(self) -> None:
        # In the JSON of this document "\n" stands twice, once as a line break.
        matcher = grammar(one_field(Annotated[str, Verbatim(9)]), 'a\n"\\n')
        assert admits(matcher, rb'{"value":"\"\\n"}')
        assert not admits(matcher, rb'{"value":"a\n"}')
        assert not admits(matcher, rb'{"value":"n\""}')

    @pytest.mark.parametrize("document", ["\x00", "\n\t\x1f"])
    def test_a_document_with_nothing_to_copy_is_refused(self, document: str) -> None:
        with pytest.raises(BadDocument, match="nothing but control characters"):
            grammar(one_field(Annotated[str, Verbatim(9)] | None), document)

    def test_fields_of_different_bounds_copy_from_one_document(self) -> None:
        pair = create_model("Pair", a=(Annotated[str, Verbatim(3)], ...), b=(Annotated[str, Verbatim(9)] | None, ...))
        matcher = grammar(pair, "order 66 of")
        assert admits(matcher, b'{"a":"66","b":"order 66"}')
        assert admits(matcher, b'{"a":"der","b":null}')
        assert not admits(matcher, b'{"a":"order","b":"66"}')

    def test_a_long_document_and_bound(self) -> None:
        document = 'Grüße "漢字" \\ 1234567890, ' * 300
        matcher = grammar(one_field(Annotated[str, Verbatim(1999)]), document)
        assert admits(matcher, spell({"value": document[6:2005]}).encode())
        assert not admits(matcher, spell({"value": document[6:2007]}).encode())
        assert not admits(matcher, spell({"value": document[6:1000] + "x"}).encode())

    def test_white_space_around_a_value_is_no_part_of_it(self) -> None:
        matcher = grammar(one_field(Annotated[str, Verbatim(9)]), "No.: \u00a0CW 45 \n")
        assert admits(matcher, b'{"value":"CW 45"}') and admits(matcher, b'{"value":"C"}')
        for value in (" CW", "\u00a0CW", "CW ", " "):
            assert not admits(matcher, spell({"value": value}).encode())


class TestList:
    @pytest.mark.parametrize("most", [0, 1, 3])
    def test_none_to_most_items(self, most: int) -> None:
        matcher = grammar(one_field(Annotated[list[bool], Items(most)]), "")
        for count in range(6):
            assert admits(matcher, spell({"value": [True] * count}).encode()) is (count <= most)


class TestForm:
    @pytest.mark.parametrize(
        "output",
        [
            '{"value": true}',
            '{"value":true} ',
            '{"value":true}}',
            "{}",
            '{"value":true,"value":true}',
            '{"other":true}',
        ],
    )
    def test_one_spelling_alone(self, output: str) -> None:
        assert not admits(grammar(one_field(bool), ""), output.encode())

    @pytest.mark.parametrize("text", [r"\u0041", r"\/", r"\n", r"\t", "\n", "\x7f"])
    def test_one_way_to_escape(self, text: str) -> None:
        admitted = admits(grammar(one_field(Annotated[str, Text(9)]), ""), f'{{"value":"{text}"}}'.encode())
        assert admitted is (text == json.dumps(text, ensure_ascii=False)[1:-1])

    def test_keys_in_any_script(self) -> None:
        record = create_model("Record", größe=(bool, ...), 名前=(bool, ...))
        assert admits(grammar(record, ""), '{"größe":true,"名前":false}'.encode())


class TestGrammars:
    def test_a_matcher_starts_afresh_for_every_document(self) -> None:
        grammars = Grammars(shape_of(one_field(bool)), BYTES)
        first, second = grammars.matcher("a"), grammars.matcher("b")
        assert first.consume_tokens(list(b'{"value":t'))
        assert admits(second, b'{"value":false}')
        assert first.compute_ff_tokens() == list(b"rue}")

    def test_documents_do_not_leak_into_each_other(self) -> None:
        grammars = Grammars(shape_of(one_field(Annotated[str, Verbatim(9)])), BYTES)
        assert admits(grammars.matcher("left"), b'{"value":"left"}')
        assert not admits(grammars.matcher("right"), b'{"value":"left"}')


class TestGrounded:
    DAY = Annotated[datetime.date, Grounded()]
    SUM = Annotated[Decimal, Number(digits=4, places=2), Grounded()]

    def test_only_days_that_stand_in_the_document(self) -> None:
        matcher = grammar(one_field(self.DAY | None), "Of 2. Juni 2024, due 3/4/2024")
        for value in ("2024-06-02", "2024-04-03", "2024-03-04", None):
            assert admits(matcher, spell({"value": value}).encode())
        assert not admits(matcher, b'{"value":"2024-06-20"}')

    def test_only_numbers_that_stand_in_the_document_and_fit(self) -> None:
        matcher = grammar(one_field(self.SUM | None), "3 x 1.234,50, minus -2.00, no. 123456")
        for value in ("3.00", "1234.50", None):
            assert admits(matcher, spell({"value": value}).encode())
        for value in ("1.23", "-2.00", "123456.00", "1234.05"):
            assert not admits(matcher, spell({"value": value}).encode())

    def test_null_where_the_document_has_none(self) -> None:
        matcher = grammar(one_field(self.DAY | None), "no day")
        assert admits(matcher, b'{"value":null}')
        assert not admits(matcher, b'{"value":"2024-06-20"}')

    def test_free_where_there_is_none_and_null_is_not_allowed(self) -> None:
        matcher = grammar(one_field(self.DAY), "no day")
        assert admits(matcher, b'{"value":"2024-06-20"}')
        assert not admits(matcher, b'{"value":null}')


class TestPrintedDates:
    DATE = Annotated[str, Text(11, printed=True, date=True)]

    def test_only_those_of_the_document_as_it_prints_them(self) -> None:
        matcher = grammar(one_field(self.DATE | None), "No. 002 28/03/2018 of 2\u00a0 JUN 18, due 1 September 2018")
        for value in ("28/03/2018", "2 JUN 18", None):
            assert admits(matcher, spell({"value": value}).encode())
        for value in ("002", "2018-03-28", "28/03/20", "1 September 2018"):  # the last one has more than 11 characters
            assert not admits(matcher, spell({"value": value}).encode())

    @pytest.mark.parametrize("document", ["no day", "of 1 September 2018"])
    def test_free_where_there_is_none_that_fits(self, document: str) -> None:
        assert admits(grammar(one_field(self.DATE), document), b'{"value":"today"}')
