"""What `scripts/gpu-check` runs: one training through Unsloth and through plain PEFT and TRL, on a GPU, or on a CPU.

Unsloth replaces parts of the other libraries when it is imported, so each training has a process of its own, and so has
the scoring: there, both adapters are merged in the same way and asked by the same plain transformers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from figures import write

from boardwright.build.lora import Way, import_unsloth
from boardwright.schemas.examples import Example
from boardwright.schemas.reporters import reporter_for
from boardwright.schemas.steps import Event, step, use_reporter
from boardwright.schemas.task import Task, load_task

NAMES: dict[Way, str] = {"unsloth": "Unsloth", "cuda": "PEFT and TRL", "cpu": "PEFT and TRL, as this CPU trains"}
# Before these, kernels are compiled and caches filled.
WARM_UP = 20
# Held-out documents that are written out and scored.
SCORED = 80


class Stopwatch:
    """Hears the steps of a training, and tells how many a second there were after the warm-up. seconds: of checks."""

    def __init__(self) -> None:
        self._shown = reporter_for("plain")
        self._at: list[tuple[float, float]] = []

    def report(self, event: Event) -> None:
        if event.kind == "progress" and event.done is not None:
            self._at.append((event.seconds, event.done))
        else:
            self._shown.report(event)

    def close(self) -> None:
        self._shown.close()

    def steps_per_second(self, checks: Sequence[tuple[int, float]]) -> float:
        """checks: (after which step, seconds), which are no training."""
        [*_, (began, first)] = self._at[: min(WARM_UP, len(self._at) // 2) + 1]
        ended, last = self._at[-1]
        idle = sum(seconds for at, seconds in checks if first <= at < last)
        return (last - first) / (ended - began - idle)


def documents(task: Task, given: argparse.Namespace) -> tuple[list[Example], list[Example]]:
    generate = task.documents()
    assert generate is not None, "the invoice task draws its documents"
    seed = task.training.seed
    return (
        list(itertools.islice(generate(seed, "train"), given.documents)),
        list(itertools.islice(generate(seed, "valid"), given.held_out)),
    )


def train(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One training, in this process; its figures."""
    if given.way == "unsloth":
        import_unsloth()  # before all that it replaces parts of
    from boardwright.build.tune import tune

    task = load_task("invoice")
    training = replace(task.training, batch=given.batch, adapter=given.adapter, four_bit=given.four_bit, patience=0)
    learnt, held_out = documents(task, given)
    watch = Stopwatch()
    with use_reporter(watch), step(f"Tune through {NAMES[given.way]}"):
        tuned = tune(task, learnt, held_out, given.student, training, folder, given.way)
    rate = watch.steps_per_second([(check.step, check.seconds) for check in tuned.checks])
    return {
        "steps": tuned.steps,
        "tokens": tuned.tokens,
        "seconds": round(tuned.seconds, 1),
        "tokens_per_second": round(tuned.tokens_per_second),
        "tokens_per_second_warm": round(rate * tuned.tokens / tuned.steps),
        "peak_memory_mb": round(_peak_bytes(given.cpu) / 2**20),
        "loss": tuned.final_loss,
        "held_out_loss": tuned.held_out_loss,
        "held_out_exact": tuned.held_out_exact,
        "restarts": len(tuned.restarts),
    }


def _peak_bytes(cpu: bool) -> int:
    """Of this process: on the GPU what its tensors took, else all of it."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if cpu else torch.cuda.max_memory_allocated()


def score(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The merged adapter's loss and scores on held-out documents, written freely by transformers."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from boardwright.build.completion import completion, encode_all
    from boardwright.build.held_out import HeldOut
    from boardwright.build.lora import merge
    from boardwright.build.precision import precision

    task = load_task("invoice")
    examples = documents(task, given)[1][:SCORED]
    merged = folder / "merged"
    merge(given.student, folder / "adapter", merged)
    tokenizer = AutoTokenizer.from_pretrained(merged)
    rows = encode_all(task, examples, tokenizer)
    device = "cpu" if given.cpu else "cuda"
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=precision(device)).to(device)
    longest = max(len(completion(row)) for row in rows)
    check = HeldOut(task, examples, rows, tokenizer, len(rows), longest, 8192).look(model, 0)
    return {
        "documents": len(rows),
        "merged_loss": check.loss,
        "records_right": check.records,
        "fields_right": check.fields,
        "too_long": check.too_long,
        "repeating": check.looping,
    }


def child(do: str, way: Way, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Run `train` or `score` in a process of its own; its figures, or the words it failed with."""
    told = folder / f"{do}.json"
    command = [sys.executable, __file__, "--do", do, "--way", way, "--folder", str(folder)]
    for name in ("student", "documents", "held_out", "batch", "adapter"):
        command += [f"--{name.replace('_', '-')}", str(getattr(given, name))]
    command += [f"--{name.replace('_', '-')}" for name in ("four_bit", "cpu") if getattr(given, name)]
    ran = subprocess.run(command, check=False)
    if ran.returncode:
        return {"failed": f"{do} through {NAMES[way]} ended with exit code {ran.returncode}; see above"}
    figures: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return figures


def machine(cpu: bool) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in ("torch", "transformers", "trl", "peft", "unsloth", "bitsandbytes"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    if cpu:
        return {"gpu": None, "cores": len(os.sched_getaffinity(0)), "versions": versions}
    total = torch.cuda.get_device_properties(0).total_memory
    return {"gpu": torch.cuda.get_device_name(0), "gpu_memory_mb": round(total / 2**20), "versions": versions}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/gpu-check", description=__doc__)
    parser.add_argument("--student", default=None, help="as `boardwright build` takes it")
    parser.add_argument("--documents", type=int, default=2100)
    parser.add_argument("--held-out", type=int, default=80)
    parser.add_argument("--batch", type=int, default=4, help="documents a step")
    parser.add_argument("--adapter", choices=["lora", "rslora", "dora"], default="lora")
    parser.add_argument("--four-bit", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="without a GPU, through what Unsloth has for CPUs")
    for name in ("--do", "--way", "--folder"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.cpu and not torch.cuda.is_available():
        print(
            "gpu-check: PyTorch finds no CUDA device here, so there is nothing to check. "
            f"torch {torch.__version__} is built for CUDA {torch.version.cuda or 'none'}.",
            file=sys.stderr,
        )
        return 2
    if given.do:
        folder, given.student = Path(given.folder), Path(given.student)
        figures = (train if given.do == "train" else score)(given, folder)
        (folder / f"{given.do}.json").write_text(json.dumps(figures), encoding="utf-8")
        return 0
    from boardwright.build.store import Store
    from boardwright.build.student import DEFAULT, resolve_student

    with use_reporter(reporter_for("plain")):
        given.student = resolve_student(given.student or DEFAULT, Store()).path
    found: dict[str, Any] = {}
    ways: Sequence[Way] = ("unsloth", "cpu" if given.cpu else "cuda")
    for way in ways:
        folder = Path("out/gpu-check", way)
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in sorted(folder.rglob("*"), reverse=True):  # of an earlier run: it would go on from there
            leftover.rmdir() if leftover.is_dir() else leftover.unlink()
        figures = child("train", way, folder, given)
        if "failed" not in figures:
            figures |= child("score", way, folder, given)
        found[NAMES[way]] = figures
    ours, plain = (found[NAMES[way]] for way in ways)
    if "failed" not in {**ours, **plain}:
        found["Unsloth against PEFT and TRL"] = {
            name: round(ours[name] / plain[name], 3) for name in ("tokens_per_second_warm", "peak_memory_mb")
        }
    options = {name: getattr(given, name) for name in ("documents", "held_out", "batch", "adapter", "four_bit")}
    write("gpu-check", {**machine(given.cpu), **options, **found})
    return 1 if "failed" in {**ours, **plain} else 0


if __name__ == "__main__":
    sys.exit(main())
