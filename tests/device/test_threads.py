"""Thread counts are measured with the model, and remembered for it and this machine alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from boardwright.device.engines.base import Feed, Logits
from boardwright.device.engines.llama import LlamaEngine
from boardwright.device.threads import FILE, WARM_UP, Choice, Measured, choose, measure, recall, remember
from tests.conftest import ByteEngine


def test_the_fastest_of_each_kind() -> None:
    passes = [Measured(1, 9.0, 80.0), Measured(2, 5.0, 42.0), Measured(3, 5.6, 30.0), Measured(4, 7.0, 24.0)]
    assert choose(passes) == Choice(decode=2, prefill=4, pass_cost=15.6)  # 5 ms, and 0.30 a token


def test_of_two_as_fast_the_one_with_fewer_threads() -> None:
    assert choose([Measured(1, 5.1, 50.0), Measured(2, 5.0, 49.0)]) == Choice(decode=1, prefill=1, pass_cost=6.2)


def test_a_choice_is_for_one_model_and_one_number_of_cores(tmp_path: Path) -> None:
    remember(tmp_path, "a" * 64, 4, Choice(2, 4, 7.5))
    remember(tmp_path, "b" * 64, 4, Choice(3, 3, 9.0))
    assert recall(tmp_path, "a" * 64, 4) == Choice(2, 4, 7.5)
    assert recall(tmp_path, "b" * 64, 4) == Choice(3, 3, 9.0)
    assert recall(tmp_path, "a" * 64, 2) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}'])
def test_a_broken_file_is_measured_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert recall(tmp_path, "a" * 64, 4) is None
    remember(tmp_path, "a" * 64, 4, Choice(2, 4, 7.5))
    assert recall(tmp_path, "a" * 64, 4) == Choice(2, 4, 7.5)


class _Clocked(ByteEngine):
    """Passes take as long as told: with more threads long ones are faster, short ones slower."""

    def __init__(self) -> None:
        super().__init__(256)
        self.now = 0.0
        self.threads = (0, 0)
        self.passes = 0

    def use_threads(self, decode: int, prefill: int) -> None:
        self.threads = (decode, prefill)
        self.passes = 0

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        decode, prefill = self.threads
        self.passes += 1
        cold = 1.0 if self.passes <= 2 * WARM_UP else 0.0
        self.now += cold + (0.004 * decode if len(feeds[0].tokens) == 1 else 0.080 / prefill)
        return super().forward(feeds)


def test_passes_are_timed_warm_with_each_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _Clocked()
    monkeypatch.setattr("boardwright.device.threads.time.perf_counter", lambda: engine.now)
    measured = measure(cast(LlamaEngine, engine), 2, seconds=0.1)
    found = [(each.threads, round(each.one_ms, 6), round(each.many_ms, 6)) for each in measured]
    assert found == [(1, 4.0, 80.0), (2, 8.0, 40.0)]


@pytest.mark.slow
def test_a_real_model_is_timed(student_gguf: Path) -> None:
    engine = LlamaEngine(student_gguf, n_ctx=256)
    try:
        one, two = measure(engine, 2, seconds=0.1)
    finally:
        engine.close()
    assert (one.threads, two.threads) == (1, 2)
    # Which of these is longest says nothing on a machine with something else to do.
    assert all(each.one_ms > 0 and each.many_ms > 0 for each in (one, two))
