"""Figures are of what was measured, and say so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from llguidance import LLTokenizer
from pydantic import BaseModel

from boardwright.device.bench import LEAST, board_name, cpu_name, how, measure, peak_rss_mb, percentile
from boardwright.device.harness import Harness
from boardwright.schemas.errors import BadDocument
from boardwright.schemas.task import Limits, Task
from tests.conftest import ByteEngine


class Note(BaseModel):
    urgent: bool


@pytest.fixture
def harness() -> Harness:
    return Harness(Task("note", Note, "Read.", limits=Limits(context=128)), ByteEngine(128), LLTokenizer("byte"))


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (95, 95), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_of_a_hundred_is_the_nth(percent: int, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == value


def test_a_percentile_is_always_a_value_that_occurred() -> None:
    assert [percentile([3.0], percent) for percent in (1, 50, 99)] == [3.0, 3.0, 3.0]
    assert percentile([1.0, 9.0], 50) == 1.0
    assert percentile([1.0, 9.0], 51) == 9.0


def test_documents_are_taken_in_turn(harness: Harness) -> None:
    figures = measure(harness, ["a", "bb"], 4)
    assert (figures.records, figures.failed) == (4, 0)
    lengths = [sum(map(len, harness.prompt_ids(text))) for text in ("a", "bb")]
    assert figures.prompt_tokens_per_record == sum(lengths) / 2
    assert figures.tokens_per_record >= len('{"urgent":true}')
    assert figures.records_per_minute > 0


def test_a_failed_document_is_counted_and_in_no_other_figure(harness: Harness) -> None:
    figures = measure(harness, ["a", "x" * 200], 6)
    assert (figures.records, figures.failed) == (3, 3)
    assert figures.prompt_tokens_per_record == sum(map(len, harness.prompt_ids("a")))


@pytest.mark.parametrize(("records", "slots", "done"), [(60, 1, LEAST), (60, 4, LEAST), (3, 1, 3)])
def test_when_its_time_is_over_no_document_is_begun(harness: Harness, records: int, slots: int, done: int) -> None:
    assert measure(harness, ["a"], records, slots, seconds=1e-9).records == done


def test_without_a_single_record_there_is_no_figure(harness: Harness) -> None:
    with pytest.raises(BadDocument, match="longer than the context"):
        measure(harness, ["x" * 200], 3)


def test_the_machine_has_a_name_and_a_peak() -> None:
    assert cpu_name()
    assert 10 < peak_rss_mb() < 100_000


def test_another_process_has_a_peak_of_its_own() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            assert 0 < peak_rss_mb(other.pid) < 10
        finally:
            other.kill()


def machine(proc: Path, cpuinfo: str, model: str | None = None) -> Path:
    (proc / "device-tree").mkdir(parents=True)
    (proc / "cpuinfo").write_text(cpuinfo)
    if model is not None:
        (proc / "device-tree" / "model").write_text(f"{model}\0")
    return proc


def test_a_board_calls_itself_by_its_name(tmp_path: Path) -> None:
    assert (
        board_name(machine(tmp_path / "pi", "", "Raspberry Pi 5 Model B Rev 1.0")) == "Raspberry Pi 5 Model B Rev 1.0"
    )
    assert board_name(machine(tmp_path / "pc", "model name : x")) is None


@pytest.mark.parametrize(
    ("cpuinfo", "model", "arch", "expected"),
    [
        ("CPU implementer : 0x41", "Raspberry Pi 5 Model B Rev 1.0", "aarch64", "measured"),
        ("CPU implementer : 0x41", "linux,dummy-virt", "aarch64", "emulated"),
        ("model name : AMD EPYC", None, "aarch64", "emulated"),
        ("model name : AMD EPYC", None, "x86_64", "measured"),
    ],
)
def test_an_emulator_gives_itself_away(
    tmp_path: Path, cpuinfo: str, model: str | None, arch: str, expected: str
) -> None:
    assert how(machine(tmp_path / "proc", cpuinfo, model), arch) == expected
