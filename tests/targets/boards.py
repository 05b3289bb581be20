"""What `bench --json` prints on a board that nobody has: for tests of filing, never shipped."""

from __future__ import annotations

import copy
from typing import Any

PI5 = "Raspberry Pi 5 Model B Rev 1.0"
_BENCH: dict[str, Any] = {
    "how": "measured",
    "figures": {
        "records": 100,
        "failed": 0,
        "slots": 1,
        "latency_ms": {"p50": 300.0, "p95": 410.0, "p99": 500.0},
        "first_token_ms": {"p50": 200.0, "p95": 260.0, "p99": 300.0},
        "prefill_tokens_per_s": 600.0,
        "decode_tokens_per_s": 400.0,
        "passes_per_record": 3.3,
        "drafted_per_record": 64.0,
        "accepted_per_record": 57.0,
        "tokens_per_record": 64.0,
        "prompt_tokens_per_record": 134.0,
        "prefix_tokens": 17,
        "records_per_minute": 190.0,
    },
    "machine": {
        "verify_s": 0.4,
        "load_s": 1.0,
        "peak_rss_mb": 260.0,
        "model_mb": 91.9,
        "encoding": "Q4_0",
        "decode_threads": 2,
        "prefill_threads": 4,
        "cpu": PI5,
        "board": PI5,
        "temperature_c": [41.0, 58.5],
        "throttle_word": [0, 0],
        "written_bytes": 0,
        "invalid": [],
    },
    "bundle": {
        "id": "a" * 64,
        "task": "invoice",
        "version": "1.0.0",
        "target": "rpi5-8gb",
        "model": "b" * 64,
        "model_bytes": 91_900_000,
    },
}


def bench(**changes: Any) -> dict[str, Any]:
    """A run with some values changed: `machine__board=None` is {"machine": {"board": None}}."""
    run = copy.deepcopy(_BENCH)
    for path, value in changes.items():
        *tables, name = path.split("__")
        table = run
        for one in tables:
            table = table[one]
        table[name] = value
    return run
