"""What `scripts/bench-four-bit` runs: one tuned student in four bits, made in every way that boardwright knows.

All go through the device harness, with the same guesses of records, over the same held-out documents.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
from figures import write
from transformers import AutoTokenizer

from boardwright.build.artifacts import CALIBRATION_DOCUMENTS
from boardwright.build.completion import encode_all
from boardwright.build.drafts import learn
from boardwright.build.evaluate import evaluate
from boardwright.build.export import export_adapter, export_gguf
from boardwright.build.lora import merge
from boardwright.build.quantize import FINER, IMATRIX, importance_matrix, quantize
from boardwright.build.rounding import HELD_OUT, round_checkpoint
from boardwright.build.smooth import smooth
from boardwright.build.store import Store
from boardwright.build.student import DEFAULT, resolve_student
from boardwright.device.adapters import Fitting, harnesses
from boardwright.device.harness import Harness
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.examples import read_examples
from boardwright.schemas.reporters import reporter_for
from boardwright.schemas.steps import step, use_reporter
from boardwright.schemas.task import load_task


class Bench:
    """The student's files in one folder, and the figures so far."""

    def __init__(self, given: argparse.Namespace) -> None:
        task = load_task(given.task)
        self.train, self.held_out = (read_examples(path, task.record) for path in (given.examples, given.valid))
        self.task = task.having_learnt(self.train)
        self.adapter: Path = given.adapter
        self.steps: int = given.steps
        self.student = resolve_student(given.student, Store()).path
        self.folder = Path("out", "four-bit", self.task.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.figures: dict[str, Any] = {}
        with step("Merge and export"):
            self.checkpoint = self._merged()
            self.f16, self.base = self.folder / "f16.gguf", self.folder / "base-f16.gguf"
            export_gguf(self.checkpoint, self.f16, self.task.name)
            export_gguf(self.student, self.base, "base")
        with step("Collect the importance matrix"):
            tokenizer = AutoTokenizer.from_pretrained(self.checkpoint)
            self.rows = encode_all(self.task, self.train, tokenizer)
            self.asked = encode_all(self.task, self.held_out[:HELD_OUT], tokenizer)
            rows = [row["input_ids"] for row in self.rows[:CALIBRATION_DOCUMENTS]]
            importance_matrix(self.checkpoint, rows, self.folder)
        with step("Smooth the columns"):
            self.smoothed, self.smoothed_f16 = self._emptied("smoothed"), self.folder / "smoothed-f16.gguf"
            smooth(self.checkpoint, self.folder / IMATRIX, self.smoothed)
            export_gguf(self.smoothed, self.smoothed_f16, self.task.name)
        with step("Learn to guess records"):
            self.drafts = learn(self.task.shape, self.train, self.held_out)

    def all(self) -> None:
        """Every way in turn."""
        matrix = self.folder / IMATRIX
        self.file("merged checkpoint, F16", lambda _: self.f16)
        self.file("llama.cpp, all matrices at 4 bits", self._quantized(finer={}))
        self.file("llama.cpp, values and most keys at 8 bits", self._quantized())
        self.file("and importance matrix", self._quantized(matrix))
        self.file("and smoothed", self._quantized(self.smoothed / IMATRIX, source=self.smoothed_f16))
        if self.steps:
            self.file(f"and trained as rounded, {self.steps} steps", self._trained)
        self._adapted("rounded base, adapter at run time", "adapted.gguf")

    def file(self, name: str, make: Callable[[Path], Path]) -> None:
        """Score one file. make: writes it to that path or to another, and tells which."""
        with step(name):
            model = make(self.folder / "model.gguf")
        self._score(name, Harness.load(self.task, model, drafts=self.drafts), model.stat().st_size)

    def _adapted(self, name: str, file: str) -> None:
        base, lora = self.folder / file, self.folder / "lora.gguf"
        with step(name):
            quantize(self.base, base, Encoding.Q4_0)
            export_adapter(self.adapter, self.student, lora, self.task.name)
        _, made = harnesses(base, [Fitting(self.task, lora, self.drafts)])
        self._score(name, made[self.task.name], base.stat().st_size + lora.stat().st_size)

    def _score(self, name: str, harness: Harness, size: int) -> None:
        with step(f"Evaluate {name}"):
            found = evaluate(self.task, harness, self.held_out, self.folder)
            harness.close()
        self.figures[name] = {
            "mb": round(size / 1e6, 1),
            "records_right": round(found.scores.records_right, 4),
            "fields_right": round(found.scores.fields_right, 4),
            "documents_per_second": round(found.documents_per_second, 2),
        }

    def _merged(self) -> Path:
        folder = self._emptied("merged")
        merge(self.student, self.adapter, folder)
        return folder

    def _emptied(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _quantized(
        self,
        matrix: Path | None = None,
        finer: Mapping[str, gguf.GGMLQuantizationType] = FINER,
        source: Path | None = None,
    ) -> Callable[[Path], Path]:
        def make(target: Path) -> Path:
            quantize(source or self.f16, target, Encoding.Q4_0, matrix, finer)
            return target

        return make

    def _trained(self, target: Path) -> Path:
        done, _ = round_checkpoint(
            self.smoothed,
            self.smoothed_f16,
            self.smoothed / IMATRIX,
            self.rows,
            self.asked,
            target,
            steps=self.steps,
            seed=self.task.training.seed,
        )
        self.figures["rounding"] = done.line()
        return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", required=True)
    parser.add_argument("--adapter", type=Path, required=True, help="folder of a PEFT adapter")
    parser.add_argument("--examples", type=Path, required=True, help="JSON lines that it was trained on")
    parser.add_argument("--valid", type=Path, required=True, help="JSON lines that it was not")
    parser.add_argument("--student", default=DEFAULT, help="as `boardwright build` takes it")
    parser.add_argument("--steps", type=int, default=120)
    given = parser.parse_args()
    with use_reporter(reporter_for("auto")):
        bench = Bench(given)
        bench.all()
    figures = {"task": bench.task.name, "documents": len(bench.held_out), **bench.figures}
    write(f"four-bit-{bench.task.name}", figures)


if __name__ == "__main__":
    main()
