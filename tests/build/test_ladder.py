"""Choosing from the ladder."""

from __future__ import annotations

from pathlib import Path

import pytest

from boardwright.build.ladder import Rung, better, choose, would_ship
from boardwright.schemas.compare import Scores
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import GateFailed
from boardwright.schemas.task import Gates


def rung(encoding: Encoding, fields: float, records: float = 0.9, megabytes: float = 100, speed: float = 1.0) -> Rung:
    return Rung(encoding, Path("m.gguf"), round(megabytes * 1e6), Scores(100, 0, records, fields, {}), speed)


Q4, IQ4, Q8, F16 = Encoding.Q4_0, Encoding.IQ4_NL, Encoding.Q8_0, Encoding.F16
ONNX = Encoding.ONNX_INT8
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
    assert "97.0 %" in str(raised.value.allowed) and "as Q8_0" in str(raised.value.next)
    with pytest.raises(GateFailed) as raised:
        choose([rung(Q8, 0.96)], rung(F16, 0.98), NO_GATES, 400)
    assert "as F16" in str(raised.value.next)  # not what was tried just now


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


def test_on_this_very_machine_one_that_is_much_faster_wins() -> None:
    ladder = [rung(Q4, 0.98, speed=5.0), rung(ONNX, 0.975, speed=12.5), rung(Q8, 0.98, speed=4.0)]
    chosen, why = choose(ladder, rung(F16, 0.98), NO_GATES, 400, runs_here=True)
    assert chosen.encoding is ONNX
    assert "2.5 × as fast on this machine as the cheapest of those, Q4_0" in why
    assert choose(ladder, rung(F16, 0.98), NO_GATES, 400)[0].encoding is Q4  # a board: nothing here says what is fast


def test_a_little_faster_is_not_worth_a_dearer_one() -> None:
    ladder = [rung(Q4, 0.98, speed=5.0), rung(ONNX, 0.98, speed=5.8)]
    assert choose(ladder, rung(F16, 0.98), NO_GATES, 400, runs_here=True)[0].encoding is Q4


def test_fast_but_worse_is_no_choice() -> None:
    ladder = [rung(Q4, 0.98, speed=5.0), rung(ONNX, 0.90, speed=50.0)]
    assert choose(ladder, rung(F16, 0.98), NO_GATES, 400, runs_here=True)[0].encoding is Q4


def test_work_on_an_encoding_pays_where_it_would_ship_if_it_lost_nothing() -> None:
    yardstick = rung(F16, 0.985, records=0.9)
    lossy, fine = rung(Q4, 0.93, records=0.7), rung(Q8, 0.98)
    gates = Gates(records_right=0.85, tolerance=0.01)
    assert would_ship(Q4, [lossy, fine], yardstick, gates, 400)
    assert not would_ship(IQ4, [lossy, fine], yardstick, gates, 400)  # nobody asked for it
    assert not would_ship(Q8, [lossy, rung(IQ4, 0.98), fine], yardstick, gates, 400)  # a cheaper one is as good
    assert not would_ship(Q4, [lossy, fine], rung(F16, 0.985, records=0.8), gates, 400)  # the student has not learnt it
    assert not would_ship(Q4, [lossy, fine], yardstick, gates, 50)
    # On the machine that it is for, what is much faster ships, and Q4_0 is not worth a training.
    onnx = rung(ONNX, 0.984, megabytes=150, speed=2.0)
    assert not would_ship(Q4, [lossy, onnx], yardstick, gates, 400, runs_here=True)
    assert would_ship(Q4, [lossy, onnx], yardstick, gates, 400)


def test_of_two_in_one_encoding_the_one_that_scores_better_ships() -> None:
    plain, worse, same = (rung(Q4, score) for score in (0.92, 0.915, 0.92))
    kept = better(plain, worse)
    assert kept.scores == plain.scores
    assert kept.notes == ["trained as it rounds, fields 91.5 %, records 90.0 %: not taken"]
    assert better(plain, same) is same
    assert better(worse, plain) is plain
