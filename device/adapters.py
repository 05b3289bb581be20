"""Several tasks on one student: a base model in memory once, an adapter a task, switched from record to record.

Knows nothing of bundles. Every task gets an engine of its own to see, with sequences of its own: its prompt prefix was
computed under its adapter and stays in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llguidance.llamacpp import lltokenizer_from_vocab

from boardwright.device.drafts import Model
from boardwright.device.engines.base import Feed, Logits
from boardwright.device.engines.llama import LlamaEngine
from boardwright.device.harness import Harness
from boardwright.schemas.task import Task


@dataclass(frozen=True)
class Fitting:
    """A task with its adapter (GGUF), and what guesses its records."""

    task: Task
    adapter: Path
    drafts: Model | None = None


@dataclass
class Shared:
    """One engine and the task that used it last."""

    engine: LlamaEngine
    active: AdaptedEngine | None = None

    def hand_to(self, task: AdaptedEngine) -> None:
        if self.active is task:
            return
        if self.active is not None:
            self.active.drop_records()  # their room in the cache is the next task's
        self.engine.use_adapter(task.adapter)
        self.active = task


class AdaptedEngine:
    """The sequences of one task on a shared engine. See `Engine` for the contract."""

    def __init__(self, shared: Shared, adapter: Path, first: int, n_sequences: int, n_ctx: int) -> None:
        """first: the shared engine's sequence that is this one's 0."""
        engine = shared.engine
        self._shared = shared
        self._engine = engine
        self.adapter = adapter
        self._first = first
        self.n_vocab = engine.n_vocab
        self.pass_cost = engine.pass_cost
        self.kernels = engine.kernels
        self.n_ctx = n_ctx
        self.n_sequences = n_sequences

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        self._shared.hand_to(self)
        return self._engine.forward(
            [Feed(self._first + feed.sequence, feed.at, feed.tokens, feed.want) for feed in feeds]
        )

    def copy(self, source: int, target: int, until: int) -> None:
        self._shared.hand_to(self)
        self._engine.copy(self._first + source, self._first + target, until)

    def drop_records(self) -> None:
        """Forget all sequences but 0, which holds the task's prefix."""
        for sequence in range(1, self.n_sequences):
            self._engine.drop(self._first + sequence)

    def tokenize(self, text: str, special: bool) -> list[int]:
        return self._engine.tokenize(text, special)

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        return self._engine.detokenize(tokens)

    def close(self) -> None:
        """The engine is everybody's: whoever made it closes it."""


def harnesses(
    base: Path, fittings: Sequence[Fitting], *, threads: int = 0
) -> tuple[LlamaEngine, Mapping[str, Harness]]:
    """One engine for all tasks, and a harness for each by its name; close the engine when done.

    One record is in flight at a time. base: the student's GGUF, the one that the adapters were trained on.
    Raises BadBundle."""
    context = max(fitting.task.limits.context for fitting in fittings)
    engine = LlamaEngine(
        base,
        n_ctx=context,
        n_sequences=2 * len(fittings),
        # The one record in flight, and every task's prefix, which is short beside it.
        cells=context + 64 * len(fittings),
        threads=threads,
    )
    tokenizer = lltokenizer_from_vocab(engine.vocab)
    shared = Shared(engine)
    made = {}
    for number, fitting in enumerate(fittings):
        engine.load_adapter(fitting.adapter)
        view = AdaptedEngine(shared, fitting.adapter, 2 * number, 2, fitting.task.limits.context)
        made[fitting.task.name] = Harness(fitting.task, view, tokenizer, fitting.drafts)
    return engine, made
