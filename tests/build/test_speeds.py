"""One function tells the best that is known, and how it is known."""

from __future__ import annotations

from typing import Any

import pytest

from boardwright.build.roofline import TYPICAL, student_shape
from boardwright.build.speeds import best_known, over_budget, predicted_speed, target_speeds
from boardwright.schemas.encodings import Encoding
from boardwright.targets.measured import Measured
from boardwright.targets.profile import load_target
from tests.targets.boards import PI5, bench

RPI5 = load_target("rpi5-8gb")
Q4_0 = student_shape(Encoding.Q4_0)


def filed(target: str = "rpi5-8gb", **changes: Any) -> Measured:
    return Measured.model_validate({"target": target, "filed": "2026-11-22", "bench": bench(**changes)}, strict=False)


def test_without_a_measurement_it_is_predicted() -> None:
    speed = best_known(RPI5, Encoding.Q4_0, Q4_0, TYPICAL, [])
    assert speed == predicted_speed(RPI5, Encoding.Q4_0, Q4_0)
    assert speed and speed.how == "predicted" and "roofline" in speed.source


def test_a_measurement_replaces_the_prediction() -> None:
    speed = best_known(RPI5, Encoding.Q4_0, Q4_0, TYPICAL, [filed()])
    assert speed and (speed.how, speed.record_ms, speed.record_ms_p95) == ("measured", 300.0, 410.0)
    assert PI5 in speed.source and "2026-11-22" in speed.source


@pytest.mark.parametrize(
    "other",
    [filed("rpi5-4gb"), filed(machine__encoding="Q8_0"), filed(bundle__model_bytes=200_000_000)],
    ids=["board", "encoding", "model"],
)
def test_a_measurement_of_something_else_replaces_nothing(other: Measured) -> None:
    speed = best_known(RPI5, Encoding.Q4_0, Q4_0, TYPICAL, [other])
    assert speed and speed.how == "predicted"


def test_the_first_that_fits_counts() -> None:
    old = filed(figures__latency_ms={"p50": 900.0, "p95": 910.0, "p99": 920.0})
    speed = best_known(RPI5, Encoding.Q4_0, Q4_0, TYPICAL, [filed("rpi5-4gb"), filed(), old])
    assert speed and speed.record_ms == 300.0


def test_a_target_that_is_this_machine_has_no_speed() -> None:
    assert target_speeds(load_target("host"), []) == []


def test_every_encoding_of_a_target_has_its_best() -> None:
    speeds = target_speeds(RPI5, [filed()])
    assert [(one.encoding, one.how) for one in speeds] == [
        (one, "measured" if one is Encoding.Q4_0 else "predicted") for one in RPI5.encodings
    ]


def test_a_slow_record_over_the_budget_is_a_warning() -> None:
    speed = predicted_speed(RPI5, Encoding.Q4_0, Q4_0)
    assert speed and over_budget(speed, RPI5) is None
    tight = RPI5.model_copy(update={"budgets": RPI5.budgets.model_copy(update={"latency_ms_p95": 100})})
    warning = over_budget(speed, tight)
    assert warning and "predicted" in warning and "latency_ms_p95" in warning and "100 ms" in warning
    tight = RPI5.model_copy(update={"budgets": RPI5.budgets.model_copy(update={"latency_ms_p95": 350})})
    slow = best_known(tight, Encoding.Q4_0, Q4_0, TYPICAL, [filed()])
    assert slow and "410 ms" in (over_budget(slow, tight) or "")
