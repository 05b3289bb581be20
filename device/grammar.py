"""The grammar of a record: a shape written in llguidance's Lark dialect.

Knows nothing of logits or prompts. The grammar admits the canonical JSON spelling and nothing else: compact, keys in
order, one way to escape. Source of the dialect: llguidance's docs/syntax.md (substring, %regex, & on terminals).
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from boardwright.schemas.errors import BadDocument, BadTask
from boardwright.schemas.found import dates_in, numbers_in, printed_dates
from boardwright.schemas.records import spell
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
    copies,
)

# One character of a JSON string as json.dumps(ensure_ascii=False) writes it; control characters are not text.
CHARACTER = r'([^"\\\x00-\x1f]|\\["\\])'
# The same but white space, which a copied value neither begins nor ends with.
SOLID = r'([^"\\\x00-\x1f\s]|\\["\\])'
_MONTHS = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_LEAP = "((19|20)(0[48]|[2468][048]|[13579][26])|2000)"
# Real days only, so that a date that decodes also validates.
DATE = f"((19|20)[0-9][0-9]-{_MONTHS}|{_LEAP}-02-29)"

MINUS_ZERO = r'/"-0[.0]*"/'


def lark(shape: ObjectShape, document: str) -> str:
    """The grammar of one document's record. Only verbatim and grounded fields, and printed dates, make it depend on the
    document."""
    writer = _Writer(document)
    start = writer.value(shape)
    return "\n".join([f"start: {start}", *writer.rules]) + "\n"


class _Writer:
    def __init__(self, document: str) -> None:
        self.rules: list[str] = []
        self._named: dict[str, str] = {}
        self._document = document
        self._chunks = [json.dumps(c, ensure_ascii=False)[1:-1] for c in document]

    def value(self, shape: Shape) -> str:
        match shape:
            case ObjectShape():
                keys = [f"{_literal(spell(name) + ':')} {self.value(inner)}" for name, inner in shape.fields]
                return f'"{{" {_literal(",").join(f" {key} " for key in keys)} "}}"'
            case NullableShape(inner=DateShape(grounded=True) | NumberShape(grounded=True)):
                return f"({' | '.join(map(_literal, ['null', *self._standing(shape.inner)]))})"
            case NullableShape():
                return f'("null" | {self.value(shape.inner)})'
            case ListShape():
                if shape.max_items == 0:
                    return '"[]"'
                item = self._rule("rule", self.value(shape.item))
                more = f'("," {item}){{0,{shape.max_items - 1}}}' if shape.max_items > 1 else ""
                return f'("[]" | "[" {item} {more} "]")'
            case ChoiceShape():
                return f"({' | '.join(_literal(spell(value)) for value in shape.values)})"
            case BoolShape():
                return '("true" | "false")'
            case TextShape(max_chars=n, verbatim=True):
                source = self._rule("TERM", f"%regex {json.dumps({'substring_chunks': self._chunks})}")
                more = f"({CHARACTER}{{0,{n - 2}}}{SOLID})?" if n > 1 else ""
                bound = self._rule("TERM", f"{source} & {_regex(SOLID + more)}")
                return f'"\\"" {bound} "\\""'
            case IntShape(low=low, high=high):
                # Two ranges where there are two signs: one range over both would admit -0.
                negative = [f'"-" {self._range(max(1, -high), -low)}'] if low < 0 else []
                positive = [self._range(max(0, low), high)] if high >= 0 else []
                return f"({' | '.join(negative + positive)})"
            case DateShape(grounded=True) | NumberShape(grounded=True) | TextShape(date=True) if (
                standing := self._standing(shape)
            ):
                return f"({' | '.join(map(_literal, standing))})"
            case TextShape(max_chars=n):
                return self._rule("TERM", _regex(f'"{CHARACTER}{{1,{n}}}"'))
            case NumberShape(digits=digits, places=places, signed=signed):
                whole = f"(0|[1-9][0-9]{{0,{digits - 1}}})"
                fraction = rf"\.[0-9]{{{places}}}" if places else ""
                number = self._rule("TERM", _regex(f'"{whole}{fraction}"'))
                if not signed:
                    return number
                negative_number = f'"-{whole}{fraction}"'
                below = f"{_regex(negative_number)} & ~{MINUS_ZERO}"
                return f"({number} | {self._rule('TERM', below)})"
            case DateShape():
                return self._rule("TERM", _regex(f'"{DATE}"'))

    def _standing(self, shape: Shape) -> list[str]:
        """The spellings, in JSON, of the dates or numbers that stand in the document and that the field can hold."""
        match shape:
            case TextShape(max_chars=n):
                values = {date for date, _ in printed_dates(self._document) if len(date) <= n}
            case DateShape():
                values = {one.value for one in dates_in(self._document)}
            case NumberShape(digits=digits, places=places, signed=signed):
                values = {
                    one.value
                    for one in numbers_in(self._document, places)
                    if len(one.value.lstrip("-").split(".")[0]) <= digits
                    and (signed or not one.value.startswith("-"))
                    and not re.fullmatch(r"-0(\.0*)?", one.value)
                }
            case _:
                raise AssertionError(shape)
        return sorted(map(spell, values))

    def _range(self, low: int, high: int) -> str:
        """Whole numbers from low to high, neither of them negative."""
        return self._rule("rule", f"%json {json.dumps({'type': 'integer', 'minimum': low, 'maximum': high})}")

    def _rule(self, kind: Literal["rule", "TERM"], body: str) -> str:
        """The name of a rule or terminal with this body; the same body is written once."""
        if body not in self._named:
            name = f"{'r' if kind == 'rule' else 'T'}{len(self._named)}"
            self._named[body] = name
            self.rules.append(f"{name}: {body}")
        return self._named[body]


def _literal(text: str) -> str:
    # ASCII alone: Lark's lexer refuses a string with a raw control character, and DEL is one.
    return json.dumps(text).replace("\x7f", "\\u007f")


def _regex(pattern: str) -> str:
    return "/" + pattern.replace("/", "\\/") + "/"


class Grammars:
    """Matchers for the records of one task. Compiles once where the grammar does not depend on the document."""

    def __init__(self, shape: ObjectShape, tokenizer: LLTokenizer) -> None:
        self._shape = shape
        self._tokenizer = tokenizer
        self._fixed = None if copies(shape) else self._compile("")

    def matcher(self, document: str) -> LLMatcher:
        """A matcher at the start of a record of this document. Raises BadDocument when it has nothing to copy."""
        if self._fixed is not None:
            return self._fixed.deep_copy()
        if all(c < " " or c.isspace() for c in document):
            # Its verbatim fields would have no spelling at all, and llguidance would refuse the grammar.
            raise BadDocument("The document holds nothing but control characters.", value=document, allowed="some text")
        return self._compile(document)

    def _compile(self, document: str) -> LLMatcher:
        grammar = LLMatcher.grammar_from_lark(lark(self._shape, document))
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=_limits())
        if matcher.is_error():
            raise BadTask("llguidance refuses the grammar of this record model.", value=matcher.get_error())
        return matcher


def _limits() -> Any:
    return LLParserLimits(initial_lexer_fuel=5_000_000, step_lexer_fuel=2_000_000)
