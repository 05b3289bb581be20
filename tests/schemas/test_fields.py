"""What the markers let in, as pydantic enforces them: the same that the grammar can write."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError, create_model

from boardwright.schemas.fields import Items, Number, Text, Verbatim
from boardwright.schemas.records import canonical


def record(annotation: Any) -> type[BaseModel]:
    return create_model("Record", value=(annotation, ...))


def accepts(annotation: Any, value: object) -> bool:
    try:
        record(annotation).model_validate({"value": value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("marker", [Text(5), Verbatim(5)])
class TestText:
    @pytest.mark.parametrize("value", ["a", "abcde", "漢字😀é\x7f", 'a"\\b', "a b"])
    def test_one_to_most_characters(self, marker: Text, value: str) -> None:
        assert accepts(Annotated[str, marker], value)

    @pytest.mark.parametrize("value", ["", "abcdef", "a\nb", "\t", "\x00", None, 5])
    def test_not_more_nor_none_nor_a_line_break(self, marker: Text, value: object) -> None:
        assert not accepts(Annotated[str, marker], value)

    def test_white_space_around_it_is_text_but_never_copied(self, marker: Text) -> None:
        model = create_model("Record", value=(Annotated[str, marker], ...))
        kept = " a " if not isinstance(marker, Verbatim) else "a"
        assert model.model_validate({"value": " a "}).model_dump() == {"value": kept}
        assert accepts(Annotated[str, marker], " ") is not isinstance(marker, Verbatim)

    def test_null_where_it_may_be_missing(self, marker: Text) -> None:
        assert accepts(Annotated[str, marker] | None, None)


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "spelled"),
        [
            ("12.5", '"12.50"'),
            ("0", '"0.00"'),
            (7, '"7.00"'),
            (19.99, '"19.99"'),
            ("1E+2", '"100.00"'),
            ("-0", '"0.00"'),
            ("-0.00", '"0.00"'),
            ("999.99", '"999.99"'),
        ],
    )
    def test_has_one_spelling(self, value: object, spelled: str) -> None:
        made = record(Annotated[Decimal, Number(digits=3, places=2)]).model_validate({"value": value})
        assert canonical(made) == f'{{"value":{spelled}}}'

    @pytest.mark.parametrize("value", ["1000", "1.005", "-1", "NaN", "Infinity", "1,5", "", None, "1E+3"])
    def test_is_refused_out_of_bounds(self, value: object) -> None:
        assert not accepts(Annotated[Decimal, Number(digits=3, places=2)], value)

    def test_may_be_negative_where_signed(self) -> None:
        assert accepts(Annotated[Decimal, Number(digits=3, places=2, signed=True)], "-999.99")
        assert not accepts(Annotated[Decimal, Number(digits=3, places=2, signed=True)], "-1000")

    @given(st.integers(1, 60), st.integers(0, 20), st.data())
    def test_keeps_every_digit(self, digits: int, places: int, data: st.DataObject) -> None:
        units = data.draw(st.integers(-(10 ** (digits + places)) + 1, 10 ** (digits + places) - 1))
        whole, part = divmod(abs(units), 10**places)
        text = f"{'-' if units < 0 else ''}{whole}" + (f".{part:0{places}}" if places else "")
        made = record(Annotated[Decimal, Number(digits, places, signed=True)]).model_validate({"value": text})
        assert canonical(made) == f'{{"value":"{text}"}}'


class TestItems:
    def test_at_most_so_many(self) -> None:
        tags = Annotated[list[Annotated[str, Text(3)]], Items(2)]
        assert accepts(tags, [])
        assert accepts(tags, ["a", "b"])
        assert not accepts(tags, ["a", "b", "c"])
        assert not accepts(tags, ["long"])

    def test_none_at_all(self) -> None:
        assert accepts(Annotated[list[bool], Items(0)], [])
        assert not accepts(Annotated[list[bool], Items(0)], [True])
