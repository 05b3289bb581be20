"""`boardwright`: the workstation's commands.

Knows nothing of how a command does its work, and imports nothing heavy before one is chosen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boardwright.device.command_line import Commands, debug_option

if TYPE_CHECKING:
    from boardwright.build.pipeline import Built
    from boardwright.schemas.task import Gates

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
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
@click.option(
    "--epochs", type=click.FloatRange(0, min_open=True), help="Passes over the examples. [default: the task's]"
)
@click.option("--rank", type=click.IntRange(1), help="LoRA rank. [default: the task's]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="[default: the task's]")
@click.option("--documents", type=click.IntRange(1), help="Synthetic documents to train on. [default: the task's]")
@click.option("--held-out", type=click.IntRange(1), help="Synthetic documents to hold out. [default: the task's]")
@click.option("--seed", type=int, help="[default: the task's]")
@click.option(
    "--gate", "gates", multiple=True, metavar="NAME=VALUE", help="Set records_right, fields_right or tolerance."
)
@click.option("--from", "redo", metavar="STAGE", help="Make this stage and all after it again.")
@json_option
@debug_option
def build(task: str, target: str, output: Path, as_json: bool, **given: Any) -> None:
    """Build a signed bundle for TASK: tune, merge, quantize, evaluate, choose, pack.

    TASK is a shipped task (invoice, receipt) or a folder that holds task.py. Stages that ran before are looked up; a
    build that was killed goes on where it was.
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
        training=pipeline.with_training(
            loaded,
            epochs=given["epochs"],
            rank=given["rank"],
            learning_rate=given["learning_rate"],
            synthetic_train=given["documents"],
            synthetic_valid=given["held_out"],
            seed=given["seed"],
        ),
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
@click.argument("bundle", type=FILE)
@click.option("--base", type=FILE, required=True, help="Stock OS image, .img or .img.xz; it is only read.")
@click.option("-o", "--output", type=FILE, required=True, help="The image to make; packed if it ends in .xz.")
@click.option("--setup", type=FILE, help="TOML: hostname, locale, keyboard, timezone, [user], [ssh], [wifi].")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@json_option
@debug_option
def image(bundle: Path, base: Path, output: Path, setup: Path | None, key: Path | None, as_json: bool) -> None:
    """Put BUNDLE, its service and a first-boot set-up into an OS image, without root and without mounting.

    Knows Raspberry Pi OS Bookworm and Trixie and Armbian, by the files in the image.
    """
    import json
    from dataclasses import asdict

    from boardwright.build.board_setup import read_setup
    from boardwright.build.image import build_image
    from boardwright.build.summary import image_text
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    with use_reporter(reporter_for("json" if as_json else "auto")):
        built = build_image(bundle, base, output, setup=read_setup(setup) if setup else None, key=key)
    click.echo(json.dumps(asdict(built), default=str) if as_json else image_text(built))


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
    from dataclasses import asdict

    from boardwright.build import evaluate as evaluation
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
        if records:
            shutil.copyfile(Path(scratch) / "records.jsonl", records)
    if as_json:
        click.echo(json.dumps({"bundle": bundle.name, **asdict(result)}))
        return
    from boardwright.build.summary import scores_text

    click.echo(scores_text(result.scores))


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


@cli.command()
@click.argument("bundle", type=FILE)
@click.option(
    "--cpu", "cpus", multiple=True, metavar="CPU", help="As qemu names it; may be repeated. [default: the target's]"
)
@click.option(
    "--documents",
    type=click.IntRange(1),
    default=None,
    help="Golden documents to run, the shortest first. [default: all]",
)
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@click.option("--keep-out", is_flag=True, help="Leave the bundle as it is; only print what was seen.")
@json_option
@debug_option
@click.pass_context
def prove(
    ctx: click.Context,
    bundle: Path,
    cpus: tuple[str, ...],
    documents: int | None,
    key: Path | None,
    keep_out: bool,
    as_json: bool,
) -> None:
    """Run BUNDLE's own wheels, Python and model on its board's CPU under emulation, and put the proof into it.

    Exit code 1 when something does not hold; the bundle is then left as it is.
    """
    from boardwright.build import prove as proving
    from boardwright.build.store import Store
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import step, use_reporter

    with use_reporter(reporter_for("json" if as_json else "auto")):
        proof = proving.prove(bundle, Store(), cpus=cpus, documents=documents or 0, key=key)
        faults = proof.faults()
        if not faults and not keep_out:
            with step("Put the proof into the bundle and sign it"):
                proving.add_proof(bundle, proof, key)
    if as_json:
        click.echo(proof.model_dump_json())
    else:
        click.echo("\n".join(["Emulated, which tells nothing of speed:", *(f"  {line}" for line in proof.lines())]))
        click.echo("\n".join([*(f"does not hold: {fault}" for fault in faults)] or [f"{bundle}: proved"]))
    ctx.exit(1 if faults else 0)


@cli.command()
@click.argument("image", type=FILE, required=False)
@click.option("--device", type=FILE, help="The disk to write to, as in /dev/sdb. Without it, the cards are listed.")
@click.option("--list", "list_only", is_flag=True, help="List the cards and what speaks against the other disks.")
@click.option("--serial", help="The disk's serial, given beforehand: for scripts. [default: ask]")
@click.option("--allow-fixed", is_flag=True, help="Also take a disk that is not removable.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and write nothing.")
@json_option
@debug_option
def flash(
    image: Path | None,
    device: Path | None,
    list_only: bool,
    serial: str | None,
    allow_fixed: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write IMAGE (.img, .img.xz, .img.gz) to a card, read all of it back, and only then make it bootable."""
    import json
    import sys
    from dataclasses import asdict

    from boardwright.build import flash as verb
    from boardwright.build.disks import disks_json, disks_text
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    if list_only:
        return click.echo(disks_json() if as_json else disks_text())
    if image is None or device is None:
        click.echo(disks_text(), err=as_json)
        given = f"{image or 'IMAGE'} --device {device or '/dev/sdX'}"
        raise click.UsageError(f"Say what goes where, as in: boardwright flash {given}")

    def show(text: str) -> None:
        click.echo(text, err=as_json)

    def ask(question: str) -> str:
        try:
            return str(click.prompt(question, err=as_json, default="", show_default=False))
        except click.Abort:  # Ctrl-C, and here it means what it does elsewhere
            raise KeyboardInterrupt from None

    with use_reporter(reporter_for("json" if as_json else "auto")):
        written = verb.flash(
            image,
            device,
            serial=serial,
            ask=ask if sys.stdin.isatty() else None,
            allow_fixed=allow_fixed,
            dry_run=dry_run,
            show=show,
        )
    if as_json:
        click.echo(json.dumps({"image": str(image), "device": str(device), "written": written and asdict(written)}))
    elif written is None:
        click.echo("Nothing was written.")
    else:
        click.echo(f"{device} holds {image.name}: {written.text}")


@cli.command()
@click.argument("bundle", type=FILE)
@click.argument("board", metavar="USER@BOARD")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the board's ssh server.")
@click.option("--identity", type=FILE, help="Private key for ssh. [default: as ssh finds it]")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@click.option("--dry-run", is_flag=True, help="Only look whether the board will do; write nothing there.")
@debug_option
@click.pass_context
def push(
    ctx: click.Context,
    bundle: Path,
    board: str,
    port: int | None,
    identity: Path | None,
    key: Path | None,
    dry_run: bool,
) -> None:
    """Send BUNDLE to a board over ssh, and install it there.

    A push that was cut off goes on where it was. The exit code is that of the board's installer.
    """
    from boardwright.build import push as verb
    from boardwright.build.ssh import connect
    from boardwright.device.doctor import show
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    parcel = verb.parcel(bundle, key)
    with connect(board, port, identity) as there:
        with use_reporter(reporter_for()):
            seen = verb.look(there, parcel)
        refused = [finding for finding in seen.findings if finding.verdict == "refusal"]
        if dry_run or refused:
            click.echo("\n".join(map(show, seen.findings if dry_run else refused)), err=not dry_run)
            ctx.exit(2 if refused else 0)
        with use_reporter(reporter_for()):
            verb.send(there, parcel, seen.arrived)
        ctx.exit(verb.install(there, parcel, seen.sudo))


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
