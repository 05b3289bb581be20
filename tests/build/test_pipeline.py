"""Choosing from the ladder, and what a build asks of the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boardwright.build.ids import content_id
from boardwright.build.pipeline import Request, Rung, _golden, _rung, choose, with_training
from boardwright.build.store import Artifact, Store
from boardwright.schemas.compare import Scores
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import GateFailed
from boardwright.schemas.task import Gates, Limits, load_task
from boardwright.targets.profile import load_target


def rung(encoding: Encoding, fields: float, records: float = 0.9, megabytes: float = 100) -> Rung:
    return Rung(encoding, Path("m.gguf"), round(megabytes * 1e6), Scores(100, 0, records, fields, {}), 1.0)


Q4, IQ4, Q8, F16 = Encoding.Q4_0, Encoding.IQ4_NL, Encoding.Q8_0, Encoding.F16
NO_GATES = Gates(tolerance=0.01)


def test_the_cheapest_within_tolerance_of_the_best_is_chosen() -> None:
    ladder = [rung(Q4, 0.93), rung(IQ4, 0.976), rung(Q8, 0.98)]
    chosen, why = choose(ladder, rung(F16, 0.985), NO_GATES, 400)
    assert chosen.encoding is IQ4
    assert "98.5 % of F16" in why and "cheaper but worse: Q4_0 93.0 %" in why


def test_the_merged_checkpoint_counts_as_best_even_where_it_is_no_rung() -> None:
    with pytest.raises(GateFailed, match="No encoding of this target keeps the quality") as raised:
        choose([rung(Q4, 0.90)], rung(F16, 0.98), NO_GATES, 400)
    assert raised.value.exit_code == 1
    assert "97.0 %" in str(raised.value.allowed)


def test_a_rung_that_misses_a_gate_is_passed_over_for_a_better_one() -> None:
    ladder = [rung(Q4, 0.975, records=0.84), rung(Q8, 0.98, records=0.91)]
    chosen, _ = choose(ladder, rung(F16, 0.98), Gates(records_right=0.85), 400)
    assert chosen.encoding is Q8


def test_no_bundle_when_none_passes() -> None:
    with pytest.raises(GateFailed, match="does not pass its gate records_right") as raised:
        choose([rung(Q8, 0.98, records=0.7)], rung(F16, 0.98), Gates(records_right=0.85), 400)
    assert raised.value.value == 0.7
    assert "--gate records_right" in str(raised.value.next)


def test_what_the_board_cannot_hold_is_no_choice() -> None:
    chosen, _ = choose([rung(Q4, 0.975, megabytes=92), rung(Q8, 0.98, megabytes=145)], rung(F16, 0.98), NO_GATES, 130)
    assert chosen.encoding is Q4
    with pytest.raises(GateFailed, match="too large for this target"):
        choose([rung(Q8, 0.98, megabytes=145)], rung(F16, 0.98), NO_GATES, 130)


def test_what_the_caller_leaves_out_is_the_tasks() -> None:
    task = load_task("receipt")
    training = with_training(task, epochs=1.5, rank=None)
    assert (training.epochs, training.rank) == (1.5, task.training.rank)


class Asked(Exception):
    """The content id of the stage that a build would look up."""


class Asking(Store):
    def produce(self, stage: str, version: int, options: Any, inputs: Any, *_: Any, **__: Any) -> Artifact:
        raise Asked(content_id(stage, version, options, inputs))


@pytest.mark.parametrize("stage", ["evaluate", "golden"])
def test_records_are_made_anew_when_a_limit_changes(stage: str, tmp_path: Path) -> None:
    store = Asking(tmp_path / "store")
    for name in ("valid.jsonl", "model-Q8_0.gguf"):
        (tmp_path / name).touch()
    made = Artifact("0" * 64, tmp_path, True, 0.0)
    model = replace(rung(Q8, 0.98), model=tmp_path / "model-Q8_0.gguf")

    def id_of(limits: Limits) -> str:
        task = replace(load_task("receipt"), limits=limits)
        request = Request(task, load_target("host"), "student", tmp_path, task.training, task.gates)
        with pytest.raises(Asked) as asked:
            if stage == "evaluate":
                _rung(request, store, Q8, made, made, made)
            else:
                _golden(request, store, model, made, made)
        return str(asked.value)

    limits = [Limits(), Limits(context=768), Limits(output=200), Limits(windows=True)]
    assert len({id_of(one) for one in [*limits, Limits()]}) == len(limits)
