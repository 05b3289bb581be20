"""A program: train an adapter of every kind in one way, and print what came of each as JSON.

python -m tests.build.adapters_learnt unsloth FOLDER
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from boardwright.build.lora import merge
from boardwright.build.tune import tune
from boardwright.schemas.task import Training, load_task
from tests.build.conftest import make_checkpoint

KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"adapter": "rslora"},
    "dora": {"adapter": "dora"},
    "lowest layer frozen": {"frozen_layers": 1},
    "dropout": {"dropout": 0.1},
}
FOUR_BITS = {"four bits": {"four_bit": True}}  # PEFT does them on a GPU alone


def main(way: Any, folder: Path) -> None:
    task = load_task("invoice")
    generate = task.documents()
    assert generate is not None
    examples = list(itertools.islice((one for one in generate(3, "train") if len(one.text) < 90), 16))
    tiny = make_checkpoint(folder / "tiny")
    found = {}
    for kind, more in (KINDS | FOUR_BITS if way == "unsloth" else KINDS).items():
        training = Training(epochs=8, batch=4, learning_rate=1e-2, rank=4, **more)
        made = folder / kind.replace(" ", "-")
        made.mkdir()
        tuned = tune(task, examples, examples[:4], tiny, training, made, way)
        merge(tiny, made / "adapter", made / "merged")
        weights = load_file(made / "adapter" / "adapter_model.safetensors")
        found[kind] = {
            "losses": [point.loss for point in tuned.curve],
            "held_out_loss": tuned.held_out_loss,
            "adapter": {name: [*weight.shape, str(weight.dtype)] for name, weight in sorted(weights.items())},
        }
    print(json.dumps({"unsloth": "unsloth" in sys.modules, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
