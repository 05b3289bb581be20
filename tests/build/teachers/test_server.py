"""Teachers behind servers: the work is shared and bounded, what fails is tried again, and what is dead is left."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from boardwright.build.teachers import server as module
from boardwright.build.teachers.base import Answer, BadTeacher, Question, Settings
from boardwright.build.teachers.resolve import resolve_teacher
from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import use_reporter
from tests.build.teachers.notes import Notes
from tests.build.teachers.openai_server import MODEL, Fault, Reply, serving

SCHEMA = {"type": "object"}
QUICK = Settings(workers=4, timeout=5, retries=3)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off in hundredths of a second."""
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)


def questions(count: int) -> Iterator[Question]:
    return (Question(str(i), f"prompt {i}", SCHEMA, None, "", 50, seed=i) for i in range(count))


def prompt_of(body: dict[str, Any]) -> str:
    prompt: str = body["messages"][0]["content"]
    return prompt


def echo(number: int, body: dict[str, Any]) -> Reply:
    return prompt_of(body)


def sometimes(fault: Fault, times: int) -> Callable[[int, dict[str, Any]], Reply]:
    """The fault so many times, then all is well."""
    return lambda number, body: fault if number < times else prompt_of(body)


def asked(urls: Sequence[str], count: int, settings: Settings = QUICK) -> list[Answer | KitError]:
    with closing(resolve_teacher(",".join(urls), settings)) as teacher, closing(teacher.ask(questions(count))) as found:
        return list(found)


def texts(outcomes: Sequence[Answer | KitError]) -> list[str]:
    return [one.text if isinstance(one, Answer) else f"error: {one.what}" for one in outcomes]


ALL = [f"prompt {i}" for i in range(40)]


class TestAsking:
    def test_answers_come_in_order(self) -> None:
        with serving(echo, seconds=0.005) as server:
            assert texts(asked([server.url], 40)) == ALL
            assert 1 < server.most_at_once <= QUICK.workers

    def test_one_at_a_time_is_one_at_a_time(self) -> None:
        with serving(echo) as server:
            assert texts(asked([server.url], 10, Settings(workers=1, timeout=5))) == ALL[:10]
            assert server.most_at_once == 1

    def test_several_servers_share_the_work(self) -> None:
        with serving(echo, seconds=0.01) as one, serving(echo, seconds=0.01) as two:
            assert texts(asked([one.url, two.url], 40)) == ALL
            assert min(len(one.bodies), len(two.bodies)) >= 10

    def test_what_is_sent(self) -> None:
        with serving(echo) as server:
            [answer] = asked([server.url], 1)
        [body] = server.bodies
        assert body["model"] == MODEL
        assert body["response_format"]["json_schema"]["schema"] == SCHEMA
        assert (body["seed"], body["temperature"], body["max_tokens"]) == (0, 0.0, 50)
        assert answer == Answer("prompt 0", prompt_tokens=8, completion_tokens=8)

    def test_reads_ahead_but_not_for_ever(self) -> None:
        pulled = []
        gate = threading.Event()

        def slow(number: int, body: dict[str, Any]) -> Reply:
            gate.wait(5)
            return prompt_of(body)

        def source() -> Iterator[Question]:
            for question in questions(1000):
                pulled.append(question)
                yield question

        with serving(slow) as server, closing(resolve_teacher(server.url, QUICK)) as teacher:
            answers = teacher.ask(source())
            gate.set()
            next(answers)
            answers.close()
        assert len(pulled) <= module.AHEAD * QUICK.workers + 1

    def test_the_key_is_sent_and_never_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(module.KEY, "s3cret")
        with serving(echo) as server, closing(resolve_teacher(server.url, QUICK)) as teacher:
            list(teacher.ask(questions(1)))
            assert server.headers[0]["Authorization"] == "Bearer s3cret"
            assert teacher.name == f"server {MODEL}"


class TestFailing:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault(500),
            Fault(503, {"Retry-After": "0.01"}),
            Fault(429, {"Retry-After": "0"}),
            Fault(429),
            Fault(0),
            Fault(200, body="<html>"),
            Fault(200, body='{"choices": []}'),
        ],
    )
    def test_a_while_of_trouble_costs_nothing(self, fault: Fault) -> None:
        with serving(sometimes(fault, 6)) as server:
            assert texts(asked([server.url], 12)) == ALL[:12]

    def test_it_waits_as_long_as_it_is_told(self) -> None:
        with serving(sometimes(Fault(429, {"Retry-After": "0.4"}), 1)) as server:
            started = time.monotonic()
            asked([server.url], 1, Settings(workers=1, timeout=5))
        assert time.monotonic() - started > 0.4

    def test_a_question_that_always_fails_is_given_up_alone(self) -> None:
        def reply(number: int, body: dict[str, Any]) -> Reply:
            return Fault(500) if prompt_of(body) == "prompt 3" else prompt_of(body)

        with serving(reply) as server:
            found = texts(asked([server.url], 12))
        assert found[3].startswith("error: The teacher does not answer: status 500 (out of order)")
        assert found[:3] + found[4:] == ALL[:3] + ALL[4:12]

    def test_what_no_second_try_mends_is_asked_once(self) -> None:
        with serving(lambda number, body: Fault(400, body='{"error": "prompt too long"}')) as server:
            found = texts(asked([server.url], 3))
            assert len(server.bodies) == 3
        assert found == ["error: status 400 (prompt too long)"] * 3

    def test_a_server_that_dies_leaves_its_work_to_the_others(self) -> None:
        with serving(echo, seconds=0.01) as well:
            with serving(lambda number, body: prompt_of(body) if number < 5 else Fault(0), seconds=0.01) as dying:
                found = asked([dying.url, well.url], 40)
            assert texts(found) == ALL
            assert len(dying.bodies) < len(well.bodies)

    def test_when_all_are_dead_what_came_before_is_handed_out(self) -> None:
        found = []
        with (
            serving(lambda number, body: prompt_of(body) if number < 5 else Fault(502)) as server,
            closing(resolve_teacher(server.url, Settings(workers=1, timeout=5, retries=9))) as teacher,
            pytest.raises(BadTeacher, match="No teacher answers any more") as raised,
        ):
            for answer in teacher.ask(questions(40)):
                found.append(answer)
        assert texts(found) == ALL[:5]
        assert "502" in str(raised.value)
        assert "give the same command" in str(raised.value)

    def test_a_wrong_key_ends_it_at_once(self) -> None:
        with serving(lambda number, body: Fault(401, body='{"error": "bad key"}')) as server:
            with pytest.raises(BadTeacher, match="No teacher answers any more") as raised:
                asked([server.url], 9)
            assert len(server.bodies) <= QUICK.workers
        assert module.KEY in str(raised.value)


class TestConnecting:
    def refused(self, reference: str, settings: Settings = QUICK) -> str:
        with pytest.raises(BadTeacher) as raised:
            resolve_teacher(reference, settings)
        return str(raised.value)

    def test_nobody_there(self) -> None:
        said = self.refused("http://127.0.0.1:9/v1")
        assert said.startswith("No teacher answers.")
        assert "curl http://127.0.0.1:9/v1/models" in said

    def test_one_that_never_says_a_word(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
            assert "no answer in time" in self.refused(url, Settings(timeout=0.2))

    def test_one_of_two(self) -> None:
        notes = Notes()
        with serving(echo) as server, use_reporter(notes):
            assert texts(asked(["http://127.0.0.1:9/v1", server.url], 3)) == ALL[:3]
        [said] = notes.said
        assert said.startswith("without http://127.0.0.1:9/v1: ")

    def test_a_server_on_this_machine_behind_a_proxy_that_knows_only_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with serving(echo) as server:
            assert texts(asked([server.url], 3)) == ALL[:3]

    def test_a_server_without_a_model(self) -> None:
        with serving(echo) as server:
            server.models = []
            assert "it has no model at all" in self.refused(server.url)

    def test_a_model_that_it_does_not_have(self) -> None:
        with serving(echo) as server:
            said = self.refused(server.url, Settings(model="huge"))
        assert f"it has no model huge, but: {MODEL}" in said

    def test_servers_of_different_models(self) -> None:
        with serving(echo) as one, serving(echo) as two:
            two.models = ["another"]
            assert "The servers have different models." in self.refused(f"{one.url},{two.url}")

    @pytest.mark.parametrize("url", ["http://me:pw@127.0.0.1:9/v1", "http://[::1/v1"])
    def test_addresses_that_are_refused(self, url: str) -> None:
        said = self.refused(url)
        assert said.startswith("No teacher answers.")
        assert "pw@" not in said
