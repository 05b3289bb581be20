"""The ladder: artifacts of one student in several encodings, and the choice of the one that ships.

Knows nothing of how they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from boardwright.build.roofline import Work
from boardwright.schemas.compare import Scores
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import GateFailed
from boardwright.schemas.task import Gates

# A dearer artifact has to be this much faster than the cheapest to take its place: timings of one run differ by less.
FASTER = 1.2


@dataclass(frozen=True)
class Rung:
    """One artifact. size: bytes of all its files.  documents_per_second: through the harness, on this machine, one at a
    time.  notes: tensors that are not in the encoding its name promises.  evaluation: folder of its held-out records.
    work: of one of them on the mean.
    """

    encoding: Encoding
    model: Path
    size: int
    scores: Scores
    documents_per_second: float
    notes: list[str] = field(default_factory=list)
    evaluation: Path = Path()
    work: Work | None = None


def choose(
    ladder: Sequence[Rung], yardstick: Rung, gates: Gates, most_mb: float, *, runs_here: bool = False
) -> tuple[Rung, str]:
    """The rung that ships, and why: of those within tolerance of the best field score that pass the gates, the first
    (they go from cheap to dear); or where the bundle is to run on this very machine, one that is much faster here.

    most_mb: what the target's bundle may weigh, in 10^6 bytes. Raises GateFailed when there is none."""
    light = [rung for rung in ladder if rung.size <= most_mb * 1e6]
    if not light:
        raise GateFailed(
            "Every encoding is too large for this target.",
            value=", ".join(f"{rung.encoding} {rung.size / 1e6:.0f} MB" for rung in ladder),
            allowed=f"{most_mb:g} MB (the target's budgets.bundle_mb)",
            next="add a coarser encoding such as Q4_0 with --encodings, or use a smaller student",
        )
    best = max([*ladder, yardstick], key=lambda rung: rung.scores.fields_right)
    floor = best.scores.fields_right - gates.tolerance
    near = [rung for rung in light if rung.scores.fields_right >= floor]
    if not near:
        finer = Encoding.F16 if Encoding.Q8_0 in [rung.encoding for rung in ladder] else Encoding.Q8_0
        raise GateFailed(
            "No encoding of this target keeps the quality of the merged checkpoint.",
            value=", ".join(f"{r.encoding} {100 * r.scores.fields_right:.1f} %" for r in ladder),
            allowed=f"fields right ≥ {100 * floor:.1f} % ({best.encoding} less {100 * gates.tolerance:g} points)",
            next=f"add a finer encoding with --encodings, as {finer}, or raise --gate tolerance=VALUE",
        )
    passing = [rung for rung in near if not _missed(rung, gates)]
    if not passing:
        rung = max(near, key=lambda rung: rung.scores.records_right)
        name = _missed(rung, gates)[0]
        raise GateFailed(
            f"The build does not pass its gate {name}; no bundle was made.",
            where=f"{rung.encoding} on {rung.scores.documents} held-out documents",
            value=round(getattr(rung.scores, name), 4),
            allowed=f"≥ {getattr(gates, name)}",
            next=f"train on more or better examples, or accept less with --gate {name}=VALUE",
        )
    cheapest = passing[0]
    fastest = max(passing, key=lambda rung: rung.documents_per_second)
    within = (
        f"within {100 * gates.tolerance:g} point(s) of the best field score, "
        f"{100 * best.scores.fields_right:.1f} % of {best.encoding}"
    )
    cheaper = ladder[: ladder.index(cheapest)]
    worse = ", ".join(f"{rung.encoding} {100 * rung.scores.fields_right:.1f} %" for rung in cheaper)
    ratio = fastest.documents_per_second / max(cheapest.documents_per_second, 1e-9)
    if runs_here and ratio >= FASTER:
        why = f"{within}, and {ratio:.1f} × as fast on this machine as the cheapest of those, {cheapest.encoding}"
        return fastest, why
    return cheapest, f"the cheapest {within}" + (f"; cheaper but worse: {worse}" if worse else "")


def would_ship(
    encoding: Encoding,
    ladder: Sequence[Rung],
    yardstick: Rung,
    gates: Gates,
    most_mb: float,
    *,
    runs_here: bool = False,
) -> bool:
    """Whether work on this encoding can pay: its rung would be chosen, if it were as good as the merged checkpoint.

    The other arguments are those of `choose`."""
    hoped = [replace(rung, scores=yardstick.scores) if rung.encoding is encoding else rung for rung in ladder]
    try:
        chosen, _ = choose(hoped, yardstick, gates, most_mb, runs_here=runs_here)
    except GateFailed:
        return False
    return chosen.encoding is encoding


def better(plain: Rung, trained: Rung) -> Rung:
    """Of two artifacts in one encoding the one that ships: by held-out fields, then records. Where neither is better,
    the trained one: it is nearer to the checkpoint. A note tells of one that was not taken."""
    scores = [(rung.scores.fields_right, rung.scores.records_right) for rung in (plain, trained)]
    if scores[0] <= scores[1]:
        return trained
    note = f"trained as it rounds, fields {100 * scores[1][0]:.1f} %, records {100 * scores[1][1]:.1f} %: not taken"
    return replace(plain, notes=[*plain.notes, note])


def _missed(rung: Rung, gates: Gates) -> list[str]:
    return [n for n in ("records_right", "fields_right") if getattr(rung.scores, n) < getattr(gates, n)]
