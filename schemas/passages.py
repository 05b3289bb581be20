"""A question over several passages, as one document: the layout that training and the board share.

Knows nothing of where passages come from.
"""

from __future__ import annotations

from collections.abc import Sequence


def question_and_passages(question: str, passages: Sequence[str]) -> str:
    """The question on the first line, then each passage on a line of its own, numbered from 1."""
    return "\n".join([one_line(question), *(f"[{at}] {one_line(one)}" for at, one in enumerate(passages, 1))])


def one_line(text: str) -> str:
    """The text with each character of white space or control as a space: what it holds keeps its place."""
    return "".join(" " if c.isspace() or c < " " else c for c in text)
