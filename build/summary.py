"""What a build says when it is done: the ladder, the choice and why, speed and memory, and what to type next.

Knows nothing of how the figures came about; each says how it was had.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from boardwright.build.data_report import DataReport, Turned
from boardwright.build.roofline import TYPICAL
from boardwright.build.speeds import over_budget
from boardwright.device.natural import RoutingScores
from boardwright.device.proof import NOT_PROVED
from boardwright.device.redact import RedactionScores
from boardwright.schemas.compare import Scores

if TYPE_CHECKING:
    from boardwright.build.image import Built as BuiltImage
    from boardwright.build.ladder import Rung
    from boardwright.build.pipeline import Built
    from boardwright.build.speeds import Speed
    from boardwright.targets.profile import Roofline, Target


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns of text; those in `right` are aligned to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def show(line: Sequence[str]) -> str:
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
        return "  ".join(cells).rstrip()

    return "\n".join([show(lines[0]), *(show(line) for line in lines[1:])])


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def scores_text(scores: Scores) -> str:
    """Scores of one artifact, field by field."""
    rows = [[name, percent(share)] for name, share in scores.per_field.items()]
    rows += [["all fields", percent(scores.fields_right)], ["whole records", percent(scores.records_right)]]
    failed = f", {scores.failed} without a record" if scores.failed else ", all with a valid record"
    return f"{scores.documents:,} documents{failed}\n" + table(["field", "right"], rows, right=(1,))


def natural_text(scores: RoutingScores | RedactionScores) -> str:
    """What becomes of documents by the device's own call, at the bundle's threshold."""
    if isinstance(scores, RedactionScores):
        leaks = f"; such as {', '.join(map(repr, scores.leaked[:3]))}" if scores.leaked else ""
        return (
            f"Redacted at the bundle's threshold: {len(scores.leaked):,} of {scores.planted:,} items leak{leaks}. "
            f"{scores.withheld:,} of {scores.documents:,} documents are withheld; of what is taken out, "
            f"{percent(scores.precision)} had to be."
        )
    parts = []
    if scores.in_scope:
        right, held = (percent(count / scores.in_scope) for count in (scores.right, scores.held))
        parts.append(f"of {scores.in_scope:,} in scope {right} go where they should, {held} to a person")
    if scores.out_of_scope:
        caught = percent(scores.caught / scores.out_of_scope)
        parts.append(f"of {scores.out_of_scope:,} out of scope {caught} go to a person")
    return f"Routed at the bundle's threshold: {'; '.join(parts)}."


def data_text(report: DataReport) -> str:
    """What became of the rows that were read, and what those hold that are trained on."""
    parts = [f"{report.read:,} rows read, {report.kept:,} to train on"]
    parts[0] += f", {report.held_out:,} held out" if report.held_out else ""
    if report.spare:
        parts[0] += f", {report.spare:,} held back beyond those"
    if report.respelled:
        parts[0] += f"; of {report.respelled:,} a value is learnt as the document prints it"
    for title, counts, firsts in (
        ("turned away", report.rejected, report.first_rejected),
        ("kept, but look at", report.doubted, report.first_doubted),
    ):
        if counts:
            such_as = {one.reason: one for one in reversed(firsts)}
            rows = [[reason, f"{count:,}", _turned(such_as[reason])] for reason, count in counts.items()]
            parts.append(table([title, "rows", "such as"], rows, right=(1,)))
    rows = [
        [one.path, percent(one.null), f"{one.distinct:,}", ", ".join(f"{_cut(v)} {percent(s)}" for v, s in one.top)]
        for one in report.fields
    ]
    parts.append(table(["field", "null", "values", "most frequent"], rows, right=(1, 2)))
    parts += [f"over-represented: {', '.join(report.over)}"] if report.over else []
    return "\n".join(parts)


def _turned(one: Turned) -> str:
    return f"{one.id}{' ' + one.path if one.path else ''}: {one.detail}"


def _cut(value: str) -> str:
    return value if len(value) <= 24 else value[:23] + "…"


def build_text(built: Built) -> str:
    chosen = built.chosen
    rows = [_row(rung, rung is chosen) for rung in built.ladder]
    head = ["", "encoding", "MB", "records right", "fields right", "failed", "docs/s"]
    size = built.bundle.stat().st_size / 1e6
    parts = [
        data_text(DataReport.from_json(built.data)),
        "",
        f"Held-out scores of every artifact ({chosen.scores.documents:,} documents that training never saw; F16 is the "
        "merged checkpoint; docs/s one at a time, on this machine):",
        table(head, rows, right=(2, 3, 4, 5, 6)),
        *(f"  {note}" for rung in built.ladder for note in rung.notes),
        "",
        f"Chosen: {chosen.encoding}, {built.why}.",
        "  by field: " + ", ".join(f"{name} {percent(share)}" for name, share in chosen.scores.per_field.items()),
        _training_line(built),
        _measured_here(built),
        *_board_lines(built),
        f"Bundle: {built.bundle} ({size:.1f} MB), signed",
        *([f"{NOT_PROVED}\n  boardwright prove {built.bundle}"] if built.target.arch != "any" else []),
    ]
    return "\n" + "\n".join(parts)


def build_json(built: Built) -> str:
    return json.dumps(
        {
            "bundle": str(built.bundle),
            "bytes": built.bundle.stat().st_size,
            "chosen": built.chosen.encoding.value,
            "why": built.why,
            "ladder": {
                rung.encoding.value: {
                    "bytes": rung.size,
                    "documents_per_second": rung.documents_per_second,
                    "notes": rung.notes,
                    **asdict(rung.scores),
                }
                for rung in built.ladder
            },
            "measured": built.measured,
            "board": asdict(built.speed) if built.speed else None,
            "training": built.tuned,
            "data": built.data,
            "held_out": str(built.held_out),
        }
    )


def target_text(target: Target, speeds: Sequence[Speed]) -> str:
    """A profile for people, its speeds and every source below."""
    cpu, budgets = target.cpu, target.budgets
    costs = f"{budgets.latency_ms_p95:,} ms a document (p95), {budgets.rss_mb} MB memory, {budgets.bundle_mb} MB bundle"
    rows = [
        ("board", target.board),
        ("soc", target.soc),
        ("RAM", f"{target.ram_mb:,} MB" if target.ram_mb else "what the machine has"),
        ("CPU", f"{cpu.cores or 'all'} cores" + (f", {cpu.qemu} in qemu" if cpu.qemu else "")),
        ("", " ".join(cpu.features) or "whatever the machine's CPU can"),
        *(("OS", f"{one.release}: Python {one.python}, glibc {one.glibc}") for one in target.os),
        ("threads", f"{target.threads.prefill or 'all'} for prefill, {target.threads.decode or 'all'} for decoding"),
        ("encodings", ", ".join(target.encodings)),
        ("budgets", costs),
        *([("roofline", _roofline(target.roofline))] if target.roofline else []),
        ("image", target.flash.layout),
    ]
    lines = [f"{name:<10}{text}" for name, text in rows]
    sources = [f"  {source}" for source in target.sources]
    return "\n".join([f"{target.name}\n", *lines, *_speed_lines(target, speeds), "\nsources", *sources])


def _roofline(one: Roofline) -> str:
    return (
        f"{one.bandwidth_gb_s:g} GB/s at {100 * one.memory_efficiency:.0f} %, {one.macs_per_cycle:g} products a cycle "
        f"of {one.clock_mhz:,} MHz at {100 * one.compute_efficiency:.0f} % of each core"
    )


def _speed_lines(target: Target, speeds: Sequence[Speed]) -> Iterator[str]:
    """A table for each kind of figure, never one for both."""
    for how, told in (
        (
            "predicted",
            f"SmolLM2-135M by the roofline above, an invoice of {TYPICAL.prompt:.0f} + "
            f"{TYPICAL.output:.0f} tokens; decode: a token a pass",
        ),
        ("measured", "whole records; decode: with what is guessed and forced"),
    ):
        if those := [one for one in speeds if one.how == how]:
            head = ["", "prefill tokens/s", "decode tokens/s", "ms a record", "" if how == "predicted" else "board"]
            rows = [
                [
                    one.encoding.value,
                    f"{one.prefill_tokens_per_s:,.0f}",
                    f"{one.decode_tokens_per_s:,.0f}",
                    f"{one.record_ms:,.0f}",
                    one.source if how == "measured" else "",
                ]
                for one in those
            ]
            yield f"\n{how}: {told}"
            yield table(head, rows, right=(1, 2, 3))
            yield from (f"{one.encoding}: {warning}" for one in those if (warning := over_budget(one, target)))


def _row(rung: Rung, chosen: bool) -> list[str]:
    return [
        "→" if chosen else "",
        rung.encoding.value,
        f"{rung.size / 1e6:.1f}",
        percent(rung.scores.records_right),
        percent(rung.scores.fields_right),
        str(rung.scores.failed),
        f"{rung.documents_per_second:.1f}",
    ]


def _training_line(built: Built) -> str:
    tuned = built.tuned
    chosen = "" if tuned["chosen_step"] == tuned["steps"] else f" (of step {tuned['chosen_step']:,})"
    halved = f", learning rate halved {count} ×" if (count := len(tuned["restarts"])) else ""
    return (
        f"Training: {tuned['steps']:,} steps in {tuned['seconds'] / 60:.1f} min, "
        f"{tuned['tokens_per_second']:,.0f} tokens/s, "
        f"loss {tuned['final_loss']:.4f}, held-out loss {tuned['held_out_loss']:.4f}{chosen}{halved}"
    )


def _board_lines(built: Built) -> Iterator[str]:
    """What is known of the board that the bundle is for; nothing where that is this machine."""
    speed, target = built.speed, built.target
    if speed is None:
        return
    if speed.how == "measured":
        yield f"Measured on the board ({speed.source}): {speed.text}"
    else:
        yield f"Predicted for {target.board} ({speed.source}, nothing measured there): {speed.text}"
    if warning := over_budget(speed, target):
        yield warning


def _measured_here(built: Built) -> str:
    figures, machine = built.measured["figures"], built.measured["machine"]
    latency = figures["latency_ms"]
    elsewhere = ", which is not the board" if built.speed else ""
    read = figures["prompt_tokens_per_record"] - figures["prefix_tokens"]
    return (
        f"Measured on this machine ({machine['cpu']}){elsewhere}, {figures['records']} records one at a time: "
        f"latency p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms "
        f"({read:.0f} tokens read and {figures['tokens_per_record']:.0f} written in "
        f"{figures['passes_per_record']:.1f} passes a record); peak memory {machine['peak_rss_mb']:.0f} MB"
    )


def image_text(built: BuiltImage) -> str:
    """What `boardwright image` made, and what is to be known of it."""
    grown = f"; its root partition has grown by {built.grown / 1e6:.0f} MB" if built.grown else ""
    lines = [
        f"{built.image}: {built.os} as {built.kind}, {built.size / 1e6:.0f} MB unpacked{grown}.",
        f"{len(built.files)} files put in or changed, each read back and equal; the file systems check clean.",
        f"sha256 of the unpacked image: {built.sha256}",
        *(f"bundle: {line}" for line in built.standing),
        *(f"note: {note}" for note in built.notes),
        f"{built.manifest.name} shows it in Raspberry Pi Imager: rpi-imager --repo {built.manifest}",
    ]
    return "\n".join(lines)
