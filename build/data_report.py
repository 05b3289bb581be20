"""The data report: how many rows came in, why some were turned away, and what the rest holds.

Knows nothing of how rows are checked, and prints nothing: `summary.data_text` shows it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from boardwright.build.validators import BALANCE_FROM, Rejection, largest_share
from boardwright.build.walk import leaves
from boardwright.schemas.durable import replace_text
from boardwright.schemas.examples import Example
from boardwright.schemas.records import spell
from boardwright.schemas.task import Task

FILE = "data_report.json"
# Rows that are named for each reason, and values for each field.
TOLD, TOP = 3, 3
# A value of an open set, such as a vendor, that stands in more rows than this is named: it is learned by heart.
MOST_OF_ONE_OPEN = 0.2


@dataclass(frozen=True)
class Turned:
    """A row that was turned away, or kept in spite of a doubt."""

    id: str
    reason: str
    path: str
    detail: str

    @classmethod
    def of(cls, example: Example, rejection: Rejection) -> Turned:
        return cls(example.id, rejection.reason, rejection.path, rejection.detail)


@dataclass(frozen=True)
class FieldReport:
    """What the kept rows hold in one field. null: share of rows.  distinct: values beside null.  top: the most frequent
    values as JSON, each with its share of the rows."""

    path: str
    null: float
    distinct: int
    top: list[tuple[str, float]]


@dataclass(frozen=True)
class DataReport:
    """Counts of rows; `rejected` and `doubted` by reason, with the first few rows of each.

    kept: to train on.  held_out: beside them.  spare: labelled, and in neither part.  doubted: kept in spite of a
    doubt, because a person labelled them.  respelled: of the kept ones, those with a value that is learnt as its
    document prints it and not as it was labelled.  over: values that stand in too many of the rows, in words.
    """

    read: int
    kept: int
    rejected: dict[str, int]
    held_out: int = 0
    spare: int = 0
    respelled: int = 0
    doubted: dict[str, int] = field(default_factory=dict)
    first_rejected: list[Turned] = field(default_factory=list)
    first_doubted: list[Turned] = field(default_factory=list)
    fields: list[FieldReport] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> DataReport:
        firsts = {name: [Turned(**one) for one in told[name]] for name in ("first_rejected", "first_doubted")}
        fields = [FieldReport(**{**one, "top": [(v, s) for v, s in one["top"]]}) for one in told["fields"]]
        return cls(**{**told, **firsts, "fields": fields})

    def write(self, path: Path) -> None:
        replace_text(path, self.to_json())


def data_report(
    task: Task,
    read: int,
    kept: Sequence[Example],
    rejected: Sequence[Turned],
    *,
    doubted: Sequence[Turned] = (),
    held_out: int = 0,
    spare: int = 0,
    respelled: int = 0,
) -> DataReport:
    """Count what became of `read` rows, and what the kept ones hold."""
    fields = _fields(task, kept)
    return DataReport(
        read=read,
        kept=len(kept),
        rejected=dict(Counter(one.reason for one in rejected).most_common()),
        held_out=held_out,
        spare=spare,
        respelled=respelled,
        doubted=dict(Counter(one.reason for one in doubted).most_common()),
        first_rejected=_first(rejected),
        first_doubted=_first(doubted),
        fields=fields,
        over=_over(task, fields) if len(kept) >= BALANCE_FROM else [],
    )


def _first(turned: Sequence[Turned]) -> list[Turned]:
    told: Counter[str] = Counter()
    first = []
    for one in turned:
        told[one.reason] += 1
        if told[one.reason] <= TOLD:
            first.append(one)
    return first


def _fields(task: Task, kept: Sequence[Example]) -> list[FieldReport]:
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for example in kept:
        for path, value, _ in leaves(task.shape, example.record, into_lists=False):
            values[path][spell(value)] += 1
    reports = []
    for path, counts in values.items():
        rows = sum(counts.values())
        null = counts.pop("null", 0)
        top = [(value, count / rows) for value, count in counts.most_common(TOP)]
        reports.append(FieldReport(path, null / rows, len(counts), top))
    return reports


def _over(task: Task, fields: Sequence[FieldReport]) -> list[str]:
    shapes = dict(task.shape.fields)
    found = []
    for one in fields:
        if one.null > task.checks.most_null:
            found.append(f"{one.path} is null in {one.null:.0%}")
        shape = shapes.get(one.path)  # fields of objects inside are held to what open sets are
        most = largest_share(shape, task.checks) if shape is not None else None
        for value, share in one.top:
            if share > (MOST_OF_ONE_OPEN if most is None and one.distinct > 1 else most or 1):
                found.append(f"{one.path} is {value} in {share:.0%}")
    return found
