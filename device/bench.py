"""How fast a bundle is here: every figure is measured on this machine, on these documents.

Knows nothing of boards: what another machine would do is for the build to predict.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import step

if TYPE_CHECKING:
    from boardwright.device.bundles import Installed
    from boardwright.device.harness import Harness, Result

WARM_UP = 2
LEAST = 10  # records whose median says something, however slow they are
VIRTUAL = "linux,dummy-virt"


@dataclass(frozen=True)
class Spread:
    """Percentiles in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Figures:
    """latency: of a record, from its text to its validated form.  first_token: of that, until its first logits.

    prefill: tokens of document and turn marks a second; the fixed prefix is in the cache.  decode: tokens of the record
    a second, those that the grammar forces included.  failed: documents that gave an error; in no other figure.
    prefix_tokens: of each prompt, those of the fixed prefix.
    """

    records: int
    failed: int
    slots: int
    latency_ms: Spread
    first_token_ms: Spread
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    passes_per_record: float
    drafted_per_record: float
    accepted_per_record: float
    tokens_per_record: float
    prompt_tokens_per_record: float
    prefix_tokens: int
    records_per_minute: float


def measure(harness: Harness, texts: Sequence[str], records: int, slots: int = 1, seconds: float = math.inf) -> Figures:
    """Run `records` documents, taken from `texts` in turn, after a warm-up. Raises KitError when all of them fail.

    seconds: no document is begun after so long, but for the first LEAST."""
    prefix = len(harness.prompt_ids("")[0])
    for _ in harness.extract_many(islice(cycle(texts), WARM_UP), slots=slots):
        pass
    good: list[Result] = []
    errors: list[KitError] = []
    with step("Measure") as running:
        started = time.perf_counter()

        def wanted() -> Iterator[str]:
            for number, text in enumerate(islice(cycle(texts), records)):
                if number >= LEAST and time.perf_counter() - started > seconds:
                    return
                yield text

        for number, outcome in enumerate(harness.extract_many(wanted(), slots=slots), 1):
            if isinstance(outcome, KitError):
                errors.append(outcome)
            else:
                good.append(outcome)
            running.progress(number, records)
        seconds = time.perf_counter() - started
    if not good:
        raise errors[0]
    return Figures(
        records=len(good),
        failed=len(errors),
        slots=slots,
        latency_ms=_spread([one.timing.total for one in good]),
        first_token_ms=_spread([one.timing.prefill for one in good]),
        prefill_tokens_per_s=_rate([(one.prompt_tokens - prefix, one.timing.prefill) for one in good]),
        decode_tokens_per_s=_rate([(one.tokens, one.timing.decode) for one in good]),
        passes_per_record=fmean(one.passes for one in good),
        drafted_per_record=fmean(one.drafted for one in good),
        accepted_per_record=fmean(one.accepted for one in good),
        tokens_per_record=fmean(one.tokens for one in good),
        prompt_tokens_per_record=fmean(one.prompt_tokens for one in good),
        prefix_tokens=prefix,
        records_per_minute=60 * len(good) / seconds,
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` % do not exceed: one that was measured, not one in between."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def as_json(figures: Figures, machine: dict[str, Any], bundle: dict[str, Any]) -> dict[str, Any]:
    """As targets/measured.py reads it."""
    rounded = {name: _rounded(value) for name, value in asdict(figures).items()}
    return {"how": how(), "figures": rounded, "machine": machine, "bundle": bundle}


def bundle_json(installed: Installed) -> dict[str, Any]:
    """Which bundle was measured."""
    manifest = installed.bundle.manifest
    return {
        "id": installed.bundle.id,
        "task": manifest.task,
        "version": manifest.version,
        "target": manifest.target,
        "model": installed.model_id,
        "model_bytes": installed.model_bytes,
    }


def table(figures: Figures, machine: dict[str, Any]) -> list[tuple[str, str]]:
    """Rows for people."""
    total, first = figures.latency_ms, figures.first_token_ms
    shared = f", {figures.slots} at a time" if figures.slots > 1 else ""
    return [
        ("records", f"{figures.records}{shared}" + (f", {figures.failed} failed" if figures.failed else "")),
        ("a record", f"p50 {total.p50:.0f} ms, p95 {total.p95:.0f} ms, p99 {total.p99:.0f} ms"),
        ("first token", f"p50 {first.p50:.0f} ms, p95 {first.p95:.0f} ms, p99 {first.p99:.0f} ms"),
        ("prefill", f"{figures.prefill_tokens_per_s:.0f} tokens/s ({figures.prompt_tokens_per_record:.0f} a prompt)"),
        ("decode", f"{figures.decode_tokens_per_s:.0f} tokens/s, guessed and forced ones included"),
        ("passes", f"{figures.passes_per_record:.1f} a record, for {figures.tokens_per_record:.1f} tokens"),
        (
            "drafts",
            f"{figures.drafted_per_record:.1f} tokens a record, {figures.accepted_per_record:.1f} of them right",
        ),
        ("throughput", f"{figures.records_per_minute:.0f} records/min"),
        ("load", f"{machine['verify_s']:.2f} s to verify and lay out, {machine['load_s']:.2f} s to load"),
        ("memory", f"{machine['peak_rss_mb']:.0f} MB at the peak"),
        ("model", f"{machine['model_mb']:.1f} MB, {machine['encoding']}"),
        ("threads", f"{machine['decode_threads']} for decoding, {machine['prefill_threads']} for prefill"),
        ("machine", machine["cpu"]),
        *_vitals(machine),
    ]


def _vitals(machine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the machine tells of its state, which may be nothing."""
    if machine["written_bytes"] is not None:
        yield "written", f"{machine['written_bytes']} bytes to disk while measuring"
    before, after = machine["temperature_c"]
    if after is not None:
        yield "temperature", f"{before:.0f} °C before, {after:.0f} °C after"
    if machine["invalid"]:
        yield "INVALID", f"the board was slowed down meanwhile: {', '.join(machine['invalid'])}"


def peak_rss_mb(process: int | None = None) -> float:
    """The most memory that a process has held, in 10^6 bytes. process: its id; this one unless told. Raises KitError
    where the kernel does not say."""
    status = Path(f"/proc/{process or 'self'}/status")
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KitError("The kernel does not tell the peak memory.", where=status, allowed="a line VmHWM:")


def how(proc: Path = Path("/proc"), arch: str = platform.machine()) -> Literal["measured", "emulated"]:
    """Whether figures taken here are a machine's own: an emulator's are good for nothing but correctness.

    qemu's machine `virt` names itself in its device tree; under qemu-user, /proc/cpuinfo is that of another
    architecture."""
    if (board_name(proc) or "").startswith(VIRTUAL):
        return "emulated"
    with suppress(OSError):
        told = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
        if arch == "aarch64" and "CPU implementer" not in told:
            return "emulated"
    return "measured"


def board_name(proc: Path = Path("/proc")) -> str | None:
    """The board as its device tree has it; None where there is none."""
    tree = proc / "device-tree" / "model"
    if not tree.is_file():
        return None
    return tree.read_text(encoding="utf-8", errors="replace").rstrip("\0\n")


def cpu_name() -> str:
    """What this machine calls itself: the board where there is a device tree, else the CPU."""
    if board := board_name():
        return board
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _spread(values: Sequence[float]) -> Spread:
    return Spread(*(percentile(values, percent) for percent in (50, 95, 99)))


def _rate(pairs: Sequence[tuple[int, float]]) -> float:
    """Tokens a second over all pairs of (tokens, milliseconds)."""
    return 1e3 * sum(tokens for tokens, _ in pairs) / max(sum(ms for _, ms in pairs), 1e-9)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 2) if isinstance(value, float) else value
