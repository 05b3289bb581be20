"""How many threads are fastest here, for passes of one token and of many: measured in five seconds, then remembered.

Knows nothing of tasks. More threads than memory can feed make decoding slower, and which number that is depends on the
board, its cooling and the encoding: so it is measured, with the very model.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boardwright.device.bench import cpu_name
from boardwright.device.engines.base import Feed
from boardwright.schemas.durable import replace_text

if TYPE_CHECKING:
    from boardwright.device.engines.llama import LlamaEngine
    from boardwright.device.engines.onnx import OnnxEngine

SECONDS = 5.0
MANY = 64
LEAST = 3
# After a change, threads are new to their cores and caches are cold.
WARM_UP = 3
FILE = "threads.json"


@dataclass(frozen=True)
class Measured:
    """threads: of passes.  one_ms, many_ms: the median pass of 1 and of MANY tokens."""

    threads: int
    one_ms: float
    many_ms: float


@dataclass(frozen=True)
class Choice:
    """decode: threads for passes of one token.  prefill: for passes of more.  pass_cost: with those, what a pass costs
    beside its tokens, in tokens."""

    decode: int
    prefill: int
    pass_cost: float


def measure(engine: LlamaEngine | OnnxEngine, cores: int, seconds: float = SECONDS) -> list[Measured]:
    """Time passes with 1, 2, … up to `cores` threads, in turn, so that a slow moment is everybody's."""
    counts = range(1, cores + 1)
    times: dict[tuple[int, int], list[float]] = {(count, size): [] for count in counts for size in (1, MANY)}
    token = engine.tokenize("a", False)
    ends = time.perf_counter() + seconds
    rounds = 0
    while not rounds or time.perf_counter() < ends:
        for count in counts:
            engine.use_threads(count, count)
            for turn in range(WARM_UP + LEAST):
                for size in (MANY, 1):
                    feed = [Feed(0, 0 if size == MANY else MANY, token[:1] * size, [size - 1])]
                    started = time.perf_counter()
                    engine.forward(feed)
                    if turn >= WARM_UP:
                        times[count, size].append((time.perf_counter() - started) * 1e3)
        rounds += 1
    return [
        Measured(count, statistics.median(times[count, 1]), statistics.median(times[count, MANY])) for count in counts
    ]


def choose(measured: Sequence[Measured]) -> Choice:
    """The fastest of each kind; of two within 3 %, the one with fewer threads, which leaves a core to others."""
    decode = _fewest(measured, lambda one: one.one_ms)
    prefill = _fewest(measured, lambda one: one.many_ms)
    a_token = max((prefill.many_ms - decode.one_ms) / (MANY - 1), 1e-6)
    pass_cost = min(max(decode.one_ms / a_token - 1, 0.0), float(MANY))
    return Choice(decode.threads, prefill.threads, round(pass_cost, 1))


def _fewest(measured: Sequence[Measured], cost: Callable[[Measured], float]) -> Measured:
    best = min(map(cost, measured))
    return next(one for one in sorted(measured, key=lambda one: one.threads) if cost(one) <= 1.03 * best)


def remember(cache: Path, model_id: str, cores: int, choice: Choice) -> None:
    """Keep a choice for this model on this machine. Raises NoSpace, KitError."""
    known = _known(cache)
    known[_key(model_id, cores)] = asdict(choice)
    replace_text(cache / FILE, json.dumps(known, indent=1) + "\n")


def recall(cache: Path, model_id: str, cores: int) -> Choice | None:
    """What was measured for this model on this machine, if it was."""
    try:
        told = _known(cache)[_key(model_id, cores)]
        return Choice(int(told["decode"]), int(told["prefill"]), float(told["pass_cost"]))
    except (KeyError, TypeError, ValueError):
        return None


def _known(cache: Path) -> dict[str, Any]:
    try:
        known = json.loads((cache / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # it is only worth five seconds
    return known if isinstance(known, dict) else {}


def _key(model_id: str, cores: int) -> str:
    return f"{model_id[:16]} on {cores} cores of {cpu_name()}"
