"""Two tasks on one base give the records that each gives alone, in any order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.build.export import export_adapter, export_gguf
from boardwright.device.adapters import Fitting, harnesses
from boardwright.schemas.fields import Text
from boardwright.schemas.task import Limits, Task
from tests.build.conftest import make_adapter


class Mail(BaseModel):
    kind: Literal["bill", "offer", "other"]
    about: Annotated[str, Text(12)] | None


class Alarm(BaseModel):
    urgent: bool
    place: Annotated[str, Text(8)]


TASKS = [
    Task("mail", Mail, "Sort the mail.", limits=Limits(context=320)),
    Task("alarm", Alarm, "Read the alarm.", limits=Limits(context=256)),
]
TEXTS = ["Invoice 12 from ACME", "Fire in room 7", "Rechnung 7 von Müller", "12.50"]


def test_switching_changes_no_record(tiny: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    export_gguf(tiny, base, "tiny")
    fittings = [Fitting(task, tmp_path / f"{task.name}.gguf") for task in TASKS]
    for seed, one in enumerate(fittings):
        adapter = make_adapter(tiny, tmp_path / one.task.name, seed=seed, scale=0.3)
        export_adapter(adapter, tiny, one.adapter, "adapter")

    def records(order: Callable[[], list[tuple[str, str]]], chosen: list[Fitting]) -> dict[tuple[str, str], str]:
        engine, made = harnesses(base, chosen, threads=1)
        try:
            return {(name, text): made[name].extract(text).record.model_dump_json() for name, text in order()}
        finally:
            engine.close()

    alone: dict[tuple[str, str], str] = {}
    for fitting in fittings:
        name = fitting.task.name
        alone |= records(lambda name=name: [(name, text) for text in TEXTS], [fitting])  # type: ignore[misc]
    turns = [(task.name, text) for text in TEXTS for task in TASKS]
    assert records(lambda: turns, fittings) == alone
    assert records(lambda: turns[::-1], fittings) == alone
