"""The scores of an artifact, as `evaluate` leaves them in the store.

Knows nothing of models, so that reading scores loads none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from boardwright.build.roofline import Work
from boardwright.schemas.compare import Scores


@dataclass(frozen=True)
class Evaluation:
    """documents_per_second: one at a time, on the machine that evaluated.  work: of its records, None without any."""

    scores: Scores
    documents_per_second: float
    work: Work | None


def read_evaluation(folder: Path) -> Evaluation:
    stored = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    work = Work(**stored["work"]) if stored["work"] else None
    return Evaluation(Scores(**stored["scores"]), stored["documents_per_second"], work)
