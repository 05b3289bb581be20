"""Several records at once, each on a core of its own: harnesses that share one model's weights, a thread each.

Knows nothing of files. One pass on all cores ends when the slowest core does, some hundred times a pass; passes of
different records have nothing to wait for. So this is for many documents, where one harness with all cores is for the
soonest answer to one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from boardwright.device.confidence import Calibration
from boardwright.device.drafts import Model
from boardwright.device.engines.load import load_engine
from boardwright.device.harness import Harness, Result
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.task import Task

# Records that may wait for an earlier one that takes long, for each worker.
AHEAD = 4


class Workers:
    """Harnesses of one task. Each is used by one thread at a time."""

    def __init__(self, harnesses: Sequence[Harness]) -> None:
        self.harnesses = harnesses
        self._free: SimpleQueue[Harness] = SimpleQueue()
        for harness in harnesses:
            self._free.put(harness)

    @classmethod
    def load(
        cls, task: Task, model: Path, count: int, drafts: Model | None = None, calibration: Calibration | None = None
    ) -> Workers:
        """Load a model file once, for `count` workers with the task's context each. Raises BadBundle."""
        context = task.limits.context
        engine, tokenizer = load_engine(model, n_ctx=context, n_sequences=2, cells=context, threads=1)
        engines = [engine, *(engine.twin() for _ in range(count - 1))]
        return cls([Harness(task, one, tokenizer, drafts, calibration) for one in engines])

    def extract_many(self, texts: Iterable[str | KitError]) -> Iterator[Result | KitError]:
        """Records of many documents, in order; a document that fails yields its error.

        Reads some documents ahead: not for a source that waits for each record."""
        waiting: deque[Future[Result | KitError]] = deque()
        pool = ThreadPoolExecutor(len(self.harnesses))
        try:
            for number, text in enumerate(texts, 1):
                waiting.append(pool.submit(self._one, number, text))
                while waiting and (waiting[0].done() or len(waiting) > AHEAD * len(self.harnesses)):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _one(self, number: int, text: str | KitError) -> Result | KitError:
        harness = self._free.get()
        try:
            [outcome] = harness.extract_many([text])
        finally:
            self._free.put(harness)
        if isinstance(outcome, BadDocument) and outcome is not text:
            outcome.where = f"document {number}"  # its harness has seen one alone
        return outcome

    def close(self) -> None:
        """Close the engines; the first one last, for the weights are its own."""
        for harness in reversed(self.harnesses):
            harness.close()
