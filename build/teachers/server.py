"""Teachers behind OpenAI-compatible servers (vLLM, Ollama, llama-server); several share the work.

Knows nothing of models. Speaks HTTP itself and not through Outlines, whose client gives the text alone: no counts of
tokens, no say in retries, and it loads torch to send a request. The schema travels as Outlines sends it, as
`response_format`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import os
import queue
import random
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from boardwright.build.teachers.base import Answer, Answers, BadTeacher, Question, Settings
from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import current_step

KEY = "BOARDWRIGHT_TEACHER_KEY"
CONNECT_SECONDS = 10.0
# So many failures, each begun after the one before, with no answer in between: the server is taken out.
STRIKES = 5
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
# Questions handed out and not yet given back, a worker: what a slow answer may hold up.
AHEAD = 4
NO_RETRY = {400, 404, 409, 413, 422}
REFUSED = {401, 403}


class Again(Exception):
    """A request that may work later. seconds: how long the server asks to be left alone; None for its not saying.
    busy: the server is well, and has too much to do."""

    def __init__(self, why: str, seconds: float | None = None, busy: bool = False) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.busy = busy


@dataclass
class Server:
    """One address and how it is doing."""

    url: str
    model: str
    client: httpx.Client
    strikes: int = 0
    struck_at: float = 0.0
    out: str = ""  # why it was taken out
    told: bool = False

    def answer(self, question: Question) -> Answer:
        """Raises Again, or BadTeacher for what no second try mends."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": question.prompt}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": question.schema},
            },
            "temperature": question.temperature,
            "seed": question.seed,
            "max_tokens": question.tokens,
        }
        reply = _send(self.client, "POST", "chat/completions", self.url, json=body)
        try:
            value = reply.json()
            content = value["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise Again("its answer is not a chat completion") from error
        usage = value.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
        # None where a model only thought and said nothing.
        return Answer(content if isinstance(content, str) else "", *(c if isinstance(c, int) else 0 for c in counts))


@dataclass
class _Asked:
    number: int
    question: Question
    tries: int = 0
    outcome: Answer | KitError | None = None


@dataclass
class _Work:
    """What the workers of one `ask` share. lock: of every server's health."""

    waiting: queue.Queue[_Asked] = field(default_factory=queue.Queue)
    done: queue.Queue[_Asked] = field(default_factory=queue.Queue)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Servers:
    """One or more servers of the same model."""

    def __init__(self, servers: list[Server], settings: Settings) -> None:
        self._servers = servers
        self._settings = settings
        model = servers[0].model
        # llama-server's is the path of its file, which is nobody's business.
        self.name = f"server {model.rsplit('/', 1)[-1] if model.startswith('/') else model}"

    @classmethod
    def connect(cls, urls: list[str], settings: Settings) -> Servers:
        """Ask each server for its models. Raises BadTeacher when none answers, or they have different ones."""
        servers, refused = [], []
        for url in urls:
            try:
                servers.append(connect(url, settings))
            except (BadTeacher, Again) as error:
                refused.append(f"{_shown(url)}: {error.what if isinstance(error, BadTeacher) else error}")
        if not servers:
            raise BadTeacher(
                "No teacher answers.",
                where="; ".join(refused),
                allowed="an OpenAI-compatible server, the address with its /v1",
                next=f"start the server and try `curl {_shown(urls[0]).rstrip('/')}/models`",
            )
        for line in refused:
            current_step().note(f"without {line}")
        if len({server.model for server in servers}) > 1:
            raise BadTeacher(
                "The servers have different models.",
                value=", ".join(f"{server.url}: {server.model}" for server in servers),
                next="name one that all have with --model",
            )
        return cls(servers, settings)

    def close(self) -> None:
        for server in self._servers:
            server.client.close()

    def ask(self, questions: Iterable[Question]) -> Answers:
        work = _Work()
        alive = [server for server in self._servers if not server.out]
        threads = [
            threading.Thread(target=self._serve, args=(server, work), daemon=True)
            for server in alive
            for _ in range(self._settings.workers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield from self._in_order(enumerate(questions), work, AHEAD * len(threads))
        finally:
            work.stop.set()

    def _in_order(self, source: Iterator[tuple[int, Question]], work: _Work, ahead: int) -> Iterator[Answer | KitError]:
        early: dict[int, Answer | KitError] = {}
        handed = 0
        for number in itertools.count():
            for place, question in itertools.islice(source, number + ahead - handed):
                work.waiting.put(_Asked(place, question))
                handed = place + 1
            if number == handed:
                return
            while number not in early:
                try:
                    asked = work.done.get(timeout=0.1)
                except queue.Empty:
                    self._watch()
                    continue
                assert asked.outcome is not None
                early[asked.number] = asked.outcome
            yield early.pop(number)

    def _watch(self) -> None:
        """Say which servers have gone. Raises BadTeacher when all have."""
        for server in self._servers:
            if server.out and not server.told:
                server.told = True
                current_step().note(f"without {server.url} from here on: {server.out}")
        if all(server.out for server in self._servers):
            raise BadTeacher(
                "No teacher answers any more.",
                where="; ".join(f"{server.url}: {server.out}" for server in self._servers),
                next="start it again, then give the same command: what was written is kept",
            )

    def _serve(self, server: Server, work: _Work) -> None:
        while not (work.stop.is_set() or server.out):
            try:
                asked = work.waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            started = time.monotonic()
            try:
                asked.outcome = server.answer(asked.question)
            except Again as error:
                self._failed(server, asked, error, started, work)
                continue
            except BadTeacher as error:
                if error.value in REFUSED:
                    server.out = error.what
                    work.waiting.put(asked)
                    continue
                asked.outcome = error
            with work.lock:
                server.strikes = 0
            work.done.put(asked)

    def _failed(self, server: Server, asked: _Asked, error: Again, started: float, work: _Work) -> None:
        """Give the question back, or up; rest, or leave for good."""
        with work.lock:
            # Eight requests that a dying server drops at once are one failure.
            if started >= server.struck_at:
                server.strikes += 1
                server.struck_at = time.monotonic()
            strikes = server.strikes
            if strikes >= STRIKES and not server.out:
                server.out = str(error)
        asked.tries += not error.busy
        if asked.tries > self._settings.retries and not server.out:
            asked.outcome = BadTeacher(f"The teacher does not answer: {error}.", value=f"{asked.tries} tries")
            work.done.put(asked)
        else:
            work.waiting.put(asked)
        if not server.out:
            # Spread, or all workers would come back in the same instant.
            rest = (
                FIRST_WAIT * 2 ** (strikes - 1) * random.uniform(0.8, 1.2) if error.seconds is None else error.seconds
            )
            work.stop.wait(min(rest, LONGEST_WAIT))


def _shown(url: str) -> str:
    """An address without a password in it, were it no address at all."""
    return re.sub(r"//[^/@]*@", "//", url)


def connect(url: str, settings: Settings) -> Server:
    """Ask a server for its models. Raises BadTeacher, or Again when it does not answer."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadTeacher(f"it is no address ({error})", value=url) from error
    if address.userinfo:
        raise BadTeacher(f"there is a password in the address; set ${KEY} instead")
    key = os.environ.get(KEY)
    client = httpx.Client(
        base_url=url.rstrip("/") + "/",
        timeout=httpx.Timeout(settings.timeout, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=None),
        trust_env=not _is_here(address.host),  # a proxy of the environment's knows this machine by another name
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )
    try:
        reply = _send(client, "GET", "models", url, timeout=min(CONNECT_SECONDS, settings.timeout))
        known = [model["id"] for model in reply.json()["data"]]
    except BadTeacher as error:
        if error.value != 404 or settings.model is None:
            raise
        known = [settings.model]  # a server without a list, and we have been told
    except (ValueError, LookupError, TypeError) as error:
        raise BadTeacher("it does not speak the OpenAI protocol", value=url) from error
    if not known or (settings.model is not None and settings.model not in known):
        raise BadTeacher(f"it has no model {settings.model or 'at all'}, but: {', '.join(known) or 'none'}")
    return Server(url, settings.model or known[0], client)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _send(client: httpx.Client, method: str, path: str, url: str, **more: Any) -> httpx.Response:
    """A reply of status 200. Raises Again, or BadTeacher with the status as its value."""
    try:
        reply = client.request(method, path, **more)
    except httpx.TimeoutException as error:
        raise Again("no answer in time") from error
    except httpx.HTTPError as error:
        raise Again(str(error) or type(error).__name__) from error
    except RuntimeError as error:  # the client was closed under us: the run is over
        raise Again("closed") from error
    status = reply.status_code
    if reply.is_success:
        return reply
    said = f"status {status} ({_reason(reply)})"
    if status in REFUSED:
        raise BadTeacher(f"{said}; its key is read from ${KEY}", where=url, value=status)
    if status in NO_RETRY:
        raise BadTeacher(said, where=url, value=status)
    raise Again(said, _retry_after(reply), busy=status == 429)


def _retry_after(reply: httpx.Response) -> float | None:
    """Seconds; a date, which this header may also hold, is read as nothing."""
    with contextlib.suppress(KeyError, ValueError):
        return max(0.0, float(reply.headers["Retry-After"]))
    return None


def _reason(reply: httpx.Response) -> str:
    try:
        error = reply.json()["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, LookupError, TypeError):
        text = reply.text
    return " ".join(str(text).split())[:120] or reply.reason_phrase
