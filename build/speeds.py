"""Speeds: the best that is known of a target's speed, and how it is known.

Knows nothing of how either came about. `predicted` comes from a profile's figures, `measured` from that board;
`emulated` figures prove correctness and are never a speed, so there are none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from boardwright.build.roofline import TYPICAL, ModelShape, Work, predict, student_shape
from boardwright.schemas.encodings import Encoding
from boardwright.targets.measured import Measured
from boardwright.targets.profile import Target

How = Literal["predicted", "emulated", "measured"]
# A model whose size differs by more is another model: its speed says nothing of this one's.
SAME_SIZE = 0.1


@dataclass(frozen=True)
class Speed:
    """Of one encoding on one target. how: never to be mixed with another in one column.

    prefill: tokens a second.  decode: tokens a second; predicted ones are a token a pass, measured ones those of whole
    records, with what is forced and guessed.  record_ms: a typical record.  record_ms_p95: a slow one, where measured.
    source: in words, for people.
    """

    how: How
    encoding: Encoding
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    record_ms: float
    record_ms_p95: float | None
    source: str

    @property
    def text(self) -> str:
        each = "a token a pass" if self.how == "predicted" else "guessed and forced ones included"
        return (
            f"prefill {self.prefill_tokens_per_s:,.0f} tokens/s, decode {self.decode_tokens_per_s:,.0f} tokens/s "
            f"({each}), a record {self.record_ms:,.0f} ms"
        )


def best_known(
    target: Target, encoding: Encoding, shape: ModelShape, work: Work, filed: Sequence[Measured]
) -> Speed | None:
    """What was measured of such a model on this target, else what is predicted; None for a target without either.

    filed: what targets.measured.measured() knows, newest first."""
    for one in filed:
        if one.target == target.name and one.encoding == encoding and same_model(one, shape):
            return measured_speed(one)
    return predicted_speed(target, encoding, shape, work)


def target_speeds(target: Target, filed: Sequence[Measured]) -> list[Speed]:
    """The best known of each encoding of a target, for the student that is shipped."""
    known = [best_known(target, one, student_shape(one), TYPICAL, filed) for one in target.encodings]
    return [one for one in known if one]


def predicted_speed(target: Target, encoding: Encoding, shape: ModelShape, work: Work = TYPICAL) -> Speed | None:
    known = predict(target, shape, encoding, work)
    if known is None:
        return None
    return Speed(
        "predicted",
        encoding,
        known.prefill_tokens_per_s,
        known.decode_tokens_per_s,
        known.record_ms,
        None,
        f"roofline of {target.name}",
    )


def measured_speed(one: Measured) -> Speed:
    figures, bundle = one.bench.figures, one.bench.bundle
    return Speed(
        "measured",
        one.encoding,
        figures.prefill_tokens_per_s,
        figures.decode_tokens_per_s,
        figures.latency_ms.p50,
        figures.latency_ms.p95,
        f"{one.bench.machine.board}, {figures.records} records of {bundle.task} {bundle.version}, filed {one.filed}",
    )


def over_budget(speed: Speed, target: Target) -> str | None:
    """A warning where a slow record takes longer than the target allows, or a typical one where nothing was measured.

    A prediction is no reason to refuse."""
    budget = target.budgets.latency_ms_p95
    slow = speed.record_ms_p95
    latency, which = (speed.record_ms, "typical") if slow is None else (slow, "slow")
    if latency <= budget:
        return None
    return (
        f"Warning: the {speed.how} latency of a {which} record, {latency:,.0f} ms, is over budgets.latency_ms_p95 of "
        f"{target.name}, {budget:,} ms"
    )


def same_model(one: Measured, shape: ModelShape) -> bool:
    """Whether what was measured is near enough in size to tell the speed of this model."""
    return abs(one.bench.bundle.model_bytes - shape.size) <= SAME_SIZE * shape.size
