"""What `scripts/bench` runs: every figure of README's table, each by the command that a user would type."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import write

BIN = Path(sys.executable).parent
STARTS = 11
INVOICES, FRESH_SEED = 300, 20261122


def seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run([str(BIN / command[0]), *command[1:]], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def build(*arguments: str) -> dict[str, Any]:
    """`boardwright build … --json`: progress goes to this terminal, the outcome is the last line."""
    command = [str(BIN / "boardwright"), "build", *arguments, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def ladder(built: dict[str, Any]) -> dict[str, Any]:
    chosen, merged = built["ladder"][built["chosen"]], built["ladder"]["F16"]
    return {
        "chosen": built["chosen"],
        "documents": chosen["documents"],
        "failed": {name: rung["failed"] for name, rung in built["ladder"].items()},
        "records_right": {name: round(rung["records_right"], 4) for name, rung in built["ladder"].items()},
        "fields_right": {name: round(rung["fields_right"], 4) for name, rung in built["ladder"].items()},
        "chosen_against_merged": round(chosen["fields_right"] - merged["fields_right"], 4),
        "per_field": {name: round(share, 4) for name, share in chosen["per_field"].items()},
        "training": built["training"],
        "bundle": built["bundle"],
        "bundle_mb": round(built["bytes"] / 1e6, 1),
        "measured": built["measured"],
    }


def evaluate_more(bundle: str) -> dict[str, Any]:
    """The shipped artifact on synthetic invoices that had no say in choosing it."""
    with tempfile.TemporaryDirectory() as scratch:
        examples = Path(scratch) / "examples.jsonl"
        draw = [str(BIN / "boardwright"), "documents", "invoice", "--part", "valid", "--seed", str(FRESH_SEED)]
        with examples.open("w") as file:
            subprocess.run([*draw, "--count", str(INVOICES)], check=True, stdout=file)
        command = [str(BIN / "boardwright"), "evaluate", "--bundle", bundle, "--examples", str(examples), "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    scores: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["scores"]
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipts", type=Path, help="folder with train.jsonl and valid.jsonl of receipts")
    given = parser.parse_args()
    figures: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()},
        "help_seconds_median": {
            name: round(statistics.median(seconds(name, "--help") for _ in range(STARTS)), 3)
            for name in ("boardwright", "boardwright-device")
        },
    }
    figures["invoice"] = ladder(build("invoice", "-o", "out/demo"))
    figures["invoice_300_more"] = evaluate_more(figures["invoice"]["bundle"])
    started = time.perf_counter()
    build("invoice", "-o", "out/demo")
    figures["build_from_store_seconds"] = round(time.perf_counter() - started, 2)
    # The smallest encoding, whatever it scores: its memory is what a small board cares for.
    smallest = build("invoice", "-o", "out/q4_0", "--encodings", "Q4_0", "--gate", "records_right=0",
                     "--gate", "fields_right=0", "--gate", "tolerance=1")  # fmt: skip
    figures["q4_0_peak_rss_mb"] = smallest["measured"]["machine"]["peak_rss_mb"]
    if given.receipts:
        files = ["--examples", str(given.receipts / "train.jsonl"), "--valid", str(given.receipts / "valid.jsonl")]
        figures["receipt"] = ladder(build("receipt", *files, "-o", "out/receipt"))
    print(f"Written to {write('figures', figures)}")


if __name__ == "__main__":
    main()
