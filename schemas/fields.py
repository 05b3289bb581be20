"""What a field of a record may be: markers to put into `Annotated[...]`.

Knows nothing of grammars or models; `shape.py` reads these markers, pydantic enforces them.

    class Ticket(BaseModel):
        customer: Annotated[str, Verbatim(60)] | None      # copied from the document, character by character
        summary: Annotated[str, Text(120)]                 # free text, bounded
        kind: Literal["bug", "question"]                   # a closed set
    product: Annotated[str, OneOf.lines(beside)]       # a closed set out of a file: too long to write out
        opened: Annotated[datetime.date, Grounded()] | None   # normalised to ISO 8601, and one that stands there
        amount: Annotated[Decimal, Number(digits=9, places=2)] | None
        tags: Annotated[list[Annotated[str, Text(20)]], Items(5)]
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Text:
    """Free text of 1 to `max_chars` characters, without control characters.

    printed: where the document holds a value, case, white space and punctuation aside, the student learns it as it
    stands there: of what a comparison does not see, there is nothing left to guess. For fields compared as "text".
    date: where the document has dates, it is one of them, as printed; the decoder writes no other."""

    max_chars: int
    printed: bool = False
    date: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema(min_length=1, max_length=self.max_chars, pattern=r"^[^\x00-\x1f]*$")


@dataclass(frozen=True)
class Verbatim(Text):
    """Text that stands in the document, on one line, letter for letter. The decoder can't write anything else.

    White space around a value is no part of it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = super().__get_pydantic_core_schema__(source, handler)
        cast(core_schema.StringSchema, schema)["strip_whitespace"] = True
        return schema


@dataclass(frozen=True)
class OneOf:
    """A closed set that is data: what `Literal[...]` is to a set that is written out."""

    values: tuple[str, ...]

    @classmethod
    def lines(cls, path: Path) -> OneOf:
        """The lines of a text file, blank ones and those that begin with # aside.

        A bundle carries the *.txt files beside task.py: `OneOf.lines(Path(__file__).with_name("products.txt"))`."""
        lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
        return cls(tuple(line for line in lines if line and not line.startswith("#")))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.values))


@dataclass(frozen=True)
class Number:
    """A decimal with at most `digits` digits before the point and exactly `places` after it; a string in JSON."""

    digits: int = 9
    places: int = 2
    signed: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = core_schema.decimal_schema(
            max_digits=self.digits + self.places, decimal_places=self.places, ge=None if self.signed else Decimal(0)
        )
        # The default context would raise on more than 28 digits, and not as a ValidationError.
        context = Context(prec=self.digits + self.places + 1)
        unit = Decimal(1).scaleb(-self.places)
        return core_schema.no_info_after_validator_function(
            # Adding 0 takes the sign off -0, which the grammar has no spelling for.
            lambda value: context.add(value.quantize(unit, context=context), 0),
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: f"{value:.{self.places}f}", when_used="json"
            ),
        )


@dataclass(frozen=True)
class Grounded:
    """A date or Decimal that stands in the document, in whatever spelling: "2. Juni 2024", "1.234,50".

    The decoder writes no other; where the document has none, such a field is null, or free where it can't be null.

    Not for values that take arithmetic, such as a due date "in 30 days"."""


@dataclass(frozen=True)
class Items:
    """A list of at most `max_items` items."""

    max_items: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] == "list":  # anything else is refused by shape_of, with the field's path
            cast(core_schema.ListSchema, schema)["max_length"] = self.max_items
        return schema
