"""What `scripts/bench-adapters` runs: several tasks on one base with adapters, against a merged file for each.

Every arrangement runs in a process of its own, so that its peak memory is its own. Records are taken in turns, a task
after the other: the most switches that there can be.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import write

from boardwright.build.student import DEFAULT
from boardwright.device.adapters import Fitting, harnesses
from boardwright.device.bench import peak_rss_mb
from boardwright.device.harness import Harness
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.task import load_task


def run(given: argparse.Namespace) -> dict[str, Any]:
    """One arrangement: {load_s, peak_rss_mb, record_ms, switch_ms}."""
    started = time.perf_counter()
    if given.merged:
        made = {Path(task).name: Harness.load(load_task(task), model) for task, model in pairs(given.merged)}
    else:
        _, made = harnesses(given.base, [Fitting(load_task(task), model) for task, model in pairs(given.adapter)])
        made = dict(made)
    loaded = time.perf_counter() - started
    texts = [json.loads(line)["text"] for line in given.documents.read_text(encoding="utf-8").splitlines()]
    texts = texts[: given.records]
    stay, turns = [], []
    for one in made.values():
        one.extract(texts[0])
    for text in texts:
        for one in made.values():
            started = time.perf_counter()
            one.extract(text)
            turns.append((time.perf_counter() - started) * 1e3)
    for one in made.values():
        one.extract(texts[0])
        for text in texts:
            started = time.perf_counter()
            one.extract(text)
            stay.append((time.perf_counter() - started) * 1e3)
    return {
        "load_s": round(loaded, 2),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "record_ms": round(statistics.median(stay), 1),
        "switch_ms": round(statistics.median(b - a for a, b in zip(sorted(stay), sorted(turns), strict=True)), 2),
    }


def pairs(given: list[str]) -> list[tuple[str, Path]]:
    return [(task, Path(model)) for task, model in (one.split("=", 1) for one in given)]


def prepare(student: str, adapters: list[tuple[str, Path]], encoding: Encoding, folder: Path) -> tuple[list[str], ...]:
    """Export all that is compared into a folder; the options of both arrangements."""
    from boardwright.build.export import export_adapter, export_gguf
    from boardwright.build.lora import merge
    from boardwright.build.quantize import quantize
    from boardwright.build.store import Store
    from boardwright.build.student import resolve_student

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = resolve_student(student, Store()).path

    def gguf(source: Path, name: str) -> str:
        target = folder / f"{name}-{encoding.value}.gguf"
        with tempfile.TemporaryDirectory() as scratch:
            export_gguf(source, Path(scratch) / "f16.gguf", name)
            quantize(Path(scratch) / "f16.gguf", target, encoding)
        return str(target)

    adapted, merged = ["--base", gguf(checkpoint, "base")], []
    for task, adapter in adapters:
        name = Path(task).name
        export_adapter(adapter, checkpoint, folder / f"{name}-lora.gguf", name)
        adapted += ["--adapter", f"{task}={folder / f'{name}-lora.gguf'}"]
        with tempfile.TemporaryDirectory() as scratch:
            merge(checkpoint, adapter, Path(scratch))
            merged += ["--merged", f"{task}={gguf(Path(scratch), name)}"]
    return adapted, merged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", default=DEFAULT, help="as `boardwright build` takes it")
    parser.add_argument("--adapter", action="append", default=[], metavar="TASK=FOLDER", help="PEFT adapters of it")
    parser.add_argument("--encoding", type=Encoding, default=Encoding.Q8_0)
    parser.add_argument("--documents", type=Path, required=True, help="JSON lines of {id, text}")
    parser.add_argument("--records", type=int, default=30)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--merged", action="append", default=[], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.base or given.merged:
        print(json.dumps(run(given)))
        return
    common = ["--documents", str(given.documents), "--records", str(given.records)]
    adapted, merged = prepare(given.student, pairs(given.adapter), given.encoding, Path("out/adapters"))
    figures = {}
    for name, options in (("adapters on one base", adapted), ("a merged file each", merged)):
        ran = subprocess.run(
            [sys.executable, __file__, *options, *common], check=True, stdout=subprocess.PIPE, text=True
        )
        figures[name] = json.loads(ran.stdout)
    write("adapters", {"encoding": given.encoding.value, **figures})


if __name__ == "__main__":
    main()
