"""Evaluate: an artifact's records against the held-out part, through the harness that the board runs.

Knows nothing of how the artifact was made.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from boardwright.build.roofline import Work
from boardwright.build.scores import Evaluation
from boardwright.device.drafts import Model
from boardwright.device.harness import Harness, Result
from boardwright.device.natural import RoutingScores, choice_of, score_routing
from boardwright.device.redact import Listing, RedactionScores, leaks, listing_of, score_redaction
from boardwright.schemas.compare import COMPARATORS, score
from boardwright.schemas.errors import BadTask, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.records import spell
from boardwright.schemas.shape import ObjectShape
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Task

# Log probability of a token that is at least 1.5 times as likely as any other. One of 0.5 was another on ARM.
SURE = math.log(0.6)


def evaluate(task: Task, harness: Harness, examples: Sequence[Example], folder: Path) -> Evaluation:
    """Score a harness on examples. Writes `folder/evaluation.json` and `folder/records.jsonl`, a line a document:
    {id, gold, record and log_probabilities of its fields, or error, wrong: names of the fields that are, and of a task
    that redacts, leaks: the values that its text would still hold}."""
    started = time.perf_counter()
    outcomes = []
    for outcome in harness.extract_many(example.text for example in examples):
        outcomes.append(outcome)
        current_step().progress(len(outcomes), len(examples))
    seconds = time.perf_counter() - started
    listing = _listing(task.shape)
    records: list[dict[str, Any] | None] = []
    lines = []
    for example, outcome in zip(examples, outcomes, strict=True):
        record = None if isinstance(outcome, KitError) else outcome.record.model_dump(mode="json")
        records.append(record)
        line: dict[str, Any] = {"id": example.id, "gold": example.record}
        if isinstance(outcome, KitError):
            line["error"] = str(outcome)
        else:
            line |= {"record": record, "log_probabilities": outcome.log_probabilities}
            if listing and record:
                line["leaks"] = leaks(harness, listing, example.text, record, example.record)
        lines.append(spell(line | {"wrong": wrong_fields(task, example.record, record)}))
    scores = score([example.record for example in examples], records, task.all_comparators)
    good = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    evaluation = Evaluation(scores, len(examples) / seconds, _work(harness, good) if good else None)
    (folder / "records.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "evaluation.json").write_text(json.dumps(asdict(evaluation), indent=1) + "\n", encoding="utf-8")
    return evaluation


def _work(harness: Harness, results: Sequence[Result]) -> Work:
    """What a record takes on the mean: as many tokens and passes on every machine."""
    prefix, _ = harness.prompt_ids("")

    def mean(counts: Iterable[int]) -> float:
        return round(fmean(counts), 2)

    return Work(
        prompt=mean(one.prompt_tokens - len(prefix) for one in results),
        output=mean(one.tokens for one in results),
        drafted=mean(one.drafted for one in results),
        accepted=mean(one.accepted for one in results),
        passes=mean(one.passes for one in results),
    )


def natural_call(shape: ObjectShape) -> str:
    """The call of the device that this kind of record is for and whose outcome can be scored, or ""."""
    for call, fits in (("route", choice_of), ("redact", listing_of)):
        with suppress(BadTask):
            fits(shape)
            return call
    return ""


def _listing(shape: ObjectShape) -> Listing | None:
    with suppress(BadTask):
        return listing_of(shape)
    return None


def natural_scores(call: str, harness: Harness, examples: Sequence[Example]) -> RoutingScores | RedactionScores:
    """What becomes of examples by that call, at the bundle's own threshold."""
    return (score_routing if call == "route" else score_redaction)(harness, examples)


def golden_records(
    task: Task, model: Path, drafts: Model, examples: Sequence[Example], most: int
) -> list[dict[str, Any]]:
    """What a board must reproduce, {id, text, record, prompt_ids} each, at most so many, in the order of the examples.

    Those that the student is SURE of, token by token, or else the one that it is surest of: a near-tie falls otherwise
    with another kernel's rounding, and says nothing of the board. A document that fails here is left out."""
    harness = Harness.load(task, model, drafts=drafts)
    sure: list[dict[str, Any]] = []
    surest: tuple[float, dict[str, Any]] | None = None
    try:
        for example in examples:
            prefix, rest = harness.prompt_ids(example.text)
            try:
                result = harness.extract(example.text)
            except KitError:
                continue
            record = result.record.model_dump(mode="json")
            line = {"id": example.id, "text": example.text, "record": record, "prompt_ids": prefix + rest}
            if surest is None or result.least_sure > surest[0]:
                surest = result.least_sure, line
            # Nor may it hang on how sure the student is whether another record is tried, or its neighbour followed.
            is_sure = result.least_sure >= SURE and not result.ways
            if is_sure and task.conformed(result.record, example.text, {}) == result.record:
                sure.append(line)
            if len(sure) == most:
                break
    finally:
        harness.close()
    return sure or ([surest[1]] if surest else [])


def wrong_fields(task: Task, gold: dict[str, Any], record: dict[str, Any] | None) -> list[str]:
    return [
        name
        for name, comparator in task.all_comparators.items()
        if record is None or not COMPARATORS[comparator](gold.get(name), record.get(name))
    ]
