"""A teacher in a GGUF file: llama.cpp through Outlines.

Knows nothing of tasks. One question at a time, all in the thread that asks: a context of llama.cpp belongs to one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import llama_cpp
import outlines
from llguidance.llamacpp import lltokenizer_from_vocab

from boardwright.build.teachers.base import CONTEXT, Answer, Answers, BadTeacher, Question
from boardwright.build.teachers.grammars import Held, Row
from boardwright.schemas.errors import KitError


class GgufTeacher:
    def __init__(self, path: Path) -> None:
        """Raises BadTeacher for a file that llama.cpp can't read."""
        cores = len(os.sched_getaffinity(0))
        try:
            self._llama = llama_cpp.Llama(
                str(path), n_ctx=CONTEXT, n_gpu_layers=-1, n_threads=cores, n_threads_batch=cores, verbose=False
            )
        except (ValueError, OSError) as error:
            raise BadTeacher(
                "llama.cpp can't read this teacher.", where=path, next=f"check that the file is complete ({error})"
            ) from error
        self.name = f"llama.cpp {path.name}"
        self._model = outlines.from_llamacpp(self._llama)
        self._tokenizer = lltokenizer_from_vocab(llama_cpp.llama_model_get_vocab(self._llama.model))

    def close(self) -> None:
        self._llama.close()

    def ask(self, questions: Iterable[Question]) -> Answers:
        for question in questions:
            try:
                yield self._answer(question)
            except KitError as error:
                yield error

    def _answer(self, question: Question) -> Answer:
        prompt_tokens = self._count(question.prompt)
        room = self._llama.n_ctx() - question.tokens
        if prompt_tokens > room:
            raise BadTeacher(
                "The prompt is longer than the teacher's context.",
                value=f"{prompt_tokens} tokens",
                allowed=f"{room} tokens",
                next="split the document",
            )
        held = Held([Row(question, self._tokenizer)], "numpy")
        generator: Any = outlines.Generator(self._model, processor=held)
        # Chance is in the logits already.
        text: str = generator(question.prompt, max_tokens=question.tokens, temperature=0.0)
        return Answer(text, prompt_tokens, self._count(text))

    def _count(self, text: str) -> int:
        return len(self._llama.tokenize(text.encode("utf-8"), add_bos=False))
