"""The one prompt function: training, evaluation and the board call it, so they can't differ.

Knows nothing of models beyond the ChatML marks, which are plain text to a student that lacks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TURN, END = "<|im_start|>", "<|im_end|>"


@dataclass(frozen=True)
class Prompt:
    """`prefix` and `suffix` are ours and may hold special tokens; `document` is the user's and never does."""

    prefix: str
    document: str
    suffix: str


def render(instruction: str, document: str) -> Prompt:
    """The prompt of one document. The prefix is the same for every document of a task."""
    return Prompt(f"{TURN}user\n{instruction}\n\n", document, f"{END}\n{TURN}assistant\n")


def prompt_ids(prompt: Prompt, tokenize: Callable[[str, bool], list[int]]) -> tuple[list[int], list[int]]:
    """Token ids of (prefix, document and suffix). `tokenize(text, special)` parses special tokens only where `special`.

    The three parts are tokenised apart: the prefix can then be kept in the KV cache whatever the document begins
    with, and a document that spells `<|im_end|>` stays a document.
    """
    return tokenize(prompt.prefix, True), tokenize(prompt.document, False) + tokenize(prompt.suffix, True)
