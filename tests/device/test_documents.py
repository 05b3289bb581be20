"""Anything that is text is a document; what is not keeps its place and says why."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from boardwright.device import documents
from boardwright.device.documents import Document, check_inputs, read_documents, texts_of
from boardwright.schemas.errors import BadDocument, KitError


def read(data: bytes, *, jsonl: bool = False) -> list[Document]:
    return list(read_documents([], jsonl=jsonl, stdin=io.BytesIO(data)))


def error_of(document: Document) -> BadDocument:
    assert isinstance(document.text, BadDocument), document.text
    return document.text


def test_standard_input_is_one_document() -> None:
    assert read(b"two\nlines\n") == [Document("stdin", "stdin", "two\nlines\n")]


def test_a_file_is_one_document_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffTotal: 3 €\r\n".encode())  # the byte order mark is Notepad's, not the document's
    assert list(read_documents([str(path)])) == [Document(str(path), str(path), "Total: 3 €\r\n")]


def test_jsonl_holds_a_document_a_line(tmp_path: Path) -> None:
    path = tmp_path / "d.JSONL"
    path.write_text('{"id": "a", "text": "x", "record": {}}\n\n{"id": 7, "text": "y"}\n{"text": "z"}')
    assert list(read_documents([str(path)])) == [
        Document("a", f"{path}:1", "x"),
        Document("7", f"{path}:3", "y"),
        Document(f"{path}:4", f"{path}:4", "z"),
    ]


def test_files_and_standard_input_come_in_the_order_given(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    names = [str(tmp_path / "b"), "-", str(tmp_path / "a")]
    assert [one.text for one in read_documents(names, stdin=io.BytesIO(b"in"))] == ["b", "in", "a"]


@pytest.mark.parametrize(
    ("data", "what", "value", "next_"),
    [
        (b"", "empty", None, None),
        (b" \n\t", "empty", None, None),
        (b"%PDF-1.7\n\x00\x01\xff", "binary", None, "pdftotext"),
        (b"text\x00text", "binary", None, "pdftotext"),
        ("Müller".encode("latin1"), "not UTF-8", "byte 0xfc at 1", "iconv -f LATIN1"),
        ("Müller".encode("utf-16"), "not UTF-8", "byte 0xff at 0", "iconv -f UTF-16"),
        (b"x" * (documents.MAX_BYTES + 1), "too long", None, "split"),
    ],
    ids=["nothing", "blank", "pdf", "nul", "latin1", "utf16", "long"],
)
def test_what_is_not_text_says_why(data: bytes, what: str, value: str | None, next_: str | None) -> None:
    [document] = read(data)
    error = error_of(document)
    assert what in error.what
    assert error.where == "stdin"
    assert error.value == value
    assert (next_ or "") in str(error.next)


@pytest.mark.parametrize(
    ("line", "name", "what"),
    [
        (b"{", "stdin:2", "not JSON: Expecting property name"),
        (b"[1]", "stdin:2", "not an object"),
        (b"[" * 100_000, "stdin:2", "not JSON"),
        (b"\xff", "stdin:2", "not UTF-8"),
        (b'{"id": "x"}', "x", "'text' is missing"),
        (b'{"id": "x", "text": 3}', "x", "'text' is not a string"),
        (b'{"id": [], "text": "t"}', "stdin:2", "'id' is not a string"),
        (b'{"id": true, "text": "t"}', "stdin:2", "'id' is not a string"),
        (b'{"id": "\\ud83d", "text": "t"}', "stdin:2", "'id' is not a string"),
        (b'{"id": "x", "text": ""}', "x", "empty"),
        (b'{"id": "x", "text": "a\\u0000"}', "x", "binary"),
        (b'{"id": "x", "text": "\\ud83d"}', "x", "surrogate"),
        (b'{"text": "' + b"x" * documents.MAX_BYTES + b'"}', "stdin:2", "too long"),
    ],
)
def test_a_broken_line_fails_alone(line: bytes, name: str, what: str) -> None:
    before, broken, after = read(b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n', jsonl=True)
    assert (before.text, after.text, after.where) == ("a", "b", "stdin:3")
    assert broken.id == name
    error = error_of(broken)
    assert what in error.what
    assert error.where == "stdin:2"


def test_a_line_is_handed_out_before_the_next_is_written() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "wb", buffering=0) as sink:
        lines = read_documents([], jsonl=True, stdin=source)
        sink.write(b'{"text": "first"}\n')
        assert next(lines).text == "first"
        threading.Timer(0.05, sink.write, [b'{"text": "second"}\n']).start()
        assert next(lines).text == "second"


def test_a_name_that_is_not_unicode_is_still_written(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(name)).write_text("x")
    [document] = read_documents([os.fsdecode(name)])
    assert document.id.endswith("caf\N{REPLACEMENT CHARACTER}.txt")
    assert document.text == "x"


def test_a_file_that_cannot_be_read_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("b")
    gone, there = read_documents([str(tmp_path / "a"), str(tmp_path / "b")])
    assert "No such file" in error_of(gone).what
    assert there.text == "b"


@pytest.mark.parametrize(
    ("names", "what"),
    [(["nothing.txt"], "no such file"), (["."], "folder"), (["-", "-"], "named twice")],
)
def test_mistyped_names_are_caught_before_anything_is_loaded(names: list[str], what: str) -> None:
    with pytest.raises(KitError, match=what):
        check_inputs(names)


def test_a_shell_pipe_is_a_file() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"piped")
    os.close(writer)
    check_inputs([f"/dev/fd/{reader}"])
    [document] = read_documents([f"/dev/fd/{reader}"])
    os.close(reader)
    assert document.text == "piped"


def test_a_benchmark_wants_all_of_its_documents() -> None:
    assert texts_of(read(b'{"text": "a"}\n{"text": "b"}', jsonl=True)) == ["a", "b"]
    with pytest.raises(BadDocument, match="empty"):
        texts_of(read(b""))
    with pytest.raises(BadDocument, match="no document"):
        texts_of([])
