"""A real HTTP server that speaks as much of the OpenAI protocol as a teacher needs, and can misbehave on purpose."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny-teacher"


@dataclass(frozen=True)
class Fault:
    """What comes instead of an answer. status 0: the connection is dropped."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"error": {"message": "out of order"}}'


Reply = str | Fault


class OpenAIServer(ThreadingHTTPServer):
    """reply: what to say to the n-th request (from 0) with this body."""

    daemon_threads = True

    def __init__(self, reply: Callable[[int, dict[str, Any]], Reply], seconds: float = 0.0, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.reply = reply
        self.seconds = seconds
        self.models = [MODEL]
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that has hung up is what some tests are about


class _Handler(BaseHTTPRequestHandler):
    server: OpenAIServer

    def do_GET(self) -> None:
        self._say(200, json.dumps({"data": [{"id": name} for name in self.server.models]}))

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            number = len(server.bodies)
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
            server.at_once += 1
            server.most_at_once = max(server.at_once, server.most_at_once)
        try:
            time.sleep(server.seconds)
            reply = server.reply(number, body)
        finally:
            with server.lock:
                server.at_once -= 1
        if isinstance(reply, Fault):
            if reply.status:
                self._say(reply.status, reply.body, reply.headers)
            else:
                self.close_connection = True
            return
        message = {"choices": [{"message": {"role": "assistant", "content": reply}}]}
        usage = {"prompt_tokens": len(body["messages"][0]["content"]), "completion_tokens": len(reply)}
        self._say(200, json.dumps(message | {"usage": usage}))

    def _say(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(reply: Callable[[int, dict[str, Any]], Reply], seconds: float = 0.0) -> Iterator[OpenAIServer]:
    server = OpenAIServer(reply, seconds)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def document_in(body: dict[str, Any]) -> str:
    """The document that a prompt to label it holds: the last between the marks."""
    prompt: str = body["messages"][0]["content"]
    return prompt.rsplit("<<<\n", 1)[1].rsplit("\n>>>", 1)[0]


def ticket_of(body: dict[str, Any]) -> str:
    """The record of a ticket such as «Ada: it burns!», as a good teacher would give it."""
    text = document_in(body)
    who, said = text.split(":", 1) if ":" in text else (None, text)
    return json.dumps({"kind": "question" if "?" in said else "bug", "urgent": "!" in said, "customer": who})
