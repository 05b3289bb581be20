"""`boardwright`: the workstation's commands.

Knows nothing of how a command does its work, and imports nothing heavy before one is chosen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boardwright.build import board_commands, gold_commands, teach_commands
from boardwright.build.options import FILE, FOLDER, json_option
from boardwright.build.training_options import training_of, training_options
from boardwright.device.command_line import Commands, debug_option

if TYPE_CHECKING:
    from boardwright.build.pipeline import Built
    from boardwright.schemas.task import Gates

ENCODINGS = "Q4_0, IQ4_NL, Q4_K_M, Q5_0, Q5_1, Q6_K, Q8_0, F16, ONNX_INT4, ONNX_INT8"


@click.group(cls=Commands)
@click.version_option(package_name="boardwright")
@debug_option
def cli() -> None:
    """A schema and a pile of documents in, a single-board computer that fills the schema offline out."""


@cli.command()
@click.argument("task")
@click.option(
    "--target", default="host", show_default=True, help="Board: a name from `boardwright targets`, or a TOML file."
)
@click.option("--examples", type=FILE, help="Labelled examples to learn from, JSON lines of {id, text, record}.")
@click.option("--valid", type=FILE, help="Labelled examples to hold out; without, a tenth of --examples.")
@click.option("--student", default=None, help="A name, a Hugging Face id, a checkpoint folder or a .gguf file.")
@click.option("-o", "--output", type=FOLDER, default=Path("out"), show_default=True, help="Folder for the bundle.")
@click.option("--os", "release", help="OS release of the board, as bookworm. [default: the target's newest]")
@click.option(
    "--encodings", help=f"Encodings to try, cheapest first, with commas ({ENCODINGS}). [default: the target's]"
)
@training_options
@click.option(
    "--gate", "gates", multiple=True, metavar="NAME=VALUE", help="Set records_right, fields_right or tolerance."
)
@click.option("--from", "redo", metavar="STAGE", help="Make this stage and all after it again.")
@json_option
@debug_option
def build(task: str, target: str, output: Path, as_json: bool, **given: Any) -> None:
    """Build a signed bundle for TASK: tune, merge, quantize, evaluate, choose, pack.

    TASK is a shipped task (invoice, redaction …) or a folder that holds task.py. Stages that ran before are looked up;
    a build that was killed goes on where it was. How to train is the task's to say, where no option does.
    """
    from boardwright.build import pipeline
    from boardwright.build.store import Store
    from boardwright.build.student import DEFAULT
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter
    from boardwright.schemas.task import load_task
    from boardwright.targets.profile import load_target

    loaded = load_task(task)
    request = pipeline.Request(
        task=loaded,
        target=load_target(target),
        student=given["student"] or DEFAULT,
        output=output,
        training=training_of(loaded, given),
        gates=_gates(loaded.gates, given["gates"]),
        examples=given["examples"],
        valid=given["valid"],
        encodings=_encodings(given["encodings"]),
        redo=_stage(given["redo"]),
        os=given["release"],
    )
    with use_reporter(reporter_for("json" if as_json else "auto")):
        built = pipeline.build(request, Store())
    _show_build(built, as_json)


@cli.command()
@click.argument("name")
@click.option("--in", "parent", type=FOLDER, default=Path(), help="Folder to make it in. [default: here]")
@debug_option
def init(name: str, parent: Path) -> None:
    """Make a task folder of your own that builds unchanged."""
    from boardwright.build.init import init_task

    folder = init_task(name, parent)
    click.echo(f"Made {folder}. Look at task.py, then: boardwright build {folder} --target host -o out")


@cli.command()
@click.argument("task")
@click.option("--part", type=click.Choice(["train", "valid"]), default="train", show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--count", type=click.IntRange(1), default=3, show_default=True)
@debug_option
def documents(task: str, part: str, seed: int, count: int) -> None:
    """Draw synthetic documents of TASK with their records, as JSON lines: what a build trains on."""
    from itertools import islice

    from boardwright.build.data import document_source
    from boardwright.schemas.task import load_task

    for example in islice(document_source(load_task(task))(seed, part), count):
        click.echo(example.line())


@cli.group(cls=Commands, invoke_without_command=True)
@json_option
@debug_option
@click.pass_context
def targets(ctx: click.Context, as_json: bool) -> None:
    """List the boards; show one; begin a profile of your own."""
    if ctx.invoked_subcommand:
        return
    import json

    from boardwright.targets.profile import all_targets

    known = all_targets()
    if as_json:
        click.echo(json.dumps([target.model_dump(mode="json") for target in known]))
        return
    from boardwright.build.summary import table

    rows = [
        [
            target.name,
            target.board,
            target.soc,
            f"{target.ram_mb:,} MB" if target.ram_mb else "any",
            ", ".join(release.release for release in target.os) or "any",
            ", ".join(target.encodings),
        ]
        for target in known
    ]
    click.echo(table(["target", "board", "soc", "RAM", "OS", "encodings, cheapest first"], rows))


@targets.command("show")
@click.argument("name")
@json_option
@debug_option
def show_target(name: str, as_json: bool) -> None:
    """Show the profile NAME (or a TOML file): what is known of the board, and from where."""
    from boardwright.build.speeds import target_speeds
    from boardwright.build.summary import target_text
    from boardwright.targets.measured import measured
    from boardwright.targets.profile import load_target

    target = load_target(name)
    if as_json:
        click.echo(target.model_dump_json(indent=2))
    else:
        click.echo(target_text(target, target_speeds(target, measured(target.name))))


@targets.command("add-measured")
@click.argument("bench", type=FILE)
@click.option("--target", "name", help="The target that the board is. [default: the bundle's]")
@click.option("--in", "folder", type=FOLDER, help="Folder to file it in. [default: $BOARDWRIGHT_MEASURED, or yours]")
@debug_option
def add_measured(bench: Path, name: str | None, folder: Path | None) -> None:
    """File BENCH, the output of `boardwright-device bench --json` on a board: it replaces the prediction."""
    from boardwright.build.speeds import measured_speed
    from boardwright.targets import measured
    from boardwright.targets.profile import load_target

    path, kept = measured.add_measured(bench, load_target(name) if name else None, folder)
    speed = measured_speed(kept)
    click.echo(f"{path}\n{kept.target}, {kept.encoding}, measured: {speed.source}\n{speed.text}")


@targets.command("new")
@click.argument("name")
@click.option("--like", default="armv8", show_default=True, help="The board nearest to yours.")
@click.option("--in", "folder", type=FOLDER, default=Path(), help="Where to put the file. [default: here]")
@debug_option
def new_target(name: str, like: str, folder: Path) -> None:
    """Begin the profile NAME.toml of your own board as a copy of another."""
    from boardwright.targets.profile import copy_profile

    path = copy_profile(name, like, folder)
    click.echo(
        f"{path} is a copy of {like}: put your board's figures in, and where each comes from.\n"
        f"  boardwright targets show {path}\n  boardwright build TASK --target {path}"
    )


@cli.command()
@click.argument("bundle", type=FILE)
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@json_option
@debug_option
def verify(bundle: Path, key: Path | None, as_json: bool) -> None:
    """Check a bundle's signature and every hash in it."""
    import json

    from boardwright.device.proof import standing
    from boardwright.schemas.bundle import open_bundle
    from boardwright.schemas.keys import trusted_keys

    opened = open_bundle(bundle, trusted_keys(key))
    manifest = opened.manifest
    if as_json:
        click.echo(json.dumps({"ok": True, "key_id": manifest.key_id, "manifest": manifest.model_dump(mode="json")}))
        return
    size = sum(entry.size for entry in manifest.files)
    click.echo(
        f"{bundle.name}: the signature of key {manifest.key_id} and {len(manifest.files)} files "
        f"({size / 1e6:.1f} MB) hold.\n{manifest.task} {manifest.version} for {manifest.target}, {manifest.encoding}, "
        f"counter {manifest.counter}"
    )
    for line in standing(opened):
        click.echo(line)


@cli.command()
@click.option("--bundle", type=FILE, required=True)
@click.option("--examples", type=FILE, required=True, help="Labelled JSON lines of {id, text, record}.")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@click.option("--records", type=FILE, help="Also write a line a document: gold, record, wrong fields.")
@json_option
@debug_option
def evaluate(bundle: Path, examples: Path, key: Path | None, records: Path | None, as_json: bool) -> None:
    """Score a bundle on labelled examples, through the harness that the board runs."""
    import json
    import shutil
    import tempfile
    from contextlib import nullcontext
    from dataclasses import asdict

    from boardwright.build import evaluate as evaluation
    from boardwright.build.evaluate import natural_call, natural_scores
    from boardwright.device.bundles import load_bundle
    from boardwright.schemas.examples import read_examples
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import step, use_reporter

    installed = load_bundle(bundle, key)
    golds = read_examples(examples, installed.task.record)
    harness = installed.harness()
    with tempfile.TemporaryDirectory() as scratch, use_reporter(reporter_for("json" if as_json else "auto")):
        with step(f"Evaluate {bundle.name}"):
            result = evaluation.evaluate(installed.task, harness, golds, Path(scratch))
        call = natural_call(installed.task.shape)
        with step(f"Evaluate it by its call, {call}") if call else nullcontext():
            called = natural_scores(call, harness, golds) if call else None
        if records:
            shutil.copyfile(Path(scratch) / "records.jsonl", records)
    if as_json:
        more = {call: asdict(called)} if called else {}
        click.echo(json.dumps({"bundle": bundle.name, **asdict(result), **more}))
        return
    from boardwright.build.summary import natural_text, scores_text

    click.echo(scores_text(result.scores))
    if called:
        click.echo(natural_text(called))


@cli.command()
@click.argument("bundle", type=FILE)
@click.option("-o", "--output", type=FILE, default=Path("report.html"), show_default=True, help="The page to write.")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@debug_option
def report(bundle: Path, output: Path, key: Path | None) -> None:
    """Write all that is known of BUNDLE as one HTML page that needs nothing else."""
    from boardwright.build.report import write_report

    write_report(bundle, output, key)
    click.echo(f"{output}: open it in any browser")


for command in (
    board_commands.prove,
    board_commands.image,
    board_commands.flash,
    board_commands.push,
    teach_commands.teach,
    gold_commands.label,
    gold_commands.compare_students,
):
    cli.add_command(command)


def _gates(gates: Gates, given: tuple[str, ...]) -> Gates:
    from dataclasses import asdict, replace

    for text in given:
        name, _, value = text.partition("=")
        try:
            if name not in asdict(gates):
                raise ValueError
            number = float(value)
            if not 0 <= number <= 1:
                raise ValueError
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is not a gate; allowed: {', '.join(asdict(gates))}, each =0 to 1", param_hint="--gate"
            ) from None
        gates = replace(gates, **{name: number})
    return gates


def _encodings(given: str | None) -> tuple[Any, ...]:
    from boardwright.schemas.encodings import encoding

    return tuple(encoding(name.strip()) for name in given.split(",")) if given else ()


def _stage(given: str | None) -> str | None:
    from boardwright.build.pipeline import STAGES
    from boardwright.schemas.suggest import did_you_mean

    if given is not None and given not in STAGES:
        raise click.BadParameter(
            f"{given!r} is no stage; allowed: {', '.join(STAGES)}. {did_you_mean(given, STAGES) or ''}",
            param_hint="--from",
        )
    return given


def _show_build(built: Built, as_json: bool) -> None:
    from boardwright.build.summary import build_json, build_text

    click.echo(build_json(built) if as_json else build_text(built))


def main() -> None:
    # Progress bars and advice of the libraries below: steps report instead.
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    cli(prog_name="boardwright")


if __name__ == "__main__":
    main()
