"""What a build asks of the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boardwright.build.ids import content_id
from boardwright.build.ladder import Rung
from boardwright.build.pipeline import Request, _golden, _rung
from boardwright.build.store import Artifact, Store
from boardwright.schemas.compare import Scores
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.task import Limits, load_task
from boardwright.targets.profile import load_target


class Asked(Exception):
    """The content id of the stage that a build would look up."""


class Asking(Store):
    def produce(self, stage: str, version: int, options: Any, inputs: Any, *_: Any, **__: Any) -> Artifact:
        raise Asked(content_id(stage, version, options, inputs))


@pytest.mark.parametrize("stage", ["evaluate", "golden"])
def test_records_are_made_anew_when_a_limit_changes(stage: str, tmp_path: Path) -> None:
    store = Asking(tmp_path / "store")
    for name in ("valid.jsonl", "model-Q8_0.gguf"):
        (tmp_path / name).touch()
    made = Artifact("0" * 64, tmp_path, True, 0.0)
    model = Rung(Encoding.Q8_0, tmp_path / "model-Q8_0.gguf", 100, Scores(100, 0, 0.9, 0.98, {}), 1.0)

    def id_of(limits: Limits) -> str:
        task = replace(load_task("receipt"), limits=limits)
        request = Request(task, load_target("host"), "student", tmp_path, task.training, task.gates)
        with pytest.raises(Asked) as asked:
            if stage == "evaluate":
                _rung(request, store, Encoding.Q8_0, made, made, made)
            else:
                _golden(request, store, model, made, made)
        return str(asked.value)

    limits = [Limits(), Limits(context=768), Limits(output=200), Limits(windows=True)]
    assert len({id_of(one) for one in [*limits, Limits()]}) == len(limits)


def test_the_same_file_is_evaluated_once_however_it_was_made(tmp_path: Path) -> None:
    task = load_task("receipt")
    request = Request(task, load_target("host"), "student", tmp_path, task.training, task.gates)
    (tmp_path / "valid.jsonl").touch()
    prepared = Artifact("0" * 64, tmp_path, True, 0.0)

    def asked_of(name: str, content: bytes) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model-Q4_0.gguf").write_bytes(content)
        made = Artifact(name, folder, True, 0.0)
        with pytest.raises(Asked) as asked:
            _rung(request, Asking(tmp_path / "store"), Encoding.Q4_0, made, prepared, prepared)
        return str(asked.value)

    plain = asked_of("quantized", b"weights")
    assert asked_of("rounded in vain", b"weights") == plain != asked_of("rounded", b"other weights")
