"""`boardwright-device redact`, `route` and `answer`: the natural call of a kind of task.

Knows only options and printing; each command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from boardwright.device.options import (
    FILE,
    bundle_options,
    files_argument,
    json_option,
    jsonl_option,
    threads_option,
)

if TYPE_CHECKING:
    from boardwright.device.documents import Document
    from boardwright.device.harness import Harness
    from boardwright.schemas.errors import KitError
    from boardwright.schemas.shape import ObjectShape

T = TypeVar("T")

threshold_option = click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Confidence that is sure enough. Default: the bundle's own.",
)
lines_option = click.option("--json", "as_json", is_flag=True, help="Write JSON lines: one a document, in order.")
output_option = click.option(
    "--output", type=FILE, metavar="FILE", help="Write here, all or nothing, instead of standard output."
)


@click.command()
@bundle_options
@files_argument
@jsonl_option
@lines_option
@threshold_option
@threads_option
@output_option
@click.pass_context
def redact(
    ctx: click.Context,
    bundle: Path,
    key: Path | None,
    files: tuple[str, ...],
    jsonl: bool,
    as_json: bool,
    threshold: float | None,
    threads: int | None,
    output: Path | None,
) -> None:
    """Write documents without their personal data.

    [EMAIL] and the like stand in its place: what the bundle's student finds, and what rules find. A document of which
    not all can be vouched for is withheld: nothing of it is written, and the exit code is 1. With --json a line has the
    text and the spans, {start, end, kind, source: model, rule or both}.
    """
    from boardwright.device import extract as verb
    from boardwright.device import natural
    from boardwright.device.redact import listing_of
    from boardwright.schemas.errors import KitError
    from boardwright.schemas.records import spell

    failed = 0
    with _loaded(bundle, key, files, threads, listing_of) as harness, verb.output(output) as write:
        outcomes = _each(files, jsonl, lambda text: natural.redact(harness, text, threshold))
        for document, outcome in outcomes:
            if isinstance(outcome, KitError):
                failed += 1
                # A value is a piece of the document, which is the last thing to show here, or how sure it is.
                if not isinstance(outcome, natural.Withheld):
                    outcome.value = None
                _tell(document, outcome, write if as_json else None)
            elif as_json:
                spans = [vars(span) for span in outcome.spans]
                confidence = round(outcome.confidence, 4)
                line = {"id": document.id, "text": outcome.text, "spans": spans, "confidence": confidence}
                write(spell(line) + "\n")
            else:
                write(outcome.text if outcome.text.endswith("\n") else outcome.text + "\n")
    ctx.exit(1 if failed else 0)


@click.command()
@bundle_options
@files_argument
@jsonl_option
@lines_option
@threshold_option
@threads_option
@output_option
@click.pass_context
def route(
    ctx: click.Context,
    bundle: Path,
    key: Path | None,
    files: tuple[str, ...],
    jsonl: bool,
    as_json: bool,
    threshold: float | None,
    threads: int | None,
    output: Path | None,
) -> None:
    """Decide where each document goes, or that a person is to decide.

    What is out of scope, and what the student is not sure enough of, escalates. A document that fails is reported and
    the run goes on; the exit code is 1 then.
    """
    from boardwright.device import extract as verb
    from boardwright.device import natural
    from boardwright.device.confidence import in_percent
    from boardwright.schemas.errors import KitError
    from boardwright.schemas.records import spell

    failed = 0
    with _loaded(bundle, key, files, threads, natural.choice_of) as harness, verb.output(output) as write:
        for document, outcome in _each(files, jsonl, lambda text: natural.route(harness, text, threshold)):
            if isinstance(outcome, KitError):
                failed += 1
                _tell(document, outcome, write if as_json else None)
            elif as_json:
                write(spell({"id": document.id, **vars(outcome), "confidence": round(outcome.confidence, 4)}) + "\n")
            else:
                sure = f"{outcome.intent} ({in_percent(outcome.confidence)})"
                to = f"a person ({outcome.why})" if outcome.escalate else sure
                write(f"{document.id}: {to}\n")
    ctx.exit(1 if failed else 0)


@click.command()
@bundle_options
@files_argument
@click.option("--question", required=True, metavar="Q", help="What to ask.")
@json_option
@threshold_option
@threads_option
def answer(
    bundle: Path,
    key: Path | None,
    files: tuple[str, ...],
    question: str,
    as_json: bool,
    threshold: float | None,
    threads: int | None,
) -> None:
    """Answer a question from FILES, word for word, and say where it stands.

    The paragraphs of all files are the passages. Without files, or for -, they are read from standard input.
    """
    from boardwright.device import documents, natural
    from boardwright.device.answer import fields_of
    from boardwright.device.confidence import in_percent
    from boardwright.schemas.records import spell

    with _loaded(bundle, key, files, threads, fields_of) as harness:
        passages = []
        for document in documents.read_documents(files):
            [text] = documents.texts_of([document])
            passages += natural.passages_of(document.id, text)
        found = natural.answer(harness, question, passages, threshold)
    if as_json:
        click.echo(spell(vars(found) | {"confidence": round(found.confidence, 4)}))
        return
    click.echo("The passages do not answer this." if found.answer is None else found.answer)
    if found.span:
        _say(f"{found.source}, characters {found.span[0]} to {found.span[1]} ({in_percent(found.confidence)})")
    if found.escalate:
        _say(f"have somebody look at it: {found.why}")


def _loaded(
    bundle: Path, key: Path | None, files: tuple[str, ...], threads: int | None, fit: Callable[[ObjectShape], object]
) -> closing[Harness]:
    """The bundle's harness. fit: raises for a record of another kind, before a model is loaded."""
    from boardwright.device import documents
    from boardwright.device.bundles import load_bundle

    documents.check_inputs(files)
    installed = load_bundle(bundle, key)
    fit(installed.task.shape)
    harness = installed.harness(threads=threads)
    if (not files or documents.STDIN in files) and sys.stdin.isatty():
        _say("reading the document from the terminal; Ctrl-D ends it")
    return closing(harness)


def _each(files: tuple[str, ...], jsonl: bool, call: Callable[[str], T]) -> Iterator[tuple[Document, T | KitError]]:
    """Each document with what the call makes of it, or its error."""
    from boardwright.device import documents
    from boardwright.schemas.errors import KitError

    for document in documents.read_documents(files, jsonl=jsonl):
        try:
            if isinstance(document.text, KitError):
                raise document.text
            yield document, call(document.text)
        except KitError as error:
            error.where = document.where
            yield document, error


def _tell(document: Document, error: KitError, write: Callable[[str], None] | None) -> None:
    """An error, as a line of JSON where lines are written."""
    from boardwright.device.extract import error_fields
    from boardwright.schemas.records import spell

    if write is None:
        _say(f"error: {error}")
    else:
        write(spell({"id": document.id, "error": error_fields(error)}) + "\n")


def _say(text: str) -> None:
    click.echo(text, err=True)
