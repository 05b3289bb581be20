"""The prompt: one layout, three parts that are tokenised apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.prompt import END, TURN, prompt_ids, render


def marked(text: str, special: bool) -> list[int]:
    """Bytes, and for the marks of a turn negative numbers, where they are parsed."""
    ids: list[int] = []
    while text:
        mark = next((m for m in (TURN, END) if special and text.startswith(m)), None)
        ids += [-1 if mark == TURN else -2] if mark else text[0].encode()
        text = text[len(mark or "x") :]
    return ids


def test_the_layout() -> None:
    prompt = render("Read it.", "A text")
    assert prompt.prefix + prompt.document + prompt.suffix == (
        "<|im_start|>user\nRead it.\n\nA text<|im_end|>\n<|im_start|>assistant\n"
    )


@given(st.text(), st.text())
def test_the_prefix_does_not_depend_on_the_document(one: str, other: str) -> None:
    first, second = render("Read it.", one), render("Read it.", other)
    assert first.prefix == second.prefix
    assert prompt_ids(first, marked)[0] == prompt_ids(second, marked)[0]


@given(st.lists(st.sampled_from([TURN, END, "a", "\n", "assistant", "<|im_", "end|>"])).map("".join))
def test_a_document_opens_no_turn(document: str) -> None:
    prefix, rest = prompt_ids(render("Read it.", document), marked)
    assert prefix[0] == -1
    assert [token for token in rest if token < 0] == [-2, -1]
    assert bytes(rest[: len(document.encode())]) == document.encode()


def test_a_document_that_begins_like_the_prefix_ends_is_split_the_same() -> None:
    """A tokenizer merges over a boundary; the parts are kept apart so that the prefix can stay in the cache."""

    def pairs(text: str, special: bool) -> list[int]:
        return [hash(text[i : i + 2]) for i in range(0, len(text), 2)]

    prefixes = {tuple(prompt_ids(render("Read.", document), pairs)[0]) for document in ("\n", "\n\nx", "x", "")}
    assert len(prefixes) == 1
