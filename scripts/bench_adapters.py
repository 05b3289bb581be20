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
import time
from pathlib import Path
from typing import Any

from figures import write

from boardwright.device.adapters import Fitting, harnesses
from boardwright.device.bench import peak_rss_mb
from boardwright.device.harness import Harness
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="the student's GGUF")
    parser.add_argument("--adapter", action="append", default=[], metavar="TASK=GGUF")
    parser.add_argument("--merged", action="append", default=[], metavar="TASK=GGUF")
    parser.add_argument("--documents", type=Path, required=True, help="JSON lines of {id, text}")
    parser.add_argument("--records", type=int, default=30)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(run(given)))
        return
    common = ["--documents", str(given.documents), "--records", str(given.records), "--inside"]
    merged = [word for one in given.merged for word in ("--merged", one)]
    adapted = ["--base", str(given.base), *(word for one in given.adapter for word in ("--adapter", one))]
    figures = {}
    for name, options in (("adapters on one base", adapted), ("a merged file each", merged)):
        ran = subprocess.run([sys.executable, __file__, *options, *common], check=True, capture_output=True, text=True)
        figures[name] = json.loads(ran.stdout)
    write("adapters", figures)


if __name__ == "__main__":
    main()
