"""What holds a teacher that is decoded here to its answer: a grammar of its own for each question of a batch.

Knows nothing of models. Outlines' own processors have one grammar for all of a batch; a record's grammar depends on its
document, for a verbatim field is a piece of it. It is the student's grammar, so that both answer in one language.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher, LLTokenizer
from outlines.processors import OutlinesLogitsProcessor

from boardwright.build.teachers.base import BadTeacher, Question
from boardwright.device.grammar import Grammars

# Of a warm answer: tokens less likely than this share of the likeliest one are no choice. Among 150,000 tokens, the
# unlikely ones are a lot together.
LEAST_SHARE = 0.05


class Row:
    """An answer under way: what its grammar admits next, and what chance does to it."""

    def __init__(self, question: Question, tokenizer: LLTokenizer) -> None:
        """Raises BadDocument when there is nothing to copy from, BadTask or BadTeacher for a schema that won't do."""
        self._matcher = _matcher(question, tokenizer)
        self._eos = tokenizer.eos_token
        self._temperature = question.temperature
        # Of this row alone, so that an answer does not depend on what else was in its batch.
        self._rng = np.random.default_rng(question.seed)

    def consume(self, token: int) -> None:
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)

    def held(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The logits of what may come next, and minus infinity elsewhere; the highest is what is to come."""
        allowed = np.zeros(logits.size, np.bool_)
        if self._matcher.is_stopped():
            allowed[self._eos] = True
        else:
            bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
            allowed[: bits.size] = bits[: logits.size]
        held = np.where(allowed, logits, np.float32(-np.inf)).astype(np.float32)
        if self._temperature > 0:
            # The largest of logits with Gumbel noise is a draw from their softmax.
            held[held < held.max() + np.log(LEAST_SHARE)] = -np.inf
            held = held / np.float32(self._temperature) + self._rng.gumbel(size=held.size).astype(np.float32)
        return held


class Held(OutlinesLogitsProcessor):
    """Lets each row of a batch go on as its grammar admits. For greedy decoding."""

    def __init__(self, rows: Sequence[Row], library: str) -> None:
        """library: Outlines' name for the model's tensors, "torch" or "numpy"."""
        super().__init__(library)
        self._rows = rows
        self._library = library
        self._begun = False

    def process_logits(self, input_ids: Any, logits: Any) -> Any:
        """input_ids: (rows, tokens so far).  logits: (rows, vocabulary)."""
        if self._begun:
            for row, ids in zip(self._rows, input_ids, strict=True):
                row.consume(int(ids[-1]))
        self._begun = True
        if self._library == "numpy":
            return np.stack([row.held(one) for row, one in zip(self._rows, logits, strict=True)])
        import torch

        scores = logits.float().cpu().numpy()
        held = np.stack([row.held(one) for row, one in zip(self._rows, scores, strict=True)])
        return torch.from_numpy(held).to(logits.device)


def _matcher(question: Question, tokenizer: LLTokenizer) -> LLMatcher:
    """At the start of an answer to this question."""
    if question.shape is not None:
        return Grammars(question.shape, tokenizer).matcher(question.document)
    # No free white space: a small model can go on with that for ever.
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(question.schema), {"whitespace_flexible": False})
    made = LLMatcher(tokenizer, grammar, log_level=0)
    if made.is_error():
        raise BadTeacher("llguidance refuses the schema of this answer.", value=made.get_error())
    return made
