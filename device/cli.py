"""`boardwright-device`: the commands of a board, and of a bundle on any machine.

Knows only options and exit codes; each command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import click

from boardwright.device.command_line import Commands, debug_option
from boardwright.device.natural_commands import answer, redact, route
from boardwright.device.options import (
    COUNT,
    FILE,
    bundle_options,
    files_argument,
    json_option,
    jsonl_option,
    key_option,
    slots_option,
    threads_option,
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="boardwright", message="boardwright-device %(version)s")
@debug_option
def main() -> None:
    """Fill a schema from documents, offline, with a bundle.

    Exit codes: 0 all is well, 1 something failed on the way, 2 it could not run.
    """


@main.command()
@bundle_options
@files_argument
@jsonl_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines: one a document, in order.")
@slots_option
@threads_option
@click.option("--output", type=FILE, metavar="FILE", help="Write here, all or nothing, instead of standard output.")
@click.option("--beside", is_flag=True, help="Show each document next to its record.")
@click.pass_context
def extract(
    ctx: click.Context,
    bundle: Path,
    key: Path | None,
    files: tuple[str, ...],
    jsonl: bool,
    as_json: bool,
    slots: int,
    threads: int | None,
    output: Path | None,
    beside: bool,
) -> None:
    """Read documents, write records.

    A file is a document; one named *.jsonl holds a document a line: {"id": …, "text": …}. Without files, or for -,
    standard input is the document. A document that fails is reported and the run goes on; the exit code is 1 then.
    """
    from contextlib import closing

    from boardwright.device import documents
    from boardwright.device.bundles import load_bundle

    documents.check_inputs(files)
    installed = load_bundle(bundle, key)
    # After the bundle has been checked: what follows imports llama.cpp.
    from boardwright.device import extract as verb

    with closing(installed.harness(slots, threads)) as harness, verb.output(output) as write:
        if (not files or documents.STDIN in files) and sys.stdin.isatty():
            _say("reading the document from the terminal; Ctrl-D ends it")
        waiting = documents.read_documents(files, jsonl=jsonl)
        outcomes = verb.extract(lambda texts: harness.extract_many(texts, slots=slots), waiting)
        failed = verb.write_records(outcomes, write, _say, as_json=as_json, beside=beside)
    ctx.exit(1 if failed else 0)


@main.command()
@bundle_options
@files_argument
@jsonl_option
@click.option("--output", type=FILE, required=True, metavar="FILE", help="JSON lines: one a document, in order.")
@click.option(
    "--workers", type=COUNT, metavar="N", help="Records at once, each on a core of its own. [default: all fast cores]"
)
@click.pass_context
def batch(
    ctx: click.Context,
    bundle: Path,
    key: Path | None,
    files: tuple[str, ...],
    jsonl: bool,
    output: Path,
    workers: int | None,
) -> None:
    """Fill a file with the records of many documents.

    Inputs are files, folders (every file in them, by name) and *.jsonl. A run that is killed goes on where it was when
    the same command is given again. A document that fails is a line with its error; the exit code is 1 then.
    """
    from contextlib import closing

    from boardwright.device import documents
    from boardwright.device.bundles import load_bundle
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    names = documents.expand(files)
    documents.check_inputs(names)
    installed = load_bundle(bundle, key)
    from boardwright.device import batch as verb

    # Where each input is one document, how many there are is known.
    total = len(names) if names and not jsonl and not any(map(documents.is_jsonl, names)) else None
    waiting = documents.read_documents(names, jsonl=jsonl)
    with closing(installed.workers(workers)) as harnesses, use_reporter(reporter_for()):
        done = verb.batch(harnesses.extract_many, waiting, output, installed.bundle.id, total)
    resumed = f", {done.resumed:,} of them by an earlier run" if done.resumed else ""
    failed = f", {done.failed:,} failed" if done.failed else ""
    _say(f"{output}: {done.documents:,} documents{resumed}{failed}")
    ctx.exit(1 if done.failed else 0)


@main.command()
@bundle_options
@files_argument
@jsonl_option
@click.option("--records", type=COUNT, default=100, show_default=True, metavar="N", help="Records to measure.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=math.inf,
    metavar="S",
    help="Begin none after so long, but for the first ten.",
)
@slots_option
@threads_option
@json_option
def bench(
    bundle: Path,
    key: Path | None,
    files: tuple[str, ...],
    jsonl: bool,
    records: int,
    seconds: float,
    slots: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure latency, throughput and memory on this machine.

    The documents are the bundle's golden ones, or FILES; they are taken in turn until --records are done, or --seconds
    are over.
    """
    import json
    import time
    from contextlib import closing

    from boardwright.device import bench as verb
    from boardwright.device import documents
    from boardwright.device.bundles import load_bundle
    from boardwright.device.vitals import raised, read_vitals
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    documents.check_inputs(files)
    started = time.perf_counter()
    installed = load_bundle(bundle, key)
    verified = time.perf_counter()
    texts = [golden.text for golden in installed.goldens]
    if files or jsonl:
        texts = documents.texts_of(documents.read_documents(files, jsonl=jsonl))
    read = time.perf_counter()
    with closing(installed.harness(slots, threads)) as harness, use_reporter(reporter_for()):
        loaded = time.perf_counter()
        before = read_vitals()
        figures = verb.measure(harness, texts, records, slots, seconds)
        after = read_vitals()
    decode_threads, prefill_threads = installed.threads(threads)
    machine = {
        "verify_s": round(verified - started, 3),
        "load_s": round(loaded - read, 3),
        "peak_rss_mb": round(verb.peak_rss_mb(), 1),
        "model_mb": round(installed.model_bytes / 1e6, 1),
        "encoding": installed.bundle.manifest.encoding,
        "decode_threads": decode_threads,
        "prefill_threads": prefill_threads,
        "cpu": verb.cpu_name(),
        "board": verb.board_name(),
        "temperature_c": [before.temperature_c, after.temperature_c],
        "throttle_word": [before.throttle, after.throttle],
        "written_bytes": None if after.written is None or before.written is None else after.written - before.written,
        "invalid": raised(before, after),
    }
    if as_json:
        click.echo(
            json.dumps(verb.as_json(figures, machine, verb.bundle_json(installed)), ensure_ascii=False, indent=2)
        )
    else:
        _table([*verb.table(figures, machine), ("figures", f"{verb.how()} on this machine, on these documents")])


@main.command()
@bundle_options
@json_option
def threads(bundle: Path, key: Path | None, as_json: bool) -> None:
    """Measure in five seconds how many threads are fastest here, and use that from now on."""
    import json
    from contextlib import closing
    from dataclasses import asdict

    from boardwright.device.bundles import load_bundle
    from boardwright.device.cores import big_cores, pin

    installed = load_bundle(bundle, key)
    from boardwright.device import threads as verb
    from boardwright.device.engines.load import load_engine

    cores = big_cores()
    pin(cores)
    engine, _ = load_engine(installed.model, n_ctx=installed.task.limits.context)
    with closing(engine):
        measured = verb.measure(engine, len(cores))
    choice = verb.choose(measured)
    verb.remember(installed.folder.parent, installed.model_id, len(cores), choice)
    if as_json:
        told = {"how": "measured", "cores": cores, "passes": [asdict(one) for one in measured], **asdict(choice)}
        click.echo(json.dumps(told, indent=2))
        return
    _table(
        [
            ("cores", ", ".join(map(str, cores))),
            *(
                (f"{one.threads} threads", f"{one.one_ms:.1f} ms for a pass of 1, {one.many_ms:.1f} for {verb.MANY}")
                for one in measured
            ),
            ("from now on", f"{choice.decode} for decoding, {choice.prefill} for prefill"),
            ("a pass", f"costs as much as {choice.pass_cost:.0f} tokens beside its own: guesses are dared accordingly"),
        ]
    )


@main.command()
@bundle_options
@json_option
def info(bundle: Path, key: Path | None, as_json: bool) -> None:
    """Show what a bundle is: task and fields, target, scores, licences, signer."""
    import json

    from boardwright.device import info as verb
    from boardwright.device.bundles import load_bundle

    installed = load_bundle(bundle, key)
    if as_json:
        click.echo(json.dumps(verb.as_json(installed), ensure_ascii=False, indent=2))
    else:
        _table(verb.table(installed))


@main.command()
@click.option("--bundle", type=FILE, metavar="B", help="Compare with what this bundle needs. Default: the active one.")
@key_option
@json_option
@debug_option
@click.pass_context
def doctor(ctx: click.Context, bundle: Path | None, key: Path | None, as_json: bool) -> None:
    """Look at this board: what it is, and whether a bundle can run on it.

    The exit code is 2 when something refuses; warnings leave it at 0.
    """
    import json
    from dataclasses import asdict

    from boardwright.device import doctor as verb
    from boardwright.device.bundles import read_needs
    from boardwright.device.slots import active_folder, state_folder

    place = bundle or active_folder()
    needs = read_needs(place, key) if place else None
    findings = list(verb.examine(needs, state_folder()))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(map(verb.show, findings)))
    ctx.exit(2 if any(finding.verdict == "refusal" for finding in findings) else 0)


@main.command()
@click.argument("bundle", type=FILE)
@click.option("--state", type=FILE, metavar="DIR", help="Where slots are. [default: /var/lib/boardwright]")
@key_option
@click.option("--no-service", is_flag=True, help="Install no systemd unit.")
@debug_option
def install(bundle: Path, state: Path | None, key: Path | None, no_service: bool) -> None:
    """Make a bundle the active one of this board.

    It is verified, tried beside what runs now, and becomes active by one link; the exit code is 1 when it does not
    answer here as it did where it was built, 2 when it is refused.
    """
    from boardwright.device import install as verb
    from boardwright.device import service
    from boardwright.device.cores import cpu_features
    from boardwright.device.slots import State, state_folder
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    folder = (state or state_folder()).absolute()
    with use_reporter(reporter_for()):
        done = verb.install(bundle, folder, key)
        if not no_service:
            service.set_up(State(folder), done.needs.ram_for(cpu_features()))
    manifest = done.bundle.manifest
    _say(
        f"{manifest.bundle_name} (release {manifest.counter}) "
        + (f"is active: {done.slot.folder}" if done.changed else "is active already")
    )


@main.command()
@bundle_options
@click.option("--golden", is_flag=True, help="Run the golden documents too, and compare the records.")
@click.option("--seconds", type=click.FloatRange(0), metavar="S", help="Begin no other golden document after so long.")
@click.option(
    "--document", "chosen", multiple=True, metavar="ID", help="With --golden: only this one; may be repeated."
)
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines: one a check, with records and token ids.")
@click.pass_context
def verify(
    ctx: click.Context,
    bundle: Path,
    key: Path | None,
    golden: bool,
    chosen: tuple[str, ...],
    seconds: float | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Check signature, hashes and prompt of a bundle, line by line."""
    import json
    from dataclasses import asdict

    from boardwright.device import verify as verb

    failed = 0
    for check in verb.verify(bundle, key, golden=golden, threads=threads, documents=chosen, seconds=seconds):
        failed += not check.ok
        if as_json:
            click.echo(json.dumps(asdict(check), ensure_ascii=False))
        elif not (check.ok and check.detail):
            click.echo(f"{'ok' if check.ok else 'failed':<8}{check.name + ':':<11}{check.text}")
    ctx.exit(1 if failed else 0)


@main.command()
@bundle_options
@click.option("--state", type=FILE, metavar="DIR", help="Where inbox/ is. [default: /var/lib/boardwright]")
@click.option("--interval", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Seconds between looks.")
@threads_option
def watch(bundle: Path, key: Path | None, state: Path | None, interval: float, threads: int | None) -> None:
    """Turn the documents of a folder into records, as they come, until told to stop.

    inbox/*.txt and *.jsonl become outbox/*.json and *.jsonl; what fails goes to failed/ with its reason. SIGTERM
    finishes the document at hand.
    """
    from contextlib import closing

    from boardwright.device import watch as verb
    from boardwright.device.bundles import load_bundle
    from boardwright.device.slots import State, state_folder

    place = State((state or state_folder()).absolute())
    with verb.until_told() as stop, closing(load_bundle(bundle, key).harness(threads=threads)) as harness:
        verb.notify("READY=1")
        _say(f"watching {place.inbox}")
        verb.watch(harness.extract_many, place, stop, _say, interval)
        verb.notify("STOPPING=1")


for command in (redact, route, answer):
    main.add_command(command)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _table(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}")
