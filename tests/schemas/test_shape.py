"""A record model is read into a bounded shape, or refused when the task loads, with the path of the field."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar

import annotated_types
import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    Strict,
    StringConstraints,
    computed_field,
    create_model,
)

from boardwright.schemas.errors import BadTask
from boardwright.schemas.fields import Items, Number, Text, Verbatim
from boardwright.schemas.records import canonical
from boardwright.schemas.shape import (
    BoolShape,
    ChoiceShape,
    DateShape,
    IntShape,
    ListShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
    fitted,
    has_list,
    least_bytes,
    longest,
    most_bytes,
    shape_of,
)


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Place(BaseModel):
    city: Annotated[str, Verbatim(30)]
    zip: Annotated[str, Text(8)] | None


class Numbers(enum.Enum):
    ONE = 1


class Empty(BaseModel):
    pass


class Node(BaseModel):
    children: Annotated[list[Node], Items(2)]


class Left(BaseModel):
    right: Right | None


class Right(BaseModel):
    left: Left | None


class Flags(RootModel[Annotated[list[bool], Items(2)]]):
    pass


class Early(BaseModel):
    late: Late


class Late(BaseModel):
    kind: bool


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


def shape(annotation: Any) -> Shape:
    [(_, found)] = shape_of(create_model("Record", value=(annotation, ...))).fields
    return found


def refusal(annotation: Any, field: Any = ...) -> BadTask:
    with pytest.raises(BadTask, match="cannot be decoded within bounds") as raised:
        shape_of(create_model("Record", value=(annotation, field)))
    assert str(raised.value.where).startswith("value")
    assert raised.value.next
    return raised.value


PLACE = ObjectShape((("city", TextShape(30, True)), ("zip", NullableShape(TextShape(8, False)))))


class TestSupported:
    @pytest.mark.parametrize(
        ("annotation", "expected"),
        [
            (Annotated[str, Text(20)], TextShape(20, verbatim=False)),
            (Annotated[str, Verbatim(20)], TextShape(20, verbatim=True)),
            (Annotated[str, Text(20, printed=True)], TextShape(20, verbatim=False, printed=True)),
            (Annotated[str, Text(20, printed=True, date=True)], TextShape(20, False, printed=True, date=True)),
            (Literal["a", "b"], ChoiceShape(("a", "b"))),
            (Literal["only"], ChoiceShape(("only",))),
            (Color, ChoiceShape(("red", "green"))),
            (bool, BoolShape()),
            (Annotated[int, Field(ge=-3, le=9)], IntShape(-3, 9)),
            (Annotated[int, annotated_types.Interval(ge=0, le=5)], IntShape(0, 5)),
            (Annotated[Decimal, Number(6, 3, signed=True)], NumberShape(6, 3, True)),
            (Annotated[Decimal, Number()], NumberShape(9, 2, False)),
            (datetime.date, DateShape()),
            (Annotated[list[bool], Items(4)], ListShape(BoolShape(), 4)),
            (Annotated[list[bool], Field(max_length=4)], ListShape(BoolShape(), 4)),
            (
                Annotated[list[Annotated[str, Text(3)] | None], Items(4)],
                ListShape(NullableShape(TextShape(3, False)), 4),
            ),
            (Place, PLACE),
            (Box[bool], ObjectShape((("content", BoolShape()),))),
            (Annotated[list[Place], Items(2)], ListShape(PLACE, 2)),
            (bool | None, NullableShape(BoolShape())),
            (Optional[Color], NullableShape(ChoiceShape(("red", "green")))),  # noqa: UP045 (both spellings)
            (Annotated[int | None, Field(ge=0, le=9)], NullableShape(IntShape(0, 9))),
        ],
    )
    def test_types(self, annotation: Any, expected: Shape) -> None:
        assert shape(annotation) == expected

    def test_fields_keep_their_order(self) -> None:
        record = create_model("Record", b=(bool, ...), a=(bool, ...), c=(bool, False))
        assert [name for name, _ in shape_of(record).fields] == ["b", "a", "c"]

    def test_a_model_may_be_defined_after_its_use(self) -> None:
        assert shape_of(Early) == ObjectShape((("late", ObjectShape((("kind", BoolShape()),))),))

    def test_a_model_used_twice_is_not_recursive(self) -> None:
        assert shape_of(create_model("Record", home=(Place, ...), work=(Place | None, ...))) == ObjectShape(
            (("home", PLACE), ("work", NullableShape(PLACE)))
        )

    def test_the_outer_marker_counts_as_it_does_for_pydantic(self) -> None:
        name = Annotated[str, Verbatim(60)]
        assert shape(Annotated[name, Text(10)]) == TextShape(10, verbatim=False)

    def test_the_tightest_bounds_count(self) -> None:
        percent = Annotated[int, Field(ge=0, le=100)]
        assert shape(Annotated[percent, Field(ge=10, le=50)]) == IntShape(10, 50)

    def test_a_validator_of_the_users_own_is_theirs(self) -> None:
        assert shape(Annotated[str, Text(5), AfterValidator(str.upper)]) == TextShape(5, False)

    def test_words_about_a_field_change_nothing(self) -> None:
        assert shape(Annotated[bool, Field(description="whether it hurries", examples=[True])]) == BoolShape()


class TestRefused:
    @pytest.mark.parametrize(
        ("annotation", "reason", "hint"),
        [
            (str, "a string needs a largest length", "Text(80)"),
            (Annotated[str, Field(max_length=9)], "a string needs a largest length", "Text(80)"),
            (Annotated[str, StringConstraints(max_length=9)], "a string needs a largest length", "Text(80)"),
            (Annotated[str, Text(9), Field(pattern="^a")], "can't hold this constraint", ""),
            (Annotated[str, Text(9), Field(min_length=3)], "can't hold this constraint", ""),
            (Annotated[str, Text(9), StringConstraints(to_upper=True, pattern="x")], "can't hold this constraint", ""),
            (Annotated[str, Text(0)], "at least one character", ""),
            (int, "an int needs both bounds", "Field(ge=0, le=999)"),
            (Annotated[int, Field(ge=0)], "an int needs both bounds", "Field(ge=0, le=999)"),
            (Annotated[int, Field(le=9)], "an int needs both bounds", "Field(ge=0, le=999)"),
            (Annotated[int, Field(gt=0, le=9)], "can't hold this constraint", "Field(ge=0, le=999)"),
            (Annotated[int, Field(ge=0, le=9, multiple_of=3)], "can't hold this constraint", "ge="),
            (Annotated[int, Field(ge=1.0, le=9)], "bounds must be whole", "ge="),
            (Annotated[int, Field(ge=5, le=4)], "bounds must be whole, in order", "ge="),
            (Annotated[int, Field(ge=0, le=2**53 + 1)], "at most 2**53", "ge="),
            (float, "this type is not supported", ""),
            (Decimal, "a Decimal needs its digits", "Number(digits=9, places=2)"),
            (Annotated[Decimal, Field(max_digits=9, decimal_places=2)], "a Decimal needs its digits", "Number("),
            (Annotated[Decimal, Number(), Field(le=5)], "can't hold this constraint", ""),
            (Annotated[Decimal, Number(digits=0)], "at least one digit", "Number("),
            (Annotated[bool, Strict()], "can't hold this constraint", ""),
            (Annotated[bool, Text(5)], "can't hold this constraint", ""),
            (Annotated[datetime.date, Field(ge=datetime.date(2020, 1, 1))], "can't hold this constraint", ""),
            (Annotated[Literal["a"], Text(5)], "can't hold this constraint", ""),
            (datetime.datetime, "this type is not supported", ""),
            (datetime.time, "this type is not supported", ""),
            (bytes, "this type is not supported", ""),
            (Any, "this type is not supported", ""),
            (object, "this type is not supported", ""),
            (None, "this type is not supported", ""),
            (dict[str, int], "this type is not supported", ""),
            (tuple[int, int], "this type is not supported", ""),
            (set[bool], "this type is not supported", ""),
            (Sequence[bool], "this type is not supported", ""),
            (list, "this type is not supported", ""),
            (list[bool], "a list needs a largest number of items", "Items(8)"),
            (Annotated[list[bool], Items(5), Field(min_length=1)], "can't hold this constraint", ""),
            (Literal[1, 2], "non-empty strings", ""),
            (Literal["a", None], "non-empty strings", ""),
            (Literal[""], "non-empty strings", ""),
            (Numbers, "non-empty strings", ""),
            (enum.Enum("Nothing", {}), "non-empty strings", ""),
            (bool | Annotated[str, Text(5)], "a union of several types", ""),
            (Literal["a"] | Place | None, "a union of several types", ""),
            (Annotated[str | None, Text(5)], "must stand beside the type", "Annotated[…] | None"),
            (Annotated[Decimal | None, Number()], "must stand beside the type", "Annotated[…] | None"),
            (Empty, "Empty has no fields", ""),
            (Flags, "Flags is a RootModel", ""),
            (Annotated[str, Verbatim(5, printed=True)], "a copy is as printed anyhow", "Verbatim(n)"),
            (Annotated[str, Text(5, date=True)], "learnt as printed", "Text(n, printed=True, date=True)"),
            (Annotated[str, Verbatim(5, date=True)], "learnt as printed", "Text(n, printed=True, date=True)"),
        ],
    )
    def test_types_and_bounds(self, annotation: Any, reason: str, hint: str) -> None:
        error = refusal(annotation)
        assert error.where == "value"
        assert reason in error.what
        assert hint in str(error.next)

    @pytest.mark.parametrize(
        ("annotation", "where"),
        [
            (Box[str], "value.content"),
            (Annotated[list[str], Items(3)], "value.[]"),
            (Annotated[list[Box[float]], Items(3)], "value.[].content"),
            (Box[Box[int] | None] | None, "value.content.content"),
        ],
    )
    def test_the_path_leads_to_the_field(self, annotation: Any, where: str) -> None:
        assert refusal(annotation).where == where

    @pytest.mark.parametrize(
        "field",
        [Field(alias="other"), Field(validation_alias="other"), Field(serialization_alias="other")],
    )
    def test_another_name(self, field: Any) -> None:
        error = refusal(bool, field)
        assert "aliases are not supported" in error.what
        assert error.value == "other"

    def test_names_made_by_a_rule(self) -> None:
        class Shouting(BaseModel):
            model_config = ConfigDict(alias_generator=str.upper)
            value: bool

        with pytest.raises(BadTask, match="aliases are not supported"):
            shape_of(Shouting)

    def test_a_field_that_is_read_but_never_written(self) -> None:
        assert "excluded" in refusal(bool, Field(exclude=True)).what

    def test_a_field_that_is_written_but_never_read(self) -> None:
        class Sum(BaseModel):
            a: bool

            @computed_field
            def twice(self) -> bool:
                return self.a

        with pytest.raises(BadTask, match="computed field") as raised:
            shape_of(Sum)
        assert raised.value.where == "twice"

    @pytest.mark.parametrize(
        ("model", "where"), [(Node, "children.[]"), (Left, "right.left"), (Box[Node], "content.children.[]")]
    )
    def test_a_model_that_contains_itself(self, model: type[BaseModel], where: str) -> None:
        with pytest.raises(BadTask, match="contains itself") as raised:
            shape_of(model)
        assert raised.value.where == where

    def test_a_model_without_fields(self) -> None:
        with pytest.raises(BadTask, match="Empty has no fields") as raised:
            shape_of(Empty)
        assert raised.value.where == "record"


class TestLongest:
    """In characters of the canonical spelling; tests/device/test_grammar.py compares it with random records."""

    @pytest.mark.parametrize(
        ("annotation", "longest_value"),
        [
            (Annotated[str, Text(3)], '"abc"'),
            (Literal["a", 'q"q'], '"q\\"q"'),
            (bool, "false"),
            (Annotated[int, Field(ge=-100, le=10)], "-100"),
            (Annotated[Decimal, Number(3, 2)], '"-123.45"'),
            (datetime.date, '"2026-11-22"'),
            (Annotated[int, Field(ge=0, le=9)] | None, "null"),
            (Annotated[list[bool], Items(2)], "[false,false] "),
            (Annotated[list[bool], Items(0)], "[]"),
            (Box[bool], '{"content":false}'),
        ],
    )
    def test_of_each_kind(self, annotation: Any, longest_value: str) -> None:
        assert longest(shape(annotation)) == len(longest_value)

    def test_of_an_object(self) -> None:
        record = create_model("Record", one=(bool, ...), three=(bool, ...))
        assert longest(shape_of(record)) == len('{"one":false,"three":false}')


@pytest.mark.parametrize(
    ("annotation", "listed"),
    [
        (Annotated[str, Text(3)] | None, False),
        (Literal["a", "b"], False),
        (Box[bool], False),
        (Annotated[list[bool], Items(2)], True),
        (Box[Annotated[list[bool], Items(2)]], True),
        (Box[Annotated[list[bool], Items(2)]] | None, True),
    ],
)
def test_where_a_record_can_hold_more_or_less(annotation: Any, listed: bool) -> None:
    assert has_list(shape(annotation)) == has_list(shape_of(create_model("Record", one=(annotation, ...)))) == listed


class TestFitted:
    class Note(BaseModel):
        kind: Literal["bug", "question"]
        title: Annotated[str, Text(20)] | None
        tags: Annotated[list[Annotated[str, Text(8)]], Items(3)]

    def test_as_it_is_where_it_fits(self) -> None:
        shape = shape_of(self.Note)
        assert fitted(shape, most_bytes(shape)) is shape

    def test_every_budget_from_the_least_on(self) -> None:
        shape = shape_of(self.Note)
        least = least_bytes(shape)
        sizes = [most_bytes(fitted(shape, budget)) for budget in range(least, most_bytes(shape) + 1)]
        assert sizes[0] == least and sizes == sorted(sizes)
        assert all(size <= budget for size, budget in zip(sizes, range(least, 10_000), strict=False))
        with pytest.raises(ValueError, match="less than"):
            fitted(shape, least - 1)

    def test_the_most_is_reached_by_four_byte_letters(self) -> None:
        wide = "\U0001f600"
        record = self.Note(kind="question", title=wide * 20, tags=[wide * 8] * 3)
        written = canonical(record).encode()
        assert most_bytes(shape_of(self.Note)) - len(written) in (0, 1)  # a list has a comma less than items
