"""A teacher in a checkpoint folder: transformers through Outlines.

Knows nothing of tasks. Questions go in batches; an answer is the same in any batch, rounding aside.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import llguidance.hf
import outlines
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.precision import precision
from boardwright.build.student import quiet_transformers
from boardwright.build.teachers.base import Answer, Answers, BadTeacher, Question
from boardwright.build.teachers.grammars import Held, Row
from boardwright.schemas.errors import KitError

# Of a machine's memory, what a teacher may fill for the sake of its speed.
SHARE = 0.5


def _numbers(folder: Path, device: str) -> torch.dtype:
    """In what to hold a teacher: what its device is quickest in, or bf16 where fp32, twice its files of 16 bits, would
    fill more than SHARE of the memory."""
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if device == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory
    else:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return precision(device) if 2 * weights <= SHARE * memory else torch.bfloat16


class CheckpointTeacher:
    """transformers, on the GPU where there is one."""

    def __init__(self, folder: Path, name: str, batch: int) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            with quiet_transformers():
                # No pickle, and no code of the model's own.
                loaded = AutoModelForCausalLM.from_pretrained(
                    folder, dtype=_numbers(folder, device), local_files_only=True, use_safetensors=True
                )
                self._network = cast(Any, loaded).to(device)
                self._words: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (ValueError, OSError, KeyError) as error:
            raise BadTeacher(
                "This folder is not a causal language model that transformers can load.",
                where=folder,
                allowed="config.json, *.safetensors and a fast tokenizer, as save_pretrained() writes them",
                next=str(error).splitlines()[0] if str(error) else None,
            ) from error
        self.name = f"transformers {name}"
        self._batch = batch
        settings = self._network.generation_config
        # Greedy, with the chance that is wanted already in the logits: these would be advice against that.
        settings.temperature = settings.top_p = settings.top_k = None
        self._model = outlines.from_transformers(self._network, self._words)
        self._tokenizer = llguidance.hf.from_tokenizer(self._words)
        self._context = int(getattr(self._network.config, "max_position_embeddings", 1 << 20))

    def close(self) -> None:
        pass

    def ask(self, questions: Iterable[Question]) -> Answers:
        source = iter(questions)
        while batch := list(itertools.islice(source, self._batch)):
            yield from self._answers(batch)

    def _answers(self, batch: Sequence[Question]) -> list[Answer | KitError]:
        outcomes: dict[int, Answer | KitError] = {}
        rows = {}
        prompt_tokens = {}
        for at, question in enumerate(batch):
            try:
                prompt_tokens[at] = self._fitting(question)
                rows[at] = Row(question, self._tokenizer)
            except KitError as error:
                outcomes[at] = error
        if rows:
            generator: Any = outlines.Generator(self._model, processor=Held(list(rows.values()), "torch"))
            try:
                texts = generator.batch(
                    [batch[at].prompt for at in rows],
                    max_new_tokens=max(batch[at].tokens for at in rows),
                    do_sample=False,
                )
            except torch.OutOfMemoryError as error:
                raise BadTeacher(
                    "The GPU has too little memory for this teacher.",
                    value=self.name,
                    next="ask fewer at once: --workers 1",
                ) from error
            for at, text in zip(rows, texts, strict=True):
                outcomes[at] = Answer(text, prompt_tokens[at], len(self._words(text)["input_ids"]))
        return [outcomes[at] for at in range(len(batch))]

    def _fitting(self, question: Question) -> int:
        """The tokens of a prompt, which the context has room for. Raises BadTeacher."""
        sent = self._model.type_adapter.format_input(question.prompt)
        count = len(self._words(sent)["input_ids"])
        if count + question.tokens > self._context:
            raise BadTeacher(
                "The prompt is longer than the teacher's context.",
                value=f"{count} tokens",
                allowed=f"{self._context - question.tokens} tokens",
                next="split the document",
            )
        return count
