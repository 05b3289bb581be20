"""A record's pieces are its canonical spelling, however far it is written."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.schemas.fields import Items, Text
from boardwright.schemas.records import canonical
from boardwright.schemas.shape import ObjectShape, shape_of
from boardwright.schemas.spelling import Fork, Leaf, Piece, leaf_names, pieces, read_piece, read_pieces
from tests.device.fakes import Kind, documents_of_text, model_of, records


def read(shape: ObjectShape, spelling: str) -> tuple[list[tuple[Piece, str]], str]:
    """The pieces that a spelling has, and what is left of it."""
    found = list(read_pieces(shape, spelling))
    return found, spelling[sum(len(answer) for piece, answer in found if not isinstance(piece, Fork)) :]


@given(records, documents_of_text, st.data())
def test_a_record_is_read_piece_by_piece(kind: Kind, document: str, data: st.DataObject) -> None:
    model = model_of(kind)
    shape = shape_of(model)
    spelling = canonical(model.model_validate(data.draw(kind.values(document))))
    found, left = read(shape, spelling)
    assert not left and "".join(answer for piece, answer in found if not isinstance(piece, Fork)) == spelling
    assert {piece.name for piece, _ in found if isinstance(piece, Leaf)} <= set(leaf_names(shape))
    # However early it ends: the same pieces, and then one that is open.
    begun, left = read(shape, spelling[: data.draw(st.integers(0, len(spelling) - 1))])
    assert begun == found[: len(begun)] and found[len(begun)][1].startswith(left)


class Item(BaseModel):
    kind: Literal["a", "b"]
    text: Annotated[str, Text(5)]


class Order(BaseModel):
    number: Annotated[str, Text(5)] | None
    first: Item
    items: Annotated[list[Item], Items(2)]
    more: Annotated[list[Item], Items(2)] | None


def test_leaves_are_named_by_their_way() -> None:
    names = ["number", "first.kind", "first.text", "items[].kind", "items[].text", "more[].kind", "more[].text"]
    assert leaf_names(shape_of(Order)) == names


def test_a_list_forks_before_its_items_and_closes_at_its_most() -> None:
    spelling = (
        '{"number":null,"first":{"kind":"a","text":"x"},"items":[{"kind":"a","text":"x"},{"kind":"b","text":"y"}],'
    )
    found, _ = read(shape_of(Order), spelling)
    assert [piece.instead for piece, _ in found if isinstance(piece, Fork)] == ["]", "]"]
    listed = [(piece.name, piece.closing) for piece, _ in found if isinstance(piece, Leaf) and piece.listed]
    assert listed == [("items[].kind", True), ("items[].text", False)] * 2


def test_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="number"):
        read_piece(next(pieces(shape_of(Order))), '{"no', 0)
    with pytest.raises(ValueError, match="nummer"):
        read_piece(next(pieces(shape_of(Order))), '{"nummer":1', 0)
