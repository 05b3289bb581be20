"""The harness: documents in, validated records out. The same code on workstation and board.

Knows nothing of files, bundles or commands. Owns one engine; use it from one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llguidance import LLTokenizer
from pydantic import BaseModel

from boardwright.device.confidence import Calibration, doubtful, field_log_probabilities
from boardwright.device.decoder import SEARCH, Decoded, OutOfRoom, Step, decode
from boardwright.device.drafts import Model, RecordGuess
from boardwright.device.engines.base import N_BATCH, Engine, Feed, Logits
from boardwright.device.engines.load import load_engine
from boardwright.device.grammar import Grammars
from boardwright.device.windows import extract_in_windows
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.records import parse
from boardwright.schemas.shape import ObjectShape, TextShape, bare, fitted, has_list, least_bytes
from boardwright.schemas.task import Task


@dataclass(frozen=True)
class Timing:
    """Milliseconds of wall time. prefill: to the first logits.  decode: from there on.  total: both and the rest.

    Of records that share passes, each counts the whole time that it was in flight; of a document in windows, the sums.
    """

    prefill: float
    decode: float
    total: float


@dataclass(frozen=True)
class Result:
    """One record. spans: verbatim field → (start, end) in characters of the document, its first occurrence.

    log_probabilities: the student's, of each field's value as it wrote it, in nats.  least_sure: that of its least sure
    token.
    confidence: the share of such values that were right on the held-out part, and escalate: the fields for a person to
    look at, for that or for what they say.
    tokens: of the output, ids: which ones.  drafted, accepted: tokens fed on a guess, and those of them that stayed.
    ways: other records that were tried, for they could have been likelier.
    shortened: the context had no room for the task's bounds, so that texts or lists may end before they should.
    """

    record: BaseModel
    timing: Timing
    passes: int
    tokens: int
    prompt_tokens: int
    drafted: int = 0
    accepted: int = 0
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    log_probabilities: dict[str, float] = field(default_factory=dict)
    least_sure: float = 0.0
    confidence: dict[str, float] = field(default_factory=dict)
    escalate: list[str] = field(default_factory=list)
    ids: tuple[int, ...] = ()
    ways: int = 0
    shortened: bool = False


class Harness:
    """A task on an engine. The fixed prompt prefix is computed once and stays in the KV cache."""

    def __init__(
        self,
        task: Task,
        engine: Engine,
        tokenizer: LLTokenizer,
        drafts: Model | None = None,
        calibration: Calibration | None = None,
        pass_cost: float | None = None,
    ) -> None:
        """drafts: what guesses records from documents; none for no guesses.  pass_cost: the engine's, where measured
        on this machine. It decides which guesses are worth a try, never what comes out."""
        self.task = task
        self._calibration = calibration
        self._drafts = drafts
        self._pass_cost = engine.pass_cost if pass_cost is None else pass_cost
        self.engine = engine
        self._tokenizer = tokenizer
        self._shape = task.bounded_shape
        self._grammars = Grammars(self._shape, tokenizer)
        self._longest = task.longest_record
        # The likeliest list is a short one, for every item is a doubt more; and what redaction leaves out leaks.
        self._search = 0.0 if has_list(self._shape) else SEARCH
        # Sequence 0 holds the prefix and nothing else; records are decoded in the others.
        self._slots = range(1, engine.n_sequences)
        self._prefix, _ = self.prompt_ids("")
        engine.forward([Feed(0, 0, self._prefix, [])])

    @classmethod
    def load(
        cls,
        task: Task,
        model: Path,
        *,
        slots: int = 1,
        threads: int = 0,
        prefill_threads: int = 0,
        drafts: Model | None = None,
        calibration: Calibration | None = None,
        pass_cost: float | None = None,
    ) -> Harness:
        """Load a model file for a task. slots: records in flight at once, each with the task's context."""
        engine, tokenizer = load_engine(
            model,
            n_ctx=task.limits.context,
            n_sequences=slots + 1,
            # Every slot begins with the prefix's own cells, so the sequence that keeps it costs nothing more.
            cells=slots * task.limits.context,
            threads=threads,
            prefill_threads=prefill_threads,
        )
        return cls(task, engine, tokenizer, drafts, calibration, pass_cost)

    def close(self) -> None:
        self.engine.close()

    @property
    def document_room(self) -> int:
        """Tokens that a document may have."""
        _, suffix = self.prompt_ids("")
        return self.task.limits.context - len(self._prefix) - len(suffix) - self._longest

    def prompt_ids(self, text: str) -> tuple[list[int], list[int]]:
        """Token ids of (prefix, the rest of the prompt) for a document."""
        return self.task.prompt_ids(text, self.engine.tokenize)

    def extract(self, text: str) -> Result:
        """One document to one record. Raises BadDocument or BadRecord."""
        [result] = self.extract_many([text], slots=1)
        if isinstance(result, KitError):
            raise result
        return result

    def extract_many(self, texts: Iterable[str | KitError], *, slots: int | None = None) -> Iterator[Result | KitError]:
        """Records of many documents, in order; a document that fails yields its error. Lazy: reads as it goes.

        texts: may hold errors too, of documents that could not be read; they keep their place.  Up to `slots`
        documents share each forward pass.  A document longer than the context goes through in windows where the task's
        limits say so, and is refused elsewhere.
        """
        if self.task.limits.windows:
            return extract_in_windows(self, texts, slots)
        return self.extract_whole(texts, slots=slots)

    def extract_whole(
        self, texts: Iterable[str | KitError], *, slots: int | None = None
    ) -> Iterator[Result | KitError]:
        """As `extract_many`, but a document longer than the context is refused whatever the limits say."""
        free = list(self._slots)[: slots or None]
        sharing = len(free)
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
                    begun = self._start(free[-1], index, text, sharing)
                    if begun.decoded is not None:  # the document left the student no choice
                        done[index] = self._finish(begun)
                        continue
                    running[free.pop()] = begun
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

    def _start(self, slot: int, index: int, text: str, sharing: int) -> _Running:
        """Begin a record. sharing: how many are to share each pass, and what it costs."""
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
                next="split the document, raise the task's limits.context, or set limits.windows to read it in parts",
            )
        return self._run(slot, index, text, sharing, started, rest, self._grammars)

    def _run(
        self, slot: int, index: int, text: str, sharing: int, started: float, rest: list[int], grammars: Grammars
    ) -> _Running:
        room = self.task.limits.context
        self.engine.copy(0, slot, len(self._prefix))
        drafter = self._drafter(text) if self._drafts else None
        overhead = self._pass_cost / sharing
        steps = decode(grammars.matcher(text), rest, len(self._prefix), room, drafter, overhead, self._search)
        return _Running(index, text, slot, steps, started, rest, len(self._prefix) + len(rest), sharing)

    def _shorter(self, one: _Running) -> _Running | None:
        """The same record begun again within bounds that the context surely holds, which takes scripts of several bytes
        a character to need; None where not even the shortest fits, or that was the second try."""
        room = self.task.limits.context - one.prompt_tokens
        if one.again or room < least_bytes(self._shape):
            return None
        grammars = Grammars(fitted(self._shape, room), self._tokenizer)
        begun = self._run(one.slot, one.index, one.text, one.sharing, one.started, one.rest, grammars)
        begun.again = True
        begun.passes = one.passes
        return begun

    def _drafter(self, text: str) -> RecordGuess:
        assert self._drafts is not None
        tokenize, detokenize = self.engine.tokenize, self.engine.detokenize
        return RecordGuess(self.task.shape, self._drafts, text, lambda part: tokenize(part, False), detokenize)

    def _pass(self, running: dict[int, _Running]) -> list[int]:
        """One forward pass over what fits of the running records. Returns the slots that came to an end.

        A prompt longer than the batch goes in over several passes; records that are being decoded ride along.
        """
        feeds: list[tuple[_Running, Feed]] = []
        room = N_BATCH
        for one in sorted(running.values(), key=lambda one: len(one.step.tokens) - one.fed):
            feed = one.feed(room)
            if feed is None:
                break
            feeds.append((one, feed))
            room -= len(feed.tokens)
        outputs = self.engine.forward([feed for _, feed in feeds])
        ended = []
        for (one, _), logits in zip(feeds, outputs, strict=True):
            if len(logits) and one.advance(logits):
                if isinstance(one.error, OutOfRoom) and (begun := self._shorter(one)):
                    running[one.slot] = one = begun
                    if one.decoded is None:  # else the shorter bounds left the student no choice
                        continue
                one.outcome = self._finish(one)
                ended.append(one.slot)
        return ended

    def _finish(self, one: _Running) -> Result | KitError:
        if one.error is not None:
            return one.error
        assert one.decoded is not None
        tokens = one.decoded.tokens
        pieces = [self.engine.detokenize([token]) for token in tokens]
        try:
            output = b"".join(pieces).decode("utf-8", "replace")
            record = parse(self.task.record, output)
        except KitError as error:
            return error
        sure = field_log_probabilities(
            output, [len(piece) for piece in pieces], one.decoded.log_probabilities, list(self.task.record.model_fields)
        )
        record = self.task.conformed(record, one.text, sure)
        confidence = {name: self._calibration.of(value) for name, value in sure.items()} if self._calibration else {}
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
            len(tokens),
            one.prompt_tokens,
            one.decoded.drafted,
            one.decoded.accepted,
            spans=self._spans(record, one.text),
            log_probabilities=sure,
            least_sure=min(one.decoded.log_probabilities, default=0.0),
            confidence=confidence,
            escalate=self.escalate(record, confidence),
            ids=tuple(tokens),
            ways=one.decoded.ways,
            shortened=one.again,
        )

    @property
    def threshold(self) -> float | None:
        """The confidence below which a field goes to a person, where the bundle knows."""
        return self._calibration.threshold if self._calibration else None

    @property
    def shape(self) -> ObjectShape:
        """The task's shape within its limits.output: how long texts and lists can get here."""
        return self._shape

    def escalate(self, record: BaseModel, confidence: Mapping[str, float], crowded: Collection[str] = ()) -> list[str]:
        """The fields that the bundle's threshold, or the task, sends to a person, and those named as crowded."""
        unsure = doubtful(confidence, self._calibration.threshold) if self._calibration else []
        said = self.task.escalated(record)
        return [name for name in self.task.record.model_fields if name in unsure or name in said or name in crowded]

    def _spans(self, record: BaseModel, text: str) -> dict[str, tuple[int, int]]:
        spans: dict[str, tuple[int, int]] = {}
        for name, shape in self.task.shape.fields:
            inner = bare(shape)
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
        rest: list[int],
        prompt_tokens: int,
        sharing: int,
    ) -> None:
        self.index = index
        self.text = text
        self.slot = slot
        self.started = started
        self.rest = rest
        self.prompt_tokens = prompt_tokens
        self.sharing = sharing
        self.again = False
        self.first_logits = 0.0
        self.decoded: Decoded | None = None
        self.error: KitError | None = None
        self.outcome: Result | KitError | None = None
        self.fed = 0  # of the tokens of `step`
        self.passes = 0
        self._steps = steps
        self.step = Step(0, [], [])
        try:
            self.step = next(steps)
        except StopIteration as stop:
            self.decoded = stop.value
            self.first_logits = time.perf_counter()

    def feed(self, room: int) -> Feed | None:
        """The next tokens of the step, at most `room`; None when they don't fit. Counts them as fed."""
        tokens, want = self.step.tokens, self.step.want
        if len(tokens) - self.fed <= room:
            feed = Feed(self.slot, self.step.at + self.fed, tokens[self.fed :], [at - self.fed for at in want])
        else:
            # All that logits are wanted of goes in together: they are gone with the next pass.
            part = tokens[self.fed : min(self.fed + room, want[0])]
            if not part:
                return None
            feed = Feed(self.slot, self.step.at + self.fed, part, [])
        self.fed += len(feed.tokens)
        self.passes += 1
        return feed

    def advance(self, logits: Logits) -> bool:
        """Hand over the logits that the step wants. True when the record came to an end."""
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
