"""Two tasks on one base give the records that each gives alone, in any order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import torch
from peft import LoraConfig, get_peft_model
from pydantic import BaseModel
from transformers import AutoModelForCausalLM

from boardwright.build.export import export_adapter, export_gguf
from boardwright.build.tune import LINEAR
from boardwright.device.adapters import Fitting, harnesses
from boardwright.schemas.fields import Text
from boardwright.schemas.task import Limits, Task


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


def make_adapter(tiny: Path, folder: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=LINEAR, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.3)
    adapted.save_pretrained(str(folder))
    export_adapter(folder, tiny, folder / "adapter.gguf", "adapter")
    return folder / "adapter.gguf"


def test_switching_changes_no_record(tiny: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    export_gguf(tiny, base, "tiny")
    fittings = [Fitting(task, make_adapter(tiny, tmp_path / task.name, seed)) for seed, task in enumerate(TASKS)]

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
