"""The build: every stage in order, each looked up in the store before it is run.

Knows nothing of how a stage works, and imports one only when it has to run: a build that is all in the store never
loads torch.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from boardwright.build.artifacts import importance, onnx, rounded, smoothed, training_texts
from boardwright.build.ids import file_id, folder_id
from boardwright.build.ladder import Rung, better, choose, would_ship
from boardwright.build.model_files import EXPORT, QUANTIZE, export_model, file_name, quantize_model
from boardwright.build.roofline import TYPICAL, model_shape
from boardwright.build.scores import read_evaluation
from boardwright.build.seeds import tune_seeds
from boardwright.build.shrink import shrink
from boardwright.build.speeds import Speed, best_known
from boardwright.build.store import Artifact, Store
from boardwright.build.student import resolve_student, student_licence
from boardwright.device.bundles import DRAFTS
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.examples import read_examples, read_lines
from boardwright.schemas.records import spell
from boardwright.schemas.steps import current_step, step
from boardwright.schemas.task import Gates, Task, Training
from boardwright.targets.measured import Measured, measured
from boardwright.targets.profile import OsRelease, Target

# Raise a stage's number when the same inputs would give another output.
VERSIONS = {
    "data": 6,
    "drafts": 3,
    "shrink": 1,
    "tune": 6,
    "merge": 1,
    "imatrix": 1,
    "smooth": 1,
    "export": EXPORT,
    "quantize": QUANTIZE,
    "round": 3,
    "onnx": 1,
    "evaluate": 10,
    "examine": 6,
    "golden": 11,
    "measure": 6,
}
STAGES = tuple(VERSIONS)
GOLDENS, LOOKED_AT = 20, 100  # golden documents, and held-out ones among which they are looked for


@dataclass(frozen=True)
class Request:
    """What a build is asked for.

    examples, valid: labelled files; none for the task's own synthetic documents.  encodings: none for the target's.
    redo: the first stage to make again, with all after it.  os: a release of the target's; none for its newest.
    """

    task: Task
    target: Target
    student: str
    output: Path
    training: Training
    gates: Gates
    examples: Path | None = None
    valid: Path | None = None
    encodings: tuple[Encoding, ...] = ()
    redo: str | None = None
    os: str | None = None

    def again(self, stage: str) -> bool:
        return self.redo is not None and STAGES.index(stage) >= STAGES.index(self.redo)


@dataclass(frozen=True)
class Built:
    """A finished build. ladder: every artifact evaluated, cheapest first, the merged checkpoint (F16) last.

    measured: what `boardwright-device bench --json` says of the bundle, on this machine.  speed: the best that is known
    of the board's, None where the target is this machine.  tuned, data: the stages' own reports.
    """

    target: Target
    bundle: Path
    chosen: Rung
    why: str
    ladder: list[Rung]
    measured: dict[str, Any]
    speed: Speed | None
    tuned: dict[str, Any]
    data: dict[str, Any]
    held_out: Path


def build(request: Request, store: Store) -> Built:
    """Run the road from documents to a signed bundle. Raises KitError; GateFailed when no artifact is good enough."""
    filed = measured(request.target.name)
    runs_here = request.target.arch == "any"
    if not runs_here or request.os:
        from boardwright.build.board_parts import release_of
        from boardwright.build.cross import check_compiler
        from boardwright.build.wheels import board_wheels

        release = release_of(request.target, request.os)  # refuses one for a machine that is no board
        check_compiler()  # now, and not after the training
    prepared = _data(request, store)  # first: a broken line in a file is told before anything is fetched
    if request.task.neighbour:
        learnt = read_examples(prepared.path / "train.jsonl", request.task.record)
        request = replace(request, task=request.task.having_learnt(learnt))
    drafts = _drafts(request, store, prepared)
    student = shrink(request, store, VERSIONS["shrink"], prepared, resolve_student(request.student, store))
    goal = resolve_student(request.training.distil_from, store) if request.training.distil_from else None
    tuned = tune_seeds(request, store, VERSIONS["tune"], prepared, student, goal)
    merged = _merge(request, store, student, tuned)
    imatrix = importance(request, store, VERSIONS["imatrix"], merged, prepared)
    checkpoint = smoothed(request, store, VERSIONS["smooth"], merged, imatrix)
    exported = _export(request, store, checkpoint, prepared)
    yardstick = _rung(request, store, Encoding.F16, exported, prepared, drafts)
    training = {**_read(tuned.path / "tuned.json"), "examined": _examine(request, store, yardstick, prepared, drafts)}
    ladder = []
    for encoding in request.encodings or request.target.encodings:
        if encoding is Encoding.F16:
            ladder.append(yardstick)
            continue
        if encoding.runtime == "onnxruntime":
            quantized = onnx(request, store, VERSIONS["onnx"], encoding, checkpoint, prepared)
        else:
            quantized = quantize_model(store, exported, encoding, checkpoint, redo=request.again("quantize"))
        ladder.append(_rung(request, store, encoding, quantized, prepared, drafts))
    ids = {"data": prepared.id, "student": student.id, "tune": tuned.id, "merge": merged.id}
    ids |= {"smooth": checkpoint.id, "export": exported.id}
    target = request.target
    most_mb = target.budgets.bundle_mb
    if request.training.rounding and would_ship(
        Encoding.Q4_0, ladder, yardstick, request.gates, most_mb, runs_here=runs_here
    ):
        trained = rounded(request, store, VERSIONS["round"], checkpoint, exported, prepared)
        rung = _rung(request, store, Encoding.Q4_0, trained, prepared, drafts)
        ladder = [better(one, rung) if one.encoding is Encoding.Q4_0 else one for one in ladder]
        if rung in ladder:
            ids["round"] = trained.id
    chosen, why = choose(ladder, yardstick, request.gates, most_mb, runs_here=runs_here)
    goldens = _golden(request, store, chosen, prepared, drafts)
    rungs = [*ladder, *([] if yardstick in ladder else [yardstick])]
    board = None if runs_here else (release, board_wheels(release, chosen.encoding.runtime, store).path)
    with step("Pack and sign the bundle"):
        bundle = _pack(request, chosen, rungs, why, ids, goldens, drafts, training, board)
    here = _measure(request, store, bundle, prepared)
    return Built(
        target=target,
        bundle=bundle,
        chosen=chosen,
        why=why,
        ladder=rungs,
        measured=here,
        speed=None if runs_here else _speed(target, chosen, filed),
        tuned=training,
        data=_read(prepared.path / "data_report.json"),
        held_out=prepared.path / "valid.jsonl",
    )


def _data(request: Request, store: Store) -> Artifact:
    task, training = request.task, request.training
    counts = (training.synthetic_train, training.synthetic_valid)
    given = [file_id(path) for path in (request.examples, request.valid) if path]

    def make(folder: Path) -> None:
        from boardwright.build.data import prepare

        report = prepare(task, request.examples, request.valid, counts, training.seed, folder)
        turned = ", ".join(f"{count:,} {reason}" for reason, count in report.rejected.items())
        current_step().note(
            f"{report.kept:,} to train on, {report.held_out:,} held out; turned away: {turned or 'none'}"
        )

    return store.produce(
        "data",
        VERSIONS["data"],
        {} if given else {"counts": counts, "seed": training.seed},
        # Files are read with the record model and the checks alone; drawn documents depend on all of the task's folder.
        [_digest(f"{task.shape}\n{task.checks}\n{task.limits}"), *given] if given else [folder_id(task.folder)],
        make,
        title="Prepare the examples",
        redo=request.again("data"),
    )


def _drafts(request: Request, store: Store, prepared: Artifact) -> Artifact:
    """What lets the decoder guess records; learned from the same examples as the student."""
    task = request.task

    def make(folder: Path) -> None:
        from boardwright.build.drafts import learn

        train, held_out = (read_examples(prepared.path / f"{part}.jsonl", task.record) for part in ("train", "valid"))
        (folder / DRAFTS).write_bytes(learn(task.shape, train, held_out).to_bytes())

    return store.produce(
        "drafts",
        VERSIONS["drafts"],
        {},
        [prepared.id, _digest(str(task.shape))],
        make,
        title="Learn to guess records",
        redo=request.again("drafts"),
    )


def _merge(request: Request, store: Store, student: Artifact, tuned: Artifact) -> Artifact:
    def make(folder: Path) -> None:
        from boardwright.build.lora import merge

        merge(student.path, tuned.path / "adapter", folder)

    return store.produce(
        "merge",
        VERSIONS["merge"],
        {},
        [student.id, tuned.id],
        make,
        title="Merge the adapter into 16 bit",
        redo=request.again("merge"),
    )


def _export(request: Request, store: Store, checkpoint: Artifact, prepared: Artifact) -> Artifact:
    return export_model(
        store,
        checkpoint,
        request.task.name,
        lambda: training_texts(request, prepared),
        prepared.id,
        redo=request.again("export"),
    )


def _rung(
    request: Request, store: Store, encoding: Encoding, artifact: Artifact, prepared: Artifact, drafts: Artifact
) -> Rung:
    """An artifact's place on the ladder: every held-out document through the harness."""
    task = request.task
    model = artifact.path / file_name(encoding)
    held_out = prepared.path / "valid.jsonl"

    def make(folder: Path) -> None:
        from boardwright.build.drafts import read_drafts
        from boardwright.build.evaluate import evaluate
        from boardwright.device.harness import Harness

        harness = Harness.load(task, model, drafts=read_drafts(drafts.path))
        try:
            result = evaluate(task, harness, read_examples(held_out, task.record), folder)
        finally:
            harness.close()
        scores = result.scores
        current_step().note(f"records {100 * scores.records_right:.1f} %, fields {100 * scores.fields_right:.1f} %")

    evaluated = store.produce(
        "evaluate",
        VERSIONS["evaluate"],
        {"comparators": task.all_comparators, **_contract(task)},
        # By its bytes: what was trained as rounded in vain is the file that was evaluated before.
        [*map(file_id, encoding.files(model)), drafts.id, file_id(held_out), _digest(str(task.shape))],
        make,
        title=f"Evaluate {encoding}",
        redo=request.again("evaluate"),
    )
    result = read_evaluation(evaluated.path)
    notes_file = artifact.path / "notes.json"
    notes = json.loads(notes_file.read_text(encoding="utf-8")) if notes_file.is_file() else []
    return Rung(
        encoding,
        model,
        sum(path.stat().st_size for path in encoding.files(model)),
        result.scores,
        result.documents_per_second,
        notes,
        evaluated.path,
        result.work,
    )


def _examine(request: Request, store: Store, yardstick: Rung, prepared: Artifact, drafts: Artifact) -> dict[str, Any]:
    """What the merged checkpoint makes of documents that it has learnt, and of its held-out records what it should not
    have made."""
    task = request.task
    train, held_out = prepared.path / "train.jsonl", prepared.path / "valid.jsonl"
    told = yardstick.evaluation / "records.jsonl"

    def make(folder: Path) -> None:
        from boardwright.build.drafts import read_drafts
        from boardwright.build.examine import examine

        examples, asked = (read_examples(path, task.record) for path in (train, held_out))
        outputs = [line.get("record") for _, line in read_lines(told)]
        found = examine(task, yardstick.model, read_drafts(drafts.path), examples, asked, outputs)
        (folder / "examined.json").write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
        for line in found.lines():
            current_step().note(line)

    made = store.produce(
        "examine",
        VERSIONS["examine"],
        {"comparators": task.all_comparators, **_contract(task)},
        [*map(file_id, Encoding.F16.files(yardstick.model)), drafts.id, file_id(told), file_id(train)],
        make,
        title="Look for overfitting",
        redo=request.again("examine"),
    )
    return _read(made.path / "examined.json")


def _golden(request: Request, store: Store, chosen: Rung, prepared: Artifact, drafts: Artifact) -> list[dict[str, Any]]:
    """What a board must reproduce: prompts with their token ids, and this machine's records."""
    held_out = prepared.path / "valid.jsonl"

    def make(folder: Path) -> None:
        from boardwright.build.drafts import read_drafts
        from boardwright.build.evaluate import golden_records

        examples = read_examples(held_out, request.task.record)[:LOOKED_AT]
        lines = golden_records(request.task, chosen.model, read_drafts(drafts.path), examples, GOLDENS)
        (folder / "golden.jsonl").write_text("".join(f"{spell(line)}\n" for line in lines), encoding="utf-8")

    made = store.produce(
        "golden",
        VERSIONS["golden"],
        {"documents": GOLDENS, **_contract(request.task)},
        [
            *map(file_id, chosen.encoding.files(chosen.model)),
            drafts.id,
            file_id(held_out),
            _digest(str(request.task.shape)),
        ],
        make,
        title="Record the golden documents",
        redo=request.again("golden"),
    )
    return [line for _, line in read_lines(made.path / "golden.jsonl")]


def _contract(task: Task) -> dict[str, Any]:
    """What of a task, beside its shape, the records depend on that the harness makes."""
    return {"prompt": task.prompt_source, "limits": asdict(task.limits)}


def _measure(request: Request, store: Store, bundle: Path, prepared: Artifact) -> dict[str, Any]:
    """Latency, speed and memory of the bundle on this machine, by the command that a board would run."""
    held_out = prepared.path / "valid.jsonl"

    def make(folder: Path) -> None:
        from boardwright.build.measure import measure

        (folder / "measured.json").write_text(json.dumps(measure(bundle, held_out), indent=1) + "\n", encoding="utf-8")

    made = store.produce(
        "measure",
        VERSIONS["measure"],
        {"machine": platform.node()},  # another machine has other figures
        [file_id(bundle)],
        make,
        title="Measure the bundle on this machine",
        redo=request.again("measure"),
    )
    figures: dict[str, Any] = json.loads((made.path / "measured.json").read_text(encoding="utf-8"))
    return figures


def _speed(target: Target, chosen: Rung, filed: Sequence[Measured]) -> Speed | None:
    """The board's speed, as far as it is known."""
    shape = model_shape(chosen.model, chosen.encoding, chosen.size)
    return best_known(target, chosen.encoding, shape, chosen.work or TYPICAL, filed)


def _pack(
    request: Request,
    chosen: Rung,
    rungs: Sequence[Rung],
    why: str,
    ids: Mapping[str, str],
    goldens: Sequence[Mapping[str, Any]],
    drafts: Artifact,
    training: Mapping[str, Any],
    board: tuple[OsRelease, Path] | None,
) -> Path:
    from boardwright.build.calibrate import calibration_of
    from boardwright.build.pack import pack

    scores = {
        "documents": chosen.scores.documents,
        "chosen": chosen.encoding.value,
        "why": why,
        "gates": asdict(request.gates),
        **({"work": asdict(chosen.work)} if chosen.work else {}),
        "ladder": {
            rung.encoding.value: {"bytes": rung.size, "notes": rung.notes, **asdict(rung.scores)} for rung in rungs
        },
    }
    return pack(
        request.task,
        request.target,
        chosen.model,
        chosen.encoding,
        student=request.student,
        licences=[
            {"name": request.student, **student_licence(request.student)},
            {"name": "boardwright", "license": "Apache-2.0", "source": "this project"},
        ],
        scores=scores,
        training=training,
        content_ids=ids,
        goldens=goldens,
        drafts=drafts.path / DRAFTS,
        calibration=calibration_of(chosen.evaluation),
        folder=request.output,
        board=board,
    )


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
