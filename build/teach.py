"""`boardwright teach`: what a teacher answers, and the validators let pass, into a file of examples.

Knows nothing of which teacher it is. Rows are written in the order of the questions, whatever the order of the answers,
so that what is compared with earlier rows comes out the same after a kill.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boardwright.build.data_report import FILE, DataReport, Turned, data_report
from boardwright.build.questions import Wanted
from boardwright.build.rows import Rows, open_rows, rejected_file
from boardwright.build.teachers.base import Answer, BadTeacher, Teacher
from boardwright.build.validators import Rejection, Validators
from boardwright.device.documents import Document, expand, read_documents
from boardwright.schemas.errors import MAX_SHOWN, BadRecord, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.steps import Step, step
from boardwright.schemas.task import Task

# So many answers from the start, and no record among them: the teacher can't do this.
HOPELESS = 20
SECONDS_BETWEEN_NOTES = 30.0


@dataclass
class Taught:
    """What a run came to. kept, rejected (by reason): in the files.  resumed: of those, by earlier runs.
    failed: documents that could not be read or asked.  The tokens are as the teacher counts them; 0 where it does not.
    report: of all rows in the files.
    """

    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    report: DataReport | None = None

    def cost(self, per_million_in: float, per_million_out: float) -> float:
        return (self.prompt_tokens * per_million_in + self.completion_tokens * per_million_out) / 1e6


def documents_of(source: Path) -> list[Document]:
    """The documents of a folder (a file each, named by its file) or of a file of JSON lines. Raises KitError: an empty
    folder or file, an id that comes twice."""
    if not source.exists():
        raise KitError("There is no such folder or file.", where=source, next="check the path")
    found = list(read_documents(expand([str(source)])))
    if source.is_dir():
        found = [Document(Path(one.id).name, one.where, one.text) for one in found]
    if not found:
        raise KitError("There is no document in this file.", where=source, allowed="one line or more")
    first: dict[str, str] = {}
    for one in found:
        if first.setdefault(one.id, one.where) != one.where:
            raise KitError(
                "Two documents have the same id.", where=one.where, value=one.id, next=f"see {first[one.id]}"
            )
    return found


def teach(
    task: Task,
    wanted: Iterable[Wanted | KitError],
    teacher: Teacher,
    output: Path,
    held_out: Sequence[Example] = (),
    total: int | None = None,
) -> Taught:
    """Ask for every row that is not there yet, and append it to `output`, or to the file of rejected ones beside it;
    data_report.json, beside them too, says what all of them came to, also after a teacher that failed half-way.

    Raises KitError, among them BadTeacher; what was written stays, and the same call goes on behind it."""
    with (
        open_rows(output) as kept,
        open_rows(rejected_file(output)) as rejected,
        step(f"Teach {task.name} with {teacher.name}") as running,
    ):
        desk = _Desk(task, teacher.name, kept, rejected, Validators(task, held_out), running)
        if desk.taught.resumed:
            running.note(f"going on after {desk.taught.resumed:,} rows")
        try:
            desk.work(wanted, teacher, total)
        finally:
            desk.taught.report = desk.report()
            desk.taught.report.write(output.with_name(FILE))
        if not desk.taught.kept:
            raise BadTeacher(
                "Not one row could be kept.",
                where=rejected.path,
                value=", ".join(f"{count} × {reason}" for reason, count in desk.taught.rejected.most_common())
                or f"{desk.taught.failed} failed",
                next="look at what was rejected there; a larger teacher may do better",
            )
        return desk.taught


class _Desk:
    """Where questions go out and answers come in."""

    def __init__(
        self, task: Task, teacher: str, kept: Rows, rejected: Rows, validators: Validators, running: Step
    ) -> None:
        self._task = task
        self._teacher = teacher
        self._kept = kept
        self._rejected = rejected
        self._validators = validators
        self._running = running
        self._texts = {row["id"]: row.get("text") for row in kept.there}
        # Another teacher, or another prompt, is worth another try.
        refused = {(row["id"], row["origin"]["prompt"]["sha256"]): row for row in self._own_refusals(rejected)}
        self._refused = set(refused)
        self._examples = [Example(row["id"], row["text"], row["record"]) for row in kept.there]
        self._turned = [Turned(row["id"], row["reason"], row["path"], row["detail"]) for row in refused.values()]
        for example in self._examples:
            validators.admit(example)
        self.taught = Taught(
            kept=len(kept.there),
            rejected=Counter(row["reason"] for row in refused.values()),
            resumed=len(kept.there) + len(refused),
        )
        self._done = self._useless = 0
        self._asked: deque[Wanted] = deque()
        self._started = self._noted = time.monotonic()

    def _own_refusals(self, rejected: Rows) -> Iterator[Mapping[str, Any]]:
        return (row for row in rejected.there if row["origin"]["teacher"] == self._teacher)

    def work(self, wanted: Iterable[Wanted | KitError], teacher: Teacher, total: int | None) -> None:
        with closing(teacher.ask(one.question for one in self._missing(wanted))) as answers:
            for answer in answers:
                one = self._asked.popleft()
                self._take(one, answer)
                self._done += 1
                self._running.progress(self._done, total)
                self.taught.seconds = time.monotonic() - self._started
                self._note_tokens()

    def report(self) -> DataReport:
        read = len(self._examples) + len(self._turned)
        return data_report(self._task, read, self._examples, self._turned)

    def _missing(self, wanted: Iterable[Wanted | KitError]) -> Iterator[Wanted]:
        """Those to be asked for."""
        for one in wanted:
            if isinstance(one, KitError):
                self._fail(one)
                self._done += 1
            elif one.question.id in self._texts:
                self._check_same(one)
                self._done += 1
            elif (one.question.id, one.origin["prompt"]["sha256"]) in self._refused:
                self._done += 1
            else:
                self._asked.append(one)
                yield one

    def _check_same(self, one: Wanted) -> None:
        if one.text is not None and one.text != self._texts[one.question.id]:
            raise KitError(
                "An earlier run had another document of this id.",
                where=self._kept.path,
                value=one.question.id,
                next="choose another output with -o, or give the documents other ids",
            )

    def _take(self, one: Wanted, answer: Answer | KitError) -> None:
        if isinstance(answer, KitError):
            self._fail(answer, one.question.id)
            self._count_useless(str(answer))
            return
        self.taught.prompt_tokens += answer.prompt_tokens
        self.taught.completion_tokens += answer.completion_tokens
        origin = {"teacher": self._teacher, **one.origin}
        row: dict[str, Any]
        try:
            example = one.example(answer.text)
        except BadRecord as error:
            rejection: Rejection | None = Rejection("schema", str(error.where or ""), error.what)
            row = {"id": one.question.id, "answer": _printable(answer.text)}
            self._count_useless(answer.text)
        else:
            rejection = self._validators.check(example)
            row = {"id": example.id, "text": example.text, "record": example.record}
            self._useless = -1  # it can do it
        if rejection is None:
            self._kept.append({**row, "origin": origin})
            self._examples.append(example)
            self.taught.kept += 1
        else:
            why = {"reason": rejection.reason, "path": rejection.path, "detail": rejection.detail}
            self._rejected.append({**row, **why, "origin": origin})
            self._turned.append(Turned(row["id"], **why))
            self.taught.rejected[rejection.reason] += 1

    def _fail(self, error: KitError, id: str | None = None) -> None:
        self.taught.failed += 1
        self._running.note(f"{id or error.where or 'a document'}: {error.what}")

    def _count_useless(self, answer: str) -> None:
        if self._useless < 0:
            return
        self._useless += 1
        if self._useless >= HOPELESS:
            raise BadTeacher(
                f"None of the first {HOPELESS} answers can be read as what was asked for.",
                where=self._teacher,
                value=answer,
                next="try another teacher, or a server that holds its answers to a JSON schema",
            )

    def _note_tokens(self) -> None:
        now, taught = time.monotonic(), self.taught
        if taught.completion_tokens and now - self._noted > SECONDS_BETWEEN_NOTES:
            self._noted = now
            self._running.note(
                f"{taught.prompt_tokens:,} prompt and {taught.completion_tokens:,} completion tokens, "
                f"{taught.completion_tokens / taught.seconds:,.1f} a second"
            )


def _printable(answer: str) -> str:
    return answer[: 5 * MAX_SHOWN].encode("utf-8", "replace").decode("utf-8")
