"""Guesses of a record: whatever the table says they are harmless, and a learned one is mostly right."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.device.drafts import BITS, Guess, Model, RecordGuess, candidates
from boardwright.device.places import Page
from boardwright.schemas.fields import Items, Number, Text, Verbatim
from boardwright.schemas.records import spell
from boardwright.schemas.shape import NullableShape, ObjectShape, TextShape, shape_of
from boardwright.schemas.spelling import Fork, Leaf, read_pieces
from tests.device.fakes import Kind, detokenize, documents_of_text, model_of, records


def table(seed: int) -> Model:
    weights = np.random.default_rng(seed).normal(0, 2, 1 << BITS).astype(np.float32)
    return Model(weights, {"f0": 0.5})


def drafter(shape: ObjectShape, model: Model, text: str) -> RecordGuess:
    return RecordGuess(shape, model, text, lambda part: list(part.encode()), detokenize)


@given(records, documents_of_text, st.integers(0, 99), st.data())
def test_a_guess_is_an_output_that_could_be(kind: Kind, document: str, seed: int, data: st.DataObject) -> None:
    shape = shape_of(model_of(kind))
    value = data.draw(kind.values(document))
    output = list(spell(value).encode())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)), max_size=5)))
    one = drafter(shape, table(seed), document)
    for cut in cuts:
        guessed = list(one.guess(output[:cut]))
        assert all(0 <= probability <= 1 + 1e-6 for _, probability in guessed)
        if guessed:
            whole = bytes([*output[:cut], *(token for token, _ in guessed)]).decode("utf-8")
            read = read_pieces(shape, whole)
            assert "".join(spelling for piece, spelling in read if not isinstance(piece, Fork)) == whole


class Ticket(BaseModel):
    customer: Annotated[str, Verbatim(20)] | None
    opened: date | None
    kind: Literal["bug", "question"]
    paid: Annotated[Decimal, Number()] | None


class TestOnwards:
    guess = Guess(['"Ann"', '"Anton"', "null"], [0.5, 0.2, 0.2])

    def test_each_character_has_its_own_probability(self) -> None:
        rest, odds = self.guess.onwards("") or ("", [])
        assert rest == '"Ann"'
        assert odds == pytest.approx([0.7, 1, 1, 0.5 / 0.7, 1])

    def test_what_is_written_rules_the_others_out(self) -> None:
        rest, odds = self.guess.onwards('"Ant') or ("", [])
        assert rest == 'on"'
        assert min(odds) > 0.9

    def test_none_where_nothing_fits(self) -> None:
        assert self.guess.onwards('"Bert') is None
        assert self.guess.onwards('"Ann"') is None


def test_a_copy_goes_on_as_the_document_does() -> None:
    one = drafter(shape_of(Ticket), Model(np.zeros(1 << BITS, np.float32), {}), "From Ann-Lee Smith\nTo Bert")
    guessed = bytes(token for token, _ in one.guess(list(b'{"customer":"nn-')))
    assert guessed.startswith(b'Lee Smith"')


class Sender(BaseModel):
    address: Annotated[str, Text(60, printed=True)] | None


@pytest.mark.parametrize("written", ["3, Elm R", "8; Elm R"])
def test_a_printed_copy_goes_on_over_line_ends_and_behind_what_is_no_copy(written: str) -> None:
    one = drafter(shape_of(Sender), Model(np.zeros(1 << BITS, np.float32), {}), "Shop\n3, Elm\n \tRoad 12\nTel 5")
    guessed = bytes(token for token, _ in one.guess([*b'{"address":"', *written.encode()]))
    assert guessed.startswith(b"oad")


def test_only_a_printed_copy_ends_on_another_line() -> None:
    text, lines = "3, Elm\n \tRoad 12\nTel 5", (False, True)
    ends = [[text[:end] for end, _ in Page(text).ends(0, TextShape(60, False, printed))] for printed in lines]
    assert ends[0][-1] == "3, Elm" and {"3, Elm\n \tRoad", text} < set(ends[1])


class Nested(BaseModel):
    tags: Annotated[list[Annotated[str, Text(5)]], Items(2)]
    customer: Annotated[str, Verbatim(20)] | None


def test_fields_behind_a_list_are_guessed_once_it_is_written() -> None:
    one = drafter(shape_of(Nested), table(1), "Ann")
    assert list(one.guess(list(b'{"tags":["a,\\"customer\\":"],"customer":'))) != []


class TestModel:
    def test_bytes_and_back(self) -> None:
        model = table(3)
        again = Model.from_bytes(model.to_bytes())
        assert again.sharpness == model.sharpness
        assert np.allclose(again.weights, model.weights, atol=0.01)

    @pytest.mark.parametrize("data", [b"", b"{}\n", b"[]\n", table(1).to_bytes()[:-1], b"\xff\n"])
    def test_other_bytes_are_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError):
            Model.from_bytes(data)


def test_the_features_of_a_place_are_always_as_many() -> None:
    page = Page('A | b\n\n| "x: y=z\n \n9')
    assert len({len(page.features(at)) for at, _ in itertools.product(range(len(page.text)), [0])}) == 1


def test_a_printed_date_is_one_that_the_document_prints() -> None:
    leaf = Leaf("date", NullableShape(TextShape(24, False, True, True)))
    found = candidates(Page("No. 0020329 of 3/4/2018, due 2\t JUN 18"), leaf)
    assert not found.begins
    assert found.texts == ['"3/4/2018"', '"2 JUN 18"', "null", None]
