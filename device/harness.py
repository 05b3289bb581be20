"""The harness: documents in, validated records out. The same code on workstation and board.

Knows nothing of files, bundles or commands. Owns one engine; use it from one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llguidance import LLTokenizer
from llguidance.llamacpp import lltokenizer_from_vocab
from pydantic import BaseModel

from boardwright.device.decoder import Decoded, Step, decode
from boardwright.device.engines.base import Engine, Feed, Logits
from boardwright.device.engines.llama import N_BATCH, LlamaEngine
from boardwright.device.grammar import Grammars
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.prompt import prompt_ids
from boardwright.schemas.records import parse
from boardwright.schemas.shape import NullableShape, TextShape, longest
from boardwright.schemas.task import Task


@dataclass(frozen=True)
class Timing:
    """Milliseconds of wall time. prefill: to the first logits.  decode: from there on.  total: both and the rest.

    Of records that share passes, each counts the whole time that it was in flight.
    """

    prefill: float
    decode: float
    total: float


@dataclass(frozen=True)
class Result:
    """One record. spans: verbatim field → (start, end) in characters of the document, its first occurrence.

    confidence and escalate are filled where the bundle carries a calibration. tokens: of the output.
    """

    record: BaseModel
    timing: Timing
    passes: int
    tokens: int
    prompt_tokens: int
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)
    escalate: bool = False


class Harness:
    """A task on an engine. The fixed prompt prefix is computed once and stays in the KV cache."""

    def __init__(self, task: Task, engine: Engine, tokenizer: LLTokenizer) -> None:
        self.task = task
        self.engine = engine
        self._grammars = Grammars(task.shape, tokenizer)
        self._longest = longest(task.shape)
        # Sequence 0 holds the prefix and nothing else; records are decoded in the others.
        self._slots = range(1, engine.n_sequences)
        self._prefix, _ = self.prompt_ids("")
        engine.forward([Feed(0, 0, self._prefix, [])])

    @classmethod
    def load(cls, task: Task, model: Path, *, slots: int = 1, threads: int = 0, prefill_threads: int = 0) -> Harness:
        """Load a GGUF file for a task. slots: records in flight at once, each with the task's context."""
        engine = LlamaEngine(
            model,
            n_ctx=task.limits.context,
            n_sequences=slots + 1,
            # Every slot begins with the prefix's own cells, so the sequence that keeps it costs nothing more.
            cells=slots * task.limits.context,
            threads=threads,
            prefill_threads=prefill_threads,
        )
        return cls(task, engine, lltokenizer_from_vocab(engine.vocab))

    def close(self) -> None:
        self.engine.close()

    def prompt_ids(self, text: str) -> tuple[list[int], list[int]]:
        """Token ids of (prefix, the rest of the prompt) for a document."""
        return prompt_ids(self.task.prompt(text), self.engine.tokenize)

    def extract(self, text: str) -> Result:
        """One document to one record. Raises BadDocument or BadRecord."""
        [result] = self.extract_many([text], slots=1)
        if isinstance(result, KitError):
            raise result
        return result

    def extract_many(self, texts: Iterable[str | KitError], *, slots: int | None = None) -> Iterator[Result | KitError]:
        """Records of many documents, in order; a document that fails yields its error. Lazy: reads as it goes.

        texts: may hold errors too, of documents that could not be read; they keep their place.  Up to `slots`
        documents share each forward pass.
        """
        free = list(self._slots)[: slots or None]
        running: dict[int, _Running] = {}
        done: dict[int, Result | KitError] = {}
        source = enumerate(texts)
        emitted = 0
        exhausted = False
        while True:
            # Before the next one is asked for: the source may be a pipe whose writer waits for this record.
            while emitted in done:
                yield done.pop(emitted)
                emitted += 1
            if free and not exhausted:
                item = next(source, None)
                if item is None:
                    exhausted = True
                    continue
                index, text = item
                try:
                    if isinstance(text, KitError):
                        raise text
                    running[free[-1]] = self._start(free[-1], index, text)
                    free.pop()
                except KitError as error:
                    done[index] = error
                continue
            if not running:
                return
            for slot in self._pass(running):
                finished = running.pop(slot)
                assert finished.outcome is not None
                done[finished.index] = finished.outcome
                free.append(slot)

    def _start(self, slot: int, index: int, text: str) -> _Running:
        if not text.strip():
            raise BadDocument("The document is empty.", where=f"document {index + 1}", allowed="some text")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise BadDocument(
                "The document is not valid Unicode: it has half of a surrogate pair.",
                where=f"document {index + 1}",
                value=text[error.start : error.end],
                allowed="text that can be written as UTF-8",
            ) from None
        started = time.perf_counter()
        _, rest = self.prompt_ids(text)
        room = self.task.limits.context
        needed = len(self._prefix) + len(rest) + self._longest
        if needed > room:
            raise BadDocument(
                "The document is longer than the context.",
                where=f"document {index + 1}",
                value=f"{len(rest)} tokens",
                allowed=f"{room - len(self._prefix) - self._longest} tokens "
                f"(context {room}, record up to {self._longest})",
                next="split the document, or raise the task's limits.context",
            )
        self.engine.copy(0, slot, len(self._prefix))
        steps = decode(self._grammars.matcher(text), rest, len(self._prefix), room)
        return _Running(index, text, slot, steps, started, len(self._prefix) + len(rest))

    def _pass(self, running: dict[int, _Running]) -> list[int]:
        """One forward pass over what fits of the running records. Returns the slots that came to an end.

        A prompt longer than the batch goes in over several passes; records that are being decoded ride along.
        """
        feeds: list[tuple[_Running, Feed]] = []
        room = N_BATCH
        for one in sorted(running.values(), key=lambda one: len(one.step.tokens) - one.fed):
            tokens = one.step.tokens[one.fed : one.fed + room]
            if not tokens:
                break
            complete = one.fed + len(tokens) == len(one.step.tokens)
            feeds.append((one, Feed(one.slot, one.step.at + one.fed, tokens, [len(tokens) - 1] if complete else [])))
            one.fed += len(tokens)
            one.passes += 1
            room -= len(tokens)
        outputs = self.engine.forward([feed for _, feed in feeds])
        ended = []
        for (one, _), logits in zip(feeds, outputs, strict=True):
            if len(logits) and one.advance(logits[0]):
                one.outcome = self._finish(one)
                ended.append(one.slot)
        return ended

    def _finish(self, one: _Running) -> Result | KitError:
        if one.error is not None:
            return one.error
        assert one.decoded is not None
        try:
            output = self.engine.detokenize(one.decoded.tokens).decode("utf-8", "replace")
            record = parse(self.task.record, output)
        except KitError as error:
            return error
        now = time.perf_counter()
        timing = Timing(
            prefill=(one.first_logits - one.started) * 1e3,
            decode=(now - one.first_logits) * 1e3,
            total=(now - one.started) * 1e3,
        )
        return Result(
            record,
            timing,
            one.passes,
            len(one.decoded.tokens),
            one.prompt_tokens,
            spans=self._spans(record, one.text),
        )

    def _spans(self, record: BaseModel, text: str) -> dict[str, tuple[int, int]]:
        spans: dict[str, tuple[int, int]] = {}
        for name, shape in self.task.shape.fields:
            inner = shape.inner if isinstance(shape, NullableShape) else shape
            value: Any = getattr(record, name)
            if isinstance(inner, TextShape) and inner.verbatim and value is not None:
                start = text.find(value)
                if start >= 0:
                    spans[name] = (start, start + len(value))
        return spans


class _Running:
    """One record in flight."""

    def __init__(
        self,
        index: int,
        text: str,
        slot: int,
        steps: Generator[Step, Logits, Decoded],
        started: float,
        prompt_tokens: int,
    ) -> None:
        self.index = index
        self.text = text
        self.slot = slot
        self.started = started
        self.prompt_tokens = prompt_tokens
        self.first_logits = 0.0
        self.decoded: Decoded | None = None
        self.error: KitError | None = None
        self.outcome: Result | KitError | None = None
        self.fed = 0  # of the tokens of `step`
        self.passes = 0
        self._steps = steps
        self.step = next(steps)

    def advance(self, logits: Logits) -> bool:
        """Hand over the logits of the last token fed. True when the record came to an end."""
        self.first_logits = self.first_logits or time.perf_counter()
        try:
            self.step, self.fed = self._steps.send(logits), 0
        except StopIteration as stop:
            self.decoded = stop.value
            return True
        except KitError as error:
            self.error = error
            return True
        return False
