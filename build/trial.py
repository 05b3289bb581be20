"""A trial: one model file on a gold set, in a process of its own: `python -m boardwright.build.trial`.

Knows nothing of students or the store. Memory counts only where nothing else is loaded, and a runtime that crashes
takes nobody else with it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from boardwright.build.evaluate import evaluate
from boardwright.device.bench import measure, peak_rss_mb
from boardwright.device.engines.base import N_BATCH, Engine, Feed, Logits
from boardwright.device.engines.load import load_engine
from boardwright.device.harness import Harness
from boardwright.schemas.errors import BadRecord, KitError
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.prompt import END
from boardwright.schemas.records import parse, spell
from boardwright.schemas.shape import longest
from boardwright.schemas.steps import Event, step, use_reporter
from boardwright.schemas.task import Task, load_task

PHASES = 3
SEQUENCE = 1  # the harness keeps the prompt's prefix in sequence 0


def trial(task: Task, model: Path, golds: Sequence[Example]) -> dict[str, Any]:
    """The figures of `compare_students.Figures` that a run gives. Raises KitError for a model that can't be run."""
    room = task.limits.context
    engine, tokenizer = load_engine(model, n_ctx=room, n_sequences=2, cells=room)
    with closing(Harness(task, engine, tokenizer)) as harness, tempfile.TemporaryDirectory() as scratch:
        with step("With the grammar"):
            scores = evaluate(task, harness, golds, Path(scratch)).scores
        figures = measure(harness, [gold.text for gold in golds], len(golds))
        memory = peak_rss_mb()  # before what no board does
        valid, bits = 0, []
        with step("Without it") as running:
            for done, gold in enumerate(golds, 1):
                prefix, rest = harness.prompt_ids(gold.text)
                most = min(room - len(prefix) - len(rest), longest(task.shape))
                if most > 0:
                    engine.copy(0, SEQUENCE, len(prefix))
                    output = freely(engine, len(prefix), rest, {tokenizer.eos_token, *engine.tokenize(END, True)}, most)
                    valid += is_valid(task, output)
                    bits.append(bits_per_byte(engine, len(prefix), rest, spell(gold.record), room))
                running.progress(done, len(golds))
    return {
        "scores": asdict(scores),
        "valid_free": valid,
        "bits_per_byte": float(np.mean(bits)) if bits else None,
        "latency_ms_p50": figures.latency_ms.p50,
        "prefill_tokens_per_s": figures.prefill_tokens_per_s,
        "decode_tokens_per_s": figures.decode_tokens_per_s,
        "peak_rss_mb": memory,
    }


def freely(engine: Engine, at: int, rest: Sequence[int], ends: set[int], most: int) -> str:
    """What the student writes by itself, greedily, up to a token of `ends` or `most` tokens.

    at: positions that the cache holds already.  It stops early where no record can come of it: one begins with {."""
    written = bytearray()
    logits = _feed(engine, at, rest, 1)[-1]
    at += len(rest)
    for _ in range(most):
        token = int(logits.argmax())
        if token in ends:
            break
        written += engine.detokenize([token])
        if bytes(written.lstrip()[:1]) not in (b"", b"{"):
            break
        logits = _feed(engine, at, [token], 1)[-1]
        at += 1
    return written.decode("utf-8", "replace")


def is_valid(task: Task, output: str) -> bool:
    try:
        parse(task.record, output)
    except BadRecord:
        return False
    return True


def bits_per_byte(engine: Engine, at: int, rest: Sequence[int], output: str, room: int) -> float:
    """How little the student expects the gold record, in bits a byte: what training has to bring down.

    Per byte, so that students with other tokenizers compare. Of a record past `room` positions, what is within."""
    tokens = engine.tokenize(output, False)[: room - at - len(rest)]
    rows = np.array(_feed(engine, at, [*rest, *tokens[:-1]], len(tokens)), np.float64)
    top = rows.max(1, keepdims=True)
    likely = (rows - top)[np.arange(len(tokens)), tokens] - np.log(np.exp(rows - top).sum(1))
    return float(-likely.sum() / np.log(2) / len(engine.detokenize(tokens)))


def _feed(engine: Engine, at: int, tokens: Sequence[int], wanted: int) -> Logits:
    """Feed tokens in as many passes as they need; logits of the last `wanted`, at most a batch of them."""
    rows = []
    for start in range(0, len(tokens), N_BATCH):
        part = tokens[start : start + N_BATCH]
        want = [offset for offset in range(len(part)) if start + offset >= len(tokens) - wanted]
        [logits] = engine.forward([Feed(SEQUENCE, at + start, part, want)])
        rows.append(np.array(logits))  # the engine's own array is good until the next pass
    return np.concatenate(rows)


class _Told:
    """Tells whoever started this process how far it is: documents done, and to do."""

    def __init__(self) -> None:
        self._phase = -1

    def report(self, event: Event) -> None:
        self._phase += event.kind == "start"
        if event.kind == "progress" and event.done is not None and event.total:
            print(self._phase * event.total + event.done, PHASES * event.total, flush=True)

    def close(self) -> None:
        pass


def main(folder: str, model: str, examples: str, count: str, output: str) -> int:
    """Write the figures, or {"error": …}, to `output`.  count: of the examples, how many."""
    try:
        task = load_task(folder)
        golds = read_examples(Path(examples), task.record)[: int(count)]
        with use_reporter(_Told()):
            told = trial(task, Path(model), golds)
    except KitError as error:
        told = {"error": str(error)}
    Path(output).write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
