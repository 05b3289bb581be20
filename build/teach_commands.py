"""The workstation's command for training data: teach.

Knows nothing of how it does its work, and imports nothing heavy before it is chosen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boardwright.build.options import FILE, json_option
from boardwright.device.command_line import debug_option

if TYPE_CHECKING:
    from boardwright.build.teach import Taught

PRICE = click.FloatRange(0)


@click.command()
@click.argument("task")
@click.option(
    "--documents", type=click.Path(path_type=Path), help="A folder of texts, or JSON lines of {id, text}, to label."
)
@click.option(
    "--write", "count", type=click.IntRange(1), metavar="N", help="Draw N records; write a document for each."
)
@click.option("--case", "cases", help="With --write: hard cases in turn, with commas. An unknown name lists them.")
@click.option(
    "--teacher",
    help="A checkpoint folder, a .gguf file, a Hugging Face id, or http://HOST:PORT/v1 (several with commas share the "
    "work; a key is read from $BOARDWRIGHT_TEACHER_KEY); with --write also `template`, for TASK/templates/*.txt. "
    "[default: a model for a GPU of 16 GB]",
)
@click.option("--model", help="The model to ask for, of a server that has several. [default: its first]")
@click.option(
    "-o", "--output", type=FILE, default=Path("examples.jsonl"), show_default=True, help="Rows are appended here."
)
@click.option("--held-out", type=FILE, help="Labelled examples that no row may be a copy of: the gold set.")
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--nulls", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share of nulls to draw.")
@click.option("--workers", type=click.IntRange(1), default=8, show_default=True, help="Questions at once, a server.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=120.0, show_default=True, help="Seconds an answer."
)
@click.option("--retries", type=click.IntRange(0), default=3, show_default=True, help="Of a question that failed.")
@click.option("--price-in", type=PRICE, default=0.0, help="Price of a million prompt tokens.")
@click.option("--price-out", type=PRICE, default=0.0, help="Price of a million completion tokens.")
@json_option
@debug_option
@click.pass_context
def teach(
    ctx: click.Context,
    /,
    task: str,
    documents: Path | None,
    count: int | None,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Let a larger model write training data for TASK.

    With --documents it labels texts; with --write it writes texts for records that are drawn from the schema. Only rows
    that pass the validators are kept; the others go to OUTPUT.rejected.jsonl with the reason. A run that was killed
    goes on where it was when the same command is given again. The exit code is 1 when documents failed.
    """
    if (documents is None) == (count is None):
        raise click.UsageError("Give --documents to label, or --write N to write: one of the two.")
    if given["cases"] and count is None:
        raise click.UsageError("--case goes with --write.")
    from contextlib import closing

    from boardwright.build import questions
    from boardwright.build.cases import cases_named
    from boardwright.build.teach import documents_of
    from boardwright.build.teach import teach as verb
    from boardwright.build.teachers.base import Settings
    from boardwright.build.teachers.resolve import TEMPLATE, resolve_teacher
    from boardwright.schemas.examples import read_examples
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter
    from boardwright.schemas.task import load_task

    loaded = load_task(task)
    cases = cases_named(given["cases"], loaded, told=given["teacher"] != TEMPLATE)
    held_out = read_examples(given["held_out"], loaded.record) if given["held_out"] else []
    if documents is not None:
        texts = documents_of(documents)
        wanted, total = questions.to_label(loaded, texts, given["seed"]), len(texts)
    else:
        assert count is not None
        wanted, total = questions.to_write(loaded, count, cases, given["seed"], given["nulls"]), count
    settings = Settings(given["workers"], given["timeout"], given["retries"], given["model"])
    with (
        use_reporter(reporter_for("json" if as_json else "auto")),
        closing(resolve_teacher(given["teacher"], settings, loaded)) as teacher,
    ):
        taught = verb(loaded, wanted, teacher, output, held_out, total)
    _show(taught, output, taught.cost(given["price_in"], given["price_out"]), as_json)
    ctx.exit(1 if taught.failed else 0)


def _show(taught: Taught, output: Path, cost: float, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    if as_json:
        click.echo(json.dumps({"output": str(output), **asdict(taught), "cost": cost}))
        return
    from boardwright.build.summary import data_text

    assert taught.report is not None
    click.echo(data_text(taught.report))
    if taught.failed:
        click.echo(f"{taught.failed:,} failed")
    if taught.resumed:
        click.echo(f"{taught.resumed:,} of them by earlier runs")
    if taught.completion_tokens:
        rate = taught.completion_tokens / taught.seconds
        price = f", cost {cost:,.4f}" if cost else ""
        click.echo(
            f"{taught.prompt_tokens:,} prompt and {taught.completion_tokens:,} completion tokens in "
            f"{taught.seconds:,.1f} s ({rate:,.1f} completion tokens/s){price}"
        )
    click.echo(f"{output}: boardwright build TASK --examples {output}")
