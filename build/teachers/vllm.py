"""A teacher in a checkpoint folder that vLLM serves: its program as a child, asked like any other server.

Knows nothing of questions. In this process it can't be had: vLLM pins transformers and llguidance to other versions
than students need. So it lives in an environment of its own, and all that is asked for is `vllm` on the PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from boardwright.build.teachers.base import CONTEXT, Answers, BadTeacher, Question, Settings
from boardwright.build.teachers.server import Again, Servers, connect
from boardwright.schemas.children import ending_with_parent

PROGRAM = "vllm"
BETWEEN_TRIES = 1.0  # seconds; it takes half a minute and more to load a model
STOP_SECONDS = 20.0
# Nothing is fetched, nobody is told of it, and no key is asked of us.
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_API_KEY": ""}


class VllmTeacher:
    """It has the schema alone to hold an answer to; what only a record's own grammar holds, the validators see."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        """Raises BadTeacher when vLLM ends instead of serving."""
        self.name = f"vllm {name}"
        port = _free_port()
        command = [PROGRAM, "serve", str(folder), "--served-model-name", name, "--host", "127.0.0.1"]
        # Without the model's own advice on sampling, for each question says how it is to be answered.
        command += ["--port", str(port), "--max-model-len", str(_context(folder)), "--generation-config", "vllm"]
        said, log = tempfile.mkstemp(".log", "boardwright-vllm-")
        self._log = Path(log)
        with os.fdopen(said, "wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | ENVIRONMENT,
                start_new_session=True,  # it has children, which end with it
                preexec_fn=ending_with_parent(signal.SIGTERM),
            )
        try:
            self._servers = self._served(f"http://127.0.0.1:{port}/v1", settings)
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        self._servers.close()
        if self._process.poll() is None:  # else the log tells why not
            self._log.unlink(missing_ok=True)
        self._end()

    def ask(self, questions: Iterable[Question]) -> Answers:
        return self._servers.ask(questions)

    def _served(self, url: str, settings: Settings) -> Servers:
        while self._process.poll() is None:
            with suppress(Again):
                return Servers([connect(url, settings)], settings)
            time.sleep(BETWEEN_TRIES)
        raise BadTeacher(
            f"vLLM does not serve this teacher: {_reason(self._log.read_text(encoding='utf-8', errors='replace'))}.",
            where=self._log,
            value=f"exit code {self._process.returncode}",
        )

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


def _context(folder: Path) -> int:
    """In tokens: vLLM refuses more than the model has."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return min(CONTEXT, int(config["max_position_embeddings"]))
    except (OSError, ValueError, LookupError, TypeError):
        return CONTEXT


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _reason(log: str) -> str:
    """The error that came first of those that its processes ended with, or the last line."""
    _, _, trace = log.partition("Traceback (most recent call last)")
    if found := re.search(r"\b\w*(?:Error|Exception): .*", trace):
        return found[0].strip().rstrip(".")
    return (log.strip().splitlines() or ["it says nothing"])[-1].strip().rstrip(".")
