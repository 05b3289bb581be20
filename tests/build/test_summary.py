"""What a build says of speed: what was measured here, and apart from it, what is known of the board."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from boardwright.build.data_report import DataReport, FieldReport, Turned
from boardwright.build.ladder import Rung
from boardwright.build.pipeline import Built
from boardwright.build.roofline import student_shape
from boardwright.build.speeds import measured_speed, predicted_speed
from boardwright.build.summary import build_json, build_text, data_text, natural_text
from boardwright.device.natural import RoutingScores
from boardwright.device.redact import RedactionScores
from boardwright.schemas.compare import Scores
from boardwright.schemas.encodings import Encoding
from boardwright.targets.measured import Measured
from boardwright.targets.profile import load_target
from tests.targets.boards import PI5, bench

RPI5 = load_target("rpi5-8gb")
REPORT = DataReport(
    read=1040,
    kept=1000,
    rejected={"duplicate": 36, "leak": 4},
    held_out=80,
    doubted={"value": 1},
    first_rejected=[Turned("a-7", "duplicate", "", "93% the same as a-5"), Turned("a-9", "leak", "", "held out")],
    first_doubted=[Turned("a-3", "value", "total", "'12.50' where '15.00' is likelier")],
    fields=[FieldReport("currency", 0.25, 2, [('"EUR"', 0.5), ('"USD"', 0.25)])],
    over=["vendor is null in 98%"],
)
SHAPE = student_shape(Encoding.Q4_0)


@pytest.fixture
def built(tmp_path: Path) -> Built:
    (tmp_path / "a.bwb").write_bytes(b"1")
    rung = Rung(Encoding.Q4_0, tmp_path, 92_000_000, Scores(80, 0, 0.95, 0.99, {"date": 1.0}), 5.0)
    here = bench(machine__cpu="AMD EPYC", machine__board=None)
    tuned = {
        "steps": 6,
        "chosen_step": 4,
        "restarts": [{}],
        "seconds": 60,
        "tokens_per_second": 500,
        "final_loss": 0.1,
        "held_out_loss": 0.1,
    }
    speed = predicted_speed(RPI5, Encoding.Q4_0, SHAPE)
    data = json.loads(REPORT.to_json())
    return Built(RPI5, tmp_path / "a.bwb", rung, "the cheapest", [rung], here, speed, tuned, data, tmp_path)


def line_of(text: str, begin: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(begin)]
    return line


def test_what_was_measured_here_is_not_what_the_board_is_predicted_to_do(built: Built) -> None:
    text = build_text(built)
    here, board = line_of(text, "Measured on this machine"), line_of(text, "Predicted for Raspberry Pi 5, 8 GB")
    assert "AMD EPYC), which is not the board" in here and "p50 300 ms" in here
    assert "nothing measured there" in board and "300 ms" not in board
    assert json.loads(build_json(built))["board"]["how"] == "predicted"


def test_a_measurement_of_the_board_takes_the_predictions_place(built: Built) -> None:
    run = Measured.model_validate({"target": "rpi5-8gb", "filed": "2026-11-22", "bench": bench()}, strict=False)
    text = build_text(replace(built, speed=measured_speed(run)))
    assert PI5 in line_of(text, "Measured on the board") and "Predicted" not in text


def test_a_prediction_over_the_budget_is_a_warning(built: Built) -> None:
    assert "Warning" not in build_text(built)
    tight = RPI5.model_copy(update={"budgets": RPI5.budgets.model_copy(update={"latency_ms_p95": 100})})
    assert "budgets.latency_ms_p95" in line_of(build_text(replace(built, target=tight)), "Warning: the predicted")


def test_for_this_machine_nothing_is_predicted(built: Built) -> None:
    text = build_text(replace(built, target=load_target("host"), speed=None))
    assert "Predicted" not in text and "not the board" not in text and "Measured on this machine" in text


def test_what_became_of_the_data_is_a_table_by_reason_and_one_by_field(built: Built) -> None:
    text = build_text(built)
    assert data_text(REPORT) in text
    assert line_of(text, "1,040 rows read") == "1,040 rows read, 1,000 to train on, 80 held out"
    assert line_of(text, "duplicate").split(maxsplit=2) == ["duplicate", "36", "a-7: 93% the same as a-5"]
    assert line_of(text, "value").split(maxsplit=2) == ["value", "1", "a-3 total: '12.50' where '15.00' is likelier"]
    assert line_of(text, "currency").split(maxsplit=4) == ["currency", "25.0", "%", "2", '"EUR" 50.0 %, "USD" 25.0 %']
    assert line_of(text, "over-represented") == "over-represented: vendor is null in 98%"


def test_what_a_device_would_do_with_documents_is_told_in_words() -> None:
    routed = natural_text(RoutingScores(in_scope=1000, right=947, held=31, out_of_scope=100, caught=90))
    assert "of 1,000 in scope 94.7 % go where they should, 3.1 % to a person" in routed
    assert "of 100 out of scope 90.0 % go to a person" in routed
    assert "out of scope" not in natural_text(RoutingScores(10, 9, 0, 0, 0))
    redacted = natural_text(RedactionScores(20, 2, 50, ("Ada Lee",), 0.925))
    assert "1 of 50 items leak; such as 'Ada Lee'. 2 of 20 documents are withheld" in redacted
    assert "92.5 % had to be" in redacted
