"""A confidence of 0.9 is right nine times of ten, and the threshold keeps its promise on what it was fitted on."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.calibrate import POINTS, Held, calibrate, calibration_of
from boardwright.device.confidence import Calibration, doubtful, field_log_probabilities


def drawn(count: int, slope: float, offset: float, seed: int = 1) -> list[Held]:
    """Records whose fields are right as often as this sigmoid says."""
    rng = random.Random(seed)
    truth = Calibration(slope, offset, 0.0, ())
    held = []
    for _ in range(count):
        sure = {name: -rng.expovariate(1.0) for name in ("a", "b")}
        held.append(Held(sure, tuple(name for name, value in sure.items() if rng.random() > truth.of(value))))
    return held


def test_a_confidence_is_the_share_that_is_right() -> None:
    found = calibrate(drawn(4000, 2.0, 3.0))
    assert found.slope == pytest.approx(2.0, rel=0.15)
    assert found.offset == pytest.approx(3.0, rel=0.15)
    assert found.of(-1.5) == pytest.approx(0.5, abs=0.06)


def test_the_threshold_keeps_its_promise() -> None:
    held = drawn(2000, 2.0, 4.0)
    found = calibrate(held, wrong=0.05)
    passed = [
        one for one in held if all(found.of(value) >= found.threshold for value in one.log_probabilities.values())
    ]
    assert sum(bool(one.wrong) for one in passed) <= 0.05 * len(passed)
    assert len(passed) > 0.05 * len(held)
    assert max((share for _, share, bad in found.curve if bad <= 0.05), default=0) == len(passed) / len(held)


records = st.lists(
    st.tuples(st.lists(st.floats(-60, 0), min_size=1, max_size=4), st.booleans()).map(
        lambda one: Held({f"f{i}": value for i, value in enumerate(one[0])}, ("f0",) if one[1] else ())
    ),
    min_size=1,
    max_size=30,
)


@given(records, st.floats(0, 1))
def test_any_held_out_part_gives_a_usable_calibration(held: list[Held], wrong: float) -> None:
    found = calibrate(held, wrong)
    assert math.isfinite(found.slope) and math.isfinite(found.offset) and found.slope >= 0
    assert Calibration.from_json(found.to_json()) == found
    assert len(found.curve) <= POINTS + 1
    assert [point[0] for point in found.curve] == sorted(point[0] for point in found.curve)
    assert [point[1] for point in found.curve] == sorted((point[1] for point in found.curve), reverse=True)
    assert found.curve[0][1] == 1.0


def test_what_is_less_sure_than_all_that_was_held_out_does_not_pass() -> None:
    held = [Held({"a": -at / 10}, ()) for at in range(1, 21)]
    found = calibrate(held)
    assert found.of(-2.0) == found.threshold > found.of(-2.1)


@pytest.mark.parametrize(("leaking", "passing"), [(3, 17), (0, 19)])
def test_what_redacts_lets_no_leak_pass_and_not_the_least_sure(tmp_path: Path, leaking: int, passing: int) -> None:
    """Of 20 lists every other one is wrong, and the least sure ones leak something."""
    lines: list[dict[str, Any]] = [
        {
            "record": {},
            "log_probabilities": {"items": -at / 10},
            "wrong": ["items"] * (at % 2),
            "leaks": ["Ada"] * (at >= 20 - leaking),
        }
        for at in range(20)
    ]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = calibration_of(tmp_path)
    assert found
    passed = [line for line in lines if found.of(line["log_probabilities"]["items"]) >= found.threshold]
    assert passed == lines[:passing]


def test_log_probabilities_are_those_of_the_tokens_that_spell_the_value() -> None:
    output = '{"a":"ü","b":null}'
    pieces = [6, 2, 6, 4, 1]  # {"a":" | ü | ","b": | null | }
    assert sum(pieces) == len(output.encode())
    found = field_log_probabilities(output, pieces, [-1.0, -2.0, -4.0, -8.0, -16.0], ["a", "b"])
    # The quotes of a value belong to it, and the tokens that hold them.
    assert found == {"a": -7.0, "b": -8.0}


def test_doubtful_fields_are_named() -> None:
    assert doubtful({"a": 0.9, "b": 0.4}, 0.5) == ["b"]
