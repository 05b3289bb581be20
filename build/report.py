"""Report: all that is known of a bundle, on one page that needs nothing else.

Knows nothing of how a figure came about: kinds of figures stay in tables of their own. Whatever the bundle says is
escaped; the page loads nothing and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boardwright.build.report_training import Taught, taught
from boardwright.build.roofline import TYPICAL, Work, model_shape
from boardwright.build.speeds import Speed, measured_speed, over_budget, predicted_speed, same_model
from boardwright.build.summary import percent
from boardwright.device import info
from boardwright.device.bundles import Installed, load_bundle, needs_of
from boardwright.device.needs import Needs
from boardwright.device.proof import proof_of
from boardwright.schemas.durable import replace_text
from boardwright.schemas.encodings import encoding
from boardwright.schemas.errors import BadBundle
from boardwright.targets.measured import measured

TEMPLATE = Path(__file__).with_name("report.html.j2")
GATES = ("records_right", "fields_right")


@dataclass(frozen=True)
class Rung:
    """A line of the ladder, as scores.json has it. per_field: field -> share right.  notes: on its tensors."""

    encoding: str
    bytes: int
    records_right: float
    fields_right: float
    failed: int
    per_field: Mapping[str, float]
    notes: Sequence[str]
    chosen: bool


@dataclass(frozen=True)
class Gate:
    name: str
    asked: float
    reached: float

    @property
    def passed(self) -> bool:
        return self.reached >= self.asked


@dataclass(frozen=True)
class Report:
    """What the page shows. known: device/info.py's.  proof: a line for each CPU, None where nothing was proved.

    training: how the student learnt, None where the bundle does not tell.
    needs: the RAM contract, None where the bundle is for no board.  warning: the best known speed is too slow."""

    known: Mapping[str, Any]
    installed: Installed
    ladder: Sequence[Rung]
    gates: Sequence[Gate]
    training: Taught | None
    needs: Needs | None
    proof: Sequence[str] | None
    work: Work
    predicted: Sequence[Speed]
    measured: Sequence[Speed]
    warning: str | None


def write_report(bundle: Path, output: Path, key: Path | None = None) -> None:
    """Write the page, whole or not at all. Raises BadBundle, KitError, NoSpace."""
    replace_text(output, page(gather(load_bundle(bundle, key))))


def gather(installed: Installed) -> Report:
    """All that is known of a bundle: from itself, from the proof beside it, and from what boards were measured."""
    known, target = info.as_json(installed), installed.target
    scores = installed.scores
    ladder = _ladder(scores)
    chosen = next((one for one in ladder if one.chosen), None)
    gates = scores.get("gates", {})
    work = _work(scores)
    # Newest measurement first, the prediction last: the first of all is the best that is known.
    speeds = _speeds(installed, work) if target.arch != "any" else []
    return Report(
        known=known,
        installed=installed,
        ladder=ladder,
        gates=[Gate(name, gates[name], getattr(chosen, name)) for name in GATES if chosen and name in gates],
        training=taught(told) if (told := installed.training()) is not None else None,
        needs=needs_of(installed.bundle),
        proof=(proved.lines() if (proved := proof_of(installed.bundle)) else None),
        work=work,
        predicted=[one for one in speeds if one.how == "predicted"],
        measured=[one for one in speeds if one.how == "measured"],
        warning=over_budget(speeds[0], target) if speeds else None,
    )


def page(report: Report) -> str:
    """The report as HTML. Autoescape holds for every value in it."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "mb": _mb, "count": "{:,.0f}".format}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(report=report)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _ladder(scores: Mapping[str, Any]) -> list[Rung]:
    try:
        return [
            Rung(
                name,
                int(told["bytes"]),
                float(told["records_right"]),
                float(told["fields_right"]),
                int(told["failed"]),
                {field: float(share) for field, share in told["per_field"].items()},
                [str(note) for note in told.get("notes", [])],
                name == scores.get("chosen"),
            )
            for name, told in scores.get("ladder", {}).items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadBundle(f"The scores in this bundle can't be read: {error!r}.", where="scores.json") from None


def _speeds(installed: Installed, work: Work) -> list[Speed]:
    manifest, target = installed.bundle.manifest, installed.target
    one = encoding(manifest.encoding)
    shape = model_shape(installed.model, one, installed.model_bytes)
    ran = [measured_speed(run) for run in measured(target.name, one) if same_model(run, shape)]
    predicted = predicted_speed(target, one, shape, work)
    return [*ran, *([predicted] if predicted else [])]


def _work(scores: Mapping[str, Any]) -> Work:
    """A record like the held-out ones; like an invoice's where a bundle does not tell."""
    try:
        return Work(**{name: float(one) for name, one in scores["work"].items()}) if "work" in scores else TYPICAL
    except (TypeError, ValueError, AttributeError) as error:
        raise BadBundle(f"The scores in this bundle can't be read: {error}.", where="scores.json: work") from None
