"""What a teacher is: questions in, answers out.

Knows nothing of documents, records or prompts beyond their text.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from boardwright.schemas.errors import KitError
from boardwright.schemas.shape import ObjectShape

# Tokens of prompt and answer together that a teacher is loaded for. More would cost memory that no document here needs.
CONTEXT = 8192


@dataclass(frozen=True)
class Question:
    """One thing to ask.

    schema: JSON schema of the answer.  shape: the same as a record's shape, where the answer is a record: it says more
    than a schema can, and a teacher that we decode ourselves is held to it.  document: what values may be copied from.
    temperature: 0 for the likeliest answer.  seed: with which a warmer one is drawn.  tokens: the longest answer.
    record: what the answer is to be a document of, for a teacher that does not read prompts.
    """

    id: str
    prompt: str
    schema: dict[str, Any]
    shape: ObjectShape | None
    document: str
    tokens: int
    temperature: float = 0.0
    seed: int = 0
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """text: what came back, whatever it is.  The counts are the teacher's own; 0 where it does not say."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Settings:
    """What all teachers are told. workers: questions at once, of each server, or in a batch.  timeout: seconds that a
    server has for an answer.  retries: how often a question is asked again.  model: of a server; none for its first."""

    workers: int = 8
    timeout: float = 120.0
    retries: int = 3
    model: str | None = None


class BadTeacher(KitError):
    """A teacher that is not there, does not answer, or answers what cannot be used."""


Answers = Generator[Answer | KitError, None, None]


class Teacher(Protocol):
    """name: for the rows that it writes; holds no address and no key."""

    name: str

    def ask(self, questions: Iterable[Question]) -> Answers:
        """The answers in the order of the questions; a question that fails has its error. Reads ahead of what it has
        answered, never far. Raises BadTeacher when no more answers can come."""
        ...

    def close(self) -> None: ...
