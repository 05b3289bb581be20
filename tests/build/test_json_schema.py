"""The schema for servers admits every record of a task, and none with a field too many."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer

from boardwright.build.draw import records
from boardwright.build.init import TEMPLATE
from boardwright.build.json_schema import json_schema
from boardwright.schemas.records import spell
from boardwright.schemas.task import load_task, shipped_tasks

BYTES = LLTokenizer("byte")


def admits(schema: dict[str, Any], record: dict[str, Any]) -> bool:
    matcher = LLMatcher(BYTES, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
    assert not matcher.is_error(), matcher.get_error()
    tokens = list(spell(record).encode())
    return matcher.validate_tokens(tokens) == len(tokens)


@pytest.mark.parametrize("name", [*shipped_tasks(), str(TEMPLATE)])
def test_every_record_can_be_said(name: str) -> None:
    task = load_task(name)
    schema = json_schema(task.shape)
    for record in itertools.islice(records(task, 3), 20):
        assert admits(schema, record)
    assert not admits(schema, {**record, "more": 1})
    assert not admits(schema, dict(list(record.items())[:-1]))
