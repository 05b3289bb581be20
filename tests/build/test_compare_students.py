"""Students side by side before training: real model files through the real harness, and what breaks is a row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from llguidance import LLTokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.cli import cli
from boardwright.build.compare_students import compare, comparison_text, read_gold
from boardwright.build.store import Store
from boardwright.build.student import resolve_student
from boardwright.build.trial import bits_per_byte, freely, is_valid
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadExample, BadStudent
from boardwright.schemas.task import load_task
from tests.conftest import TASK_PY, ByteEngine
from tests.device.fakes import FakeEngine, wants

GOLD: list[dict[str, Any]] = [
    {"id": "1", "text": "Ada: it burns", "record": {"kind": "bug", "urgent": True, "customer": "Ada"}},
    {"id": "2", "text": "How much is it?", "record": {"kind": "question", "urgent": False, "customer": None}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("compare")
    (made / "ticket").mkdir()
    (made / "ticket" / "task.py").write_text(TASK_PY)
    write_gold(made / "gold.jsonl", GOLD)
    return made


def write_gold(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return Store(folder / "store")


@pytest.fixture
def run(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("BOARDWRIGHT_STORE", str(store.root))

    def call(students: str, *options: str, examples: Path | None = None) -> Result:
        gold = str(examples or folder / "gold.jsonl")
        return CliRunner().invoke(
            cli, ["compare-students", str(folder / "ticket"), "--examples", gold, "--students", students, *options]
        )

    return call


def test_students_are_ranked_and_what_cannot_load_is_a_row(
    run: Any, tiny: Path, tiny_untied: Path, folder: Path
) -> None:
    broken = folder / "broken"
    shutil.copytree(tiny, broken)
    (broken / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:1000])
    ran = run(f"{tiny},{tiny_untied},{broken},nowhere", "--json")
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout.splitlines()[-1])["students"]
    good = [row["figures"] for row in rows if row["figures"]]
    assert {row["student"] for row in rows[:2]} == {str(tiny), str(tiny_untied)}
    assert {row["student"]: bool(row["error"]) for row in rows[2:]} == {str(broken): True, "nowhere": True}
    assert "no such student" in rows[-1]["error"]
    scores = [one["scores"]["fields_right"] for one in good]
    assert scores == sorted(scores, reverse=True)
    for one in good:
        assert one["scores"]["documents"] == 2 and one["scores"]["failed"] == 0
        assert one["valid_free"] == 0  # weights are random
        assert one["latency_ms_p50"] > 0 and one["prefill_tokens_per_s"] > 0 and one["decode_tokens_per_s"] > 0
        assert one["peak_rss_mb"] > one["size"] / 1e6 and one["bits_per_byte"] > 1
    assert {one["parameters"] for one in good} == {parameters(tiny), parameters(tiny_untied)}


def parameters(checkpoint: Path) -> int:
    return sum(weight.numel() for weight in AutoModelForCausalLM.from_pretrained(checkpoint).parameters())


def test_a_second_run_is_a_look_up(folder: Path, store: Store, tiny: Path) -> None:
    task = load_task(folder / "ticket")
    first = compare(task, folder / "gold.jsonl", [str(tiny)], Encoding.Q8_0, None, store)
    before = {path: path.stat().st_ino for path in store.root.glob("artifacts/*/*")}
    again = compare(task, folder / "gold.jsonl", [str(tiny)], Encoding.Q8_0, None, store)
    assert again == first
    assert {path: path.stat().st_ino for path in store.root.glob("artifacts/*/*")} == before
    text = comparison_text(again, Encoding.Q8_0)
    assert "0 of 2" in text and "see the student's source" in text and "customer" in text


def test_fewer_documents_in_another_encoding(run: Any, tiny: Path) -> None:
    ran = run(str(tiny), "--documents", "1", "--encoding", "f16")
    assert ran.exit_code == 0, ran.output
    assert "in F16 on 1 gold documents" in ran.stdout


def test_when_no_student_can_be_run_that_is_the_error(run: Any) -> None:
    ran = run("nowhere,nothing.gguf")
    assert ran.exit_code == 2
    assert (
        "None of the students can be run." in ran.stderr
        and ran.stderr.count("There is no such student.\n  value:") == 2
    )


def test_a_gold_set_that_contradicts_the_task(run: Any, folder: Path, tmp_path: Path) -> None:
    write_gold(tmp_path / "gold.jsonl", [GOLD[0] | {"record": GOLD[0]["record"] | {"customer": "Eve"}}])
    ran = run("nowhere", examples=tmp_path / "gold.jsonl")
    assert ran.exit_code == 2
    assert "contradicts the schema" in ran.stderr and "1: customer" in ran.stderr
    write_gold(tmp_path / "gold.jsonl", [GOLD[0] | {"record": {"kind": "rant"}}])
    with pytest.raises(BadExample, match="fails the schema"):
        read_gold(load_task(folder / "ticket"), tmp_path / "gold.jsonl")


def test_an_encoding_of_another_runtime(folder: Path, store: Store, tiny: Path) -> None:
    with pytest.raises(BadStudent) as raised:
        compare(load_task(folder / "ticket"), folder / "gold.jsonl", [str(tiny)], Encoding.ONNX_INT8, None, store)
    assert "encoding of GGUF" in str(raised.value.next)


class TestFree:
    """Decoding without a grammar: what the student writes by itself, and no more."""

    EOS = LLTokenizer("byte").eos_token

    def written(self, wanted: str, most: int = 200) -> str:
        engine = FakeEngine(wants({"doc": wanted}))
        from tests.device.fakes import tokenize

        rest = tokenize("x\n\ndoc<|im_end|>\n<|im_start|>assistant\n", True)
        return freely(engine, 0, rest, {self.EOS}, most)

    def test_a_whole_record_is_valid(self, folder: Path) -> None:
        task = load_task(folder / "ticket")
        output = '{"kind":"bug","urgent":true,"customer":null}'
        assert self.written(output) == output
        assert is_valid(task, output) and not is_valid(task, output[:-1]) and not is_valid(task, output + " Done.")

    def test_it_ends_at_its_bound(self) -> None:
        assert self.written('{"kind":"bug"}', most=7) == '{"kind"'

    def test_what_is_no_record_is_not_waited_for(self) -> None:
        assert self.written("Sure! Here is the record: {}") == "S"

    def test_surprise_is_that_of_the_student(self) -> None:
        """Every token as likely as another: log2 of how many there are, for each byte."""
        engine = ByteEngine(4096)
        assert bits_per_byte(engine, 0, [1] * 1500, "ab" * 20, 4096) == pytest.approx(np.log2(engine.n_vocab))


def shortened(checkpoint: Path, folder: Path, layers: int) -> Path:
    """A student of the same kind with its upper layers left out."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16)
    model.model.layers = model.model.layers[:layers]
    model.config.num_hidden_layers = layers
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[:layers]
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_the_real_student_is_better_than_half_of_it(
    folder: Path, store: Store, student_gguf: Path, tmp_path: Path
) -> None:
    half = shortened(resolve_student(str(student_gguf), store).path, tmp_path / "half", 15)
    students = [str(half), str(student_gguf)]
    rows = {
        row.student: row.figures
        for row in compare(load_task(folder / "ticket"), folder / "gold.jsonl", students, Encoding.Q8_0, None, store)
    }
    whole, less = rows[str(student_gguf)], rows[str(half)]
    assert whole is not None and less is not None
    assert whole.bits_per_byte is not None and less.bits_per_byte is not None
    assert whole.bits_per_byte < less.bits_per_byte
    assert whole.parameters > less.parameters and whole.size > less.size
    assert whole.peak_rss_mb > less.peak_rss_mb
