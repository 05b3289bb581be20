"""The workstation's commands for a small gold set: label, compare-students.

Knows nothing of how a command does its work, and imports nothing heavy before one is chosen.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boardwright.build.options import FILE, json_option
from boardwright.device.command_line import INTERRUPTED, debug_option

if TYPE_CHECKING:
    from boardwright.build.gold_set import Proposal
    from boardwright.schemas.task import Task


@click.command()
@click.argument("task")
@click.option("--documents", type=click.Path(path_type=Path), help="A folder, a file, or JSON lines of {id, text}.")
@click.option("--examples", type=FILE, help="JSON lines of {id, text, record}, whose records are the proposals.")
@click.option("-o", "--output", type=FILE, required=True, help="The gold set, JSON lines; one that is there goes on.")
@click.option("--count", type=click.IntRange(1), default=30, show_default=True, help="Documents to decide on, in all.")
@click.option("--seed", type=int, default=7, show_default=True, help="Which documents are drawn.")
@click.option("--bundle", type=FILE, help="Let this bundle propose records for --documents.")
@click.option("--student", help="Let this student propose them, untuned: a name, an id, a folder or a .gguf file.")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@debug_option
@click.pass_context
def label(
    ctx: click.Context,
    task: str,
    documents: Path | None,
    examples: Path | None,
    output: Path,
    count: int,
    seed: int,
    bundle: Path | None,
    student: str | None,
    key: Path | None,
) -> None:
    """Decide on documents of TASK in the terminal: accept, correct or skip proposed records, by keys alone.

    20 to 50 documents make a gold set: examples to hold out that a person has seen. Every decision is on disk at once;
    the same command goes on where it was left. Without --bundle, --student or --examples the records are empty, to be
    filled in.
    """
    if (documents is None) == (examples is None):
        raise click.UsageError("Give either --documents or --examples.")
    if (examples and (bundle or student)) or (bundle and student):
        raise click.UsageError("Give one source of proposals: --examples, --bundle or --student.")
    from boardwright.build import label as verb
    from boardwright.build import proposals
    from boardwright.build.gold_set import GoldSet, spread
    from boardwright.build.terminal import Terminal
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter
    from boardwright.schemas.task import load_task

    terminal = Terminal()
    loaded = load_task(task)
    gold = GoldSet(output, loaded)
    with use_reporter(reporter_for()):
        if examples:
            pile = proposals.of_examples(loaded, examples)
        else:
            assert documents is not None
            pile = proposals.of_documents(documents)
        waiting = gold.waiting(spread(pile, count, seed), count)
        if waiting and (bundle or student):
            waiting = _proposed(loaded, waiting, bundle, student, key)
    interrupted = False
    try:
        with terminal:
            verb.label(loaded, gold, waiting, terminal)
    except KeyboardInterrupt:
        interrupted = True
    left = len(gold.waiting(waiting, count))
    click.echo("\n" + verb.summary_text(gold, left))
    ctx.exit(INTERRUPTED if interrupted else 0)


def _proposed(
    task: Task, waiting: list[Proposal], bundle: Path | None, student: str | None, key: Path | None
) -> list[Proposal]:
    from boardwright.build.proposals import check_bundle, propose

    if bundle:
        from boardwright.device.bundles import load_bundle

        installed = load_bundle(bundle, key)
        check_bundle(installed, task)
        with closing(installed.harness()) as harness:
            return propose(harness, waiting, bundle.name)
    assert student is not None
    from boardwright.build.model_files import untuned
    from boardwright.build.store import Store
    from boardwright.device.harness import Harness
    from boardwright.schemas.encodings import Encoding

    model = untuned(student, Encoding.Q8_0, Store())
    with closing(Harness.load(task, model)) as harness:
        return propose(harness, waiting, f"{student}, untuned")


@click.command("compare-students")
@click.argument("task")
@click.option("--examples", type=FILE, required=True, help="The gold set: JSON lines of {id, text, record}.")
@click.option("--students", required=True, help="Names, ids, folders or .gguf files, with commas.")
@click.option("--encoding", "encoding_name", default="Q8_0", show_default=True, help="Of the model files; of GGUF.")
@click.option("--documents", type=click.IntRange(1), help="Gold documents to run, the first ones. [default: all]")
@json_option
@debug_option
def compare_students(
    task: str, examples: Path, students: str, encoding_name: str, documents: int | None, as_json: bool
) -> None:
    """Run students on a gold set as they come, before anyone trains one: scores, speed, size.

    Each goes through the prompt, the grammar and the harness of the board; without the grammar too, to see what it
    writes by itself. What was run before is looked up.
    """
    from boardwright.build import compare_students as verb
    from boardwright.build.store import Store
    from boardwright.schemas.encodings import encoding
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter
    from boardwright.schemas.task import load_task

    names = list(dict.fromkeys(name.strip() for name in students.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("it names no student", param_hint="--students")
    chosen = encoding(encoding_name)
    with use_reporter(reporter_for("json" if as_json else "auto")):
        rows = verb.compare(load_task(task), examples, names, chosen, documents, Store())
    click.echo(verb.comparison_json(rows, chosen) if as_json else verb.comparison_text(rows, chosen))
