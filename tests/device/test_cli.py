"""The board's command line, as its users meet it: outputs, exit codes, pipes, and no network."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from llguidance import LLTokenizer

from boardwright.device.bundles import Installed
from boardwright.device.cli import main
from boardwright.device.engines.llama import LlamaEngine
from boardwright.device.harness import Harness
from boardwright.device.workers import Workers
from boardwright.schemas import reporters
from boardwright.targets.measured import Bench
from tests.conftest import GOLDEN_TEXT, ByteEngine, golden_line, make_bundle

PROGRAM = [sys.executable, "-m", "boardwright.device"]
# Every token is as likely as another, so the lowest that is legal comes: what the grammar admits first.
RECORD = {"kind": "bug", "urgent": False}


@pytest.fixture
def bundle(tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle without weights: whoever asks for its harness gets one over bytes."""

    def harness(installed: Installed, slots: int = 1, threads: int | None = None, **_: Any) -> Harness:
        made = Harness(installed.task, ByteEngine(512, slots + 1), LLTokenizer("byte"))
        installed.certify(made)
        return made

    def workers(installed: Installed, count: int | None = None) -> Workers:
        return Workers([harness(installed) for _ in range(count or 2)])

    monkeypatch.setattr(Installed, "harness", harness)
    monkeypatch.setattr(Installed, "workers", workers)
    return make_bundle(tmp_path, b"no weights")


Run = Callable[..., Result]


@pytest.fixture
def run(bundle: Path) -> Run:
    """`boardwright-device COMMAND --bundle B …`"""

    def call(command: str, *options: object, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(main, [command, "--bundle", str(bundle), *map(str, options)], input=stdin)

    return call


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


class TestExtract:
    def test_people_get_a_block_a_document_and_the_times_beside_it(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("Ada: help!")
        result = run("extract", tmp_path / "a.txt", "-", stdin=b"Bob: why?")
        assert result.exit_code == 0
        first, second = result.stdout.split("\n\n")
        assert first.splitlines()[:3] == [f"{tmp_path}/a.txt", "  kind      bug", "  urgent    false"]
        assert second.splitlines()[0] == "stdin"
        assert " ms (prefill " in result.stderr
        assert "2 of 2 documents in " in result.stderr

    def test_programs_get_a_line_a_document(self, run: Run) -> None:
        result = run("extract", "--json", stdin=b"Ada: help!")
        [line] = lines(result)
        assert list(line) == [
            "id",
            "record",
            "spans",
            "confidence",
            "escalate",
            "timing_ms",
            "passes",
            "tokens",
        ]
        assert line["id"] == "stdin"
        assert line["record"].items() >= RECORD.items()
        assert set(line["timing_ms"]) == {"prefill", "decode", "total"}
        assert line["passes"] >= 1
        assert result.stderr == ""

    def test_a_verbatim_value_has_its_place_in_the_document(self, run: Run) -> None:
        [line] = lines(run("extract", "--json", stdin=b"   (((  "))
        start, end = line["spans"]["customer"]
        assert "   (((  "[start:end] == line["record"]["customer"]

    @pytest.mark.parametrize("slots", [1, 2, 5])
    def test_the_order_is_that_of_the_input(self, run: Run, slots: int) -> None:
        stdin = b"".join(b'{"id": "%d", "text": "%s"}\n' % (i, b"x" * (1 + i * 37 % 90)) for i in range(9))
        result = run("extract", "--json", "--jsonl", "--slots", slots, stdin=stdin)
        assert [line["id"] for line in lines(result)] == [str(i) for i in range(9)]

    def test_a_failed_document_is_a_line_and_the_run_goes_on(self, run: Run, tmp_path: Path) -> None:
        docs = tmp_path / "d.jsonl"
        docs.write_text('{"id": "a", "text": "x"}\nnot json\n{"id": "c", "text": ""}\n{"id": "d", "text": "y"}\n')
        (tmp_path / "scan.pdf").write_bytes(b"%PDF\x00")
        result = run("extract", "--json", docs, tmp_path / "scan.pdf")
        assert result.exit_code == 1
        a, b, c, d, scan = lines(result)
        assert "record" in a and "record" in d
        assert b == {
            "id": f"{docs}:2",
            "error": {
                "what": "This line is not JSON: Expecting value, column 1.",
                "where": f"{docs}:2",
                "value": "not json",
                "allowed": '{"id": "…", "text": "…"}',
                "next": None,
            },
        }
        assert (c["id"], c["error"]["what"]) == ("c", "The document is empty.")
        assert "binary" in scan["error"]["what"]

    def test_a_document_too_long_is_named_as_the_user_knows_it(self, run: Run) -> None:
        stdin = b'{"id": "a", "text": "x"}\n{"id": "long", "text": "%s"}\n' % (b"x" * 600)
        _, failed = lines(run("extract", "--json", "--jsonl", stdin=stdin))
        assert failed["id"] == "long"
        assert failed["error"]["where"] == "stdin:2"
        assert "longer than the context" in failed["error"]["what"]
        assert "tokens" in failed["error"]["allowed"]

    def test_people_see_failures_beside_the_records(self, run: Run) -> None:
        result = run("extract", "--jsonl", stdin=b'{"text": ""}\n{"id": "b", "text": "y"}\n')
        assert result.exit_code == 1
        assert result.stdout.lstrip().startswith("b\n")
        assert "error: The document is empty.\n  where:   stdin:1" in result.stderr
        assert "1 of 2 documents in " in result.stderr

    def test_no_line_is_no_record_and_no_failure(self, run: Run) -> None:
        result = run("extract", "--json", "--jsonl")
        assert (result.exit_code, result.stdout) == (0, "")

    def test_output_takes_the_place_of_what_was_there_when_it_is_complete(self, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "records.jsonl"
        out.write_text("before")
        out.chmod(0o640)
        result = run("extract", "--json", "--output", out, stdin=b"Ada")
        assert (result.exit_code, result.stdout) == (0, "")
        assert json.loads(out.read_text())["id"] == "stdin"
        assert out.stat().st_mode & 0o777 == 0o640

    def test_a_run_that_breaks_off_leaves_the_old_output(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop(*_: Any) -> list[Any]:
            raise KeyboardInterrupt

        out = tmp_path / "out" / "records.jsonl"
        out.parent.mkdir()
        out.write_text("before")
        monkeypatch.setattr(ByteEngine, "forward", lambda engine, feeds: [] if feeds[0].sequence == 0 else stop())
        assert run("extract", "--json", "--output", out, stdin=b"Ada").exit_code == 130
        assert out.read_text() == "before"
        assert list(out.parent.iterdir()) == [out]

    def test_output_into_a_device_is_written_and_the_device_stays(self, run: Run) -> None:
        assert run("extract", "--output", os.devnull, stdin=b"Ada").exit_code == 0
        assert Path(os.devnull).is_char_device()

    def test_output_where_there_is_no_folder(self, run: Run, tmp_path: Path) -> None:
        result = run("extract", "--output", tmp_path / "no" / "x", stdin=b"Ada")
        assert result.exit_code == 2
        assert "Cannot write the records" in result.stderr


class TestBatch:
    def test_a_folder_becomes_a_file_of_lines(self, run: Run, tmp_path: Path) -> None:
        inbox = tmp_path / "inbox"
        inbox.mkdir()
        (inbox / "b.txt").write_text("Bob: why?")
        (inbox / "a.txt").write_text("Ada: help!")
        (inbox / "c.txt").write_text(" ")
        output = tmp_path / "out.jsonl"
        result = run("batch", inbox, "--output", output, "--workers", 2)
        assert result.exit_code == 1, result.stderr
        assert f"{output}: 3 documents, 1 failed" in result.stderr
        told = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
        assert [Path(line["id"]).name for line in told] == ["a.txt", "b.txt", "c.txt"]
        assert told[0]["record"]["kind"] == "bug" and "empty" in told[2]["error"]["what"]

    def test_how_many_are_in_json_lines_is_not_known(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reporters, "reporter_for", lambda: reporters.JsonReporter(sys.stderr))
        (tmp_path / "IN.JSONL").write_text('{"text": "Ada: help!"}\n{"text": "Bob: why?"}\n')
        result = run("batch", tmp_path / "IN.JSONL", "--output", tmp_path / "out.jsonl")
        assert result.exit_code == 0, result.stderr
        events = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
        progress = [event for event in events if event["event"] == "progress"]
        assert progress and not any("total" in event for event in progress)

    def test_an_empty_folder_is_told_before_anything_is_loaded(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "inbox").mkdir()
        result = run("batch", tmp_path / "inbox", "--output", tmp_path / "out.jsonl")
        assert result.exit_code == 2
        assert "no document in this folder" in result.stderr
        assert not (tmp_path / "out.jsonl").exists()


class TestBench:
    def test_programs(self, run: Run) -> None:
        result = run("bench", "--json", "--records", 7, "--slots", 2)
        assert result.exit_code == 0
        told = json.loads(result.stdout)
        assert told["how"] == "measured"
        figures = told["figures"]
        assert (figures["records"], figures["failed"], figures["slots"]) == (7, 0, 2)
        assert figures["latency_ms"]["p50"] <= figures["latency_ms"]["p95"] <= figures["latency_ms"]["p99"]
        assert figures["prompt_tokens_per_record"] == len(
            json.loads(golden_line(GOLDEN_TEXT, ByteEngine(512).tokenize, {}))["prompt_ids"]
        )
        assert told["machine"]["peak_rss_mb"] > 10
        assert told["machine"]["decode_threads"] >= 1
        told["machine"]["encoding"] = "Q4_0"  # for the bundle here is of none that a target may ask for
        assert Bench.model_validate_json(json.dumps(told)).bundle.model_bytes > 0

    def test_people(self, run: Run) -> None:
        result = run("bench", "--records", 3)
        assert "measured on this machine" in result.stdout
        assert "p95" in result.stdout

    def test_documents_of_ones_own(self, run: Run) -> None:
        assert json.loads(run("bench", "--json", "--records", 4, "-", stdin=b"Ada").stdout)["figures"]["records"] == 4

    def test_when_every_document_fails_there_is_no_figure(self, run: Run) -> None:
        result = run("bench", "-", stdin=b"x" * 600)
        assert result.exit_code == 2
        assert "longer than the context" in result.stderr


class TestInfo:
    def test_people(self, run: Run) -> None:
        told = run("info").stdout
        assert "ticket 1.0.0 (release 3)" in told
        assert "customer  copied from the document, up to 20 characters, or null" in told
        assert "held_out.fields_right  0.975" in told
        assert "Apache-2.0  SmolLM2" in told
        assert "this machine's own" in told

    def test_programs(self, run: Run, bundle: Path) -> None:
        told = json.loads(run("info", "--json").stdout)
        assert told["task"]["fields"]["kind"] == "one of bug, question"
        assert told["size"] == {"model": 10, "bundle": bundle.stat().st_size}
        assert told["signed_by"]["own"] is True
        assert told["scores"] == {"held_out": {"records_right": 0.9, "fields_right": 0.975}}


class TestVerify:
    def test_line_by_line(self, run: Run) -> None:
        result = run("verify")
        assert result.exit_code == 0
        assert [line.split()[:2] for line in result.stdout.splitlines()] == [
            ["ok", "signature:"],
            ["ok", "hashes:"],
            ["ok", "prompt:"],
        ]

    def test_a_golden_record_that_comes_out_otherwise_is_a_failure(self, run: Run) -> None:
        result = run("verify", "--golden")
        assert result.exit_code == 1
        assert 'kind is "bug", not null' in result.stdout.splitlines()[-1]
        assert result.stdout.splitlines()[-1].startswith("failed  golden:    ticket-1: ")


@pytest.mark.parametrize("command", ["extract", "bench", "info", "verify"])
class TestBadInput:
    def test_no_bundle_there(self, command: str) -> None:
        result = CliRunner().invoke(main, [command, "--bundle", "nothing.bwb"])
        assert result.exit_code == 2
        assert "error: Cannot read the bundle: No such file" in result.stderr
        assert "nothing.bwb" in result.stderr

    def test_no_bundle_named(self, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("BOARDWRIGHT_BUNDLE", raising=False)
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 2
        assert "--bundle" in result.stderr

    def test_one_flipped_bit(self, command: str, run: Run, bundle: Path, own_folders: Path) -> None:
        data = bytearray(bundle.read_bytes())
        data[len(data) // 2] ^= 4
        bundle.write_bytes(data)
        result = run(command)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert result.stdout == ""
        assert not own_folders.exists()

    def test_somebody_elses_key(
        self, command: str, run: Run, tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "other"))
        result = run(command)
        assert result.exit_code == 2
        assert "not trusted" in result.stderr
        assert not own_folders.exists()
        assert run(command, "--key", tmp_path / "none.pub").exit_code == 2
        assert run(command, "--key", tmp_path / "keys" / "boardwright.pub", stdin=b"x").exit_code == 0

    def test_another_prompt(self, command: str, run: Run, tmp_path: Path) -> None:
        other = golden_line("another text", ByteEngine(512).tokenize, {}).replace("another", "no other")
        make_bundle(tmp_path, b"no weights", {"golden.jsonl": other})
        result = run(command, stdin=b"x")
        if command == "info":  # tells what is in the bundle without running it
            assert result.exit_code == 0
        else:
            assert result.exit_code == 2
            assert "the template or the tokenizer differs" in result.stderr


@pytest.mark.parametrize("command", ["extract", "bench"])
def test_a_mistyped_document_is_caught_before_the_bundle_is_read(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--bundle", "nothing.bwb", "nothing.txt"])
    assert result.exit_code == 2
    assert "There is no such file.\n  where:   nothing.txt" in result.stderr


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(main, ["extrct"])
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr and "extract" in result.stderr


def test_version() -> None:
    assert importlib.metadata.version("boardwright") in CliRunner().invoke(main, ["--version"]).stdout


@pytest.mark.parametrize("options", [["--debug", "info"], ["info", "--debug"]])
def test_debug_shows_the_traceback_on_either_side_of_the_command(options: list[str]) -> None:
    result = CliRunner().invoke(main, [*options, "--bundle", "nothing.bwb"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_a_defect_of_ours_is_one_line_without_debug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("llama_decode failed with status -1")

    monkeypatch.setattr(Installed, "harness", broken)
    result = run("extract", stdin=b"x")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: RuntimeError: llama_decode failed")
    assert "Traceback" not in result.stderr and "--debug" in result.stderr


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; import boardwright.device.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "llama_cpp", "llguidance", "pydantic", "rich", "torch"} & set(loaded)


@pytest.fixture(scope="module")
def student(student_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment for a real bundle: the untuned student, its own tokenizer in the golden prompt."""
    folder = tmp_path_factory.mktemp("student")
    with pytest.MonkeyPatch.context() as patch:
        environment = {
            "BOARDWRIGHT_KEYS": str(folder / "keys"),
            "BOARDWRIGHT_CACHE": str(folder / "cache"),
            "BOARDWRIGHT_BUNDLE": str(folder / "ticket-1.0.0-host.bwb"),
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        engine = LlamaEngine(student_gguf, n_ctx=64, threads=1)
        golden = golden_line(GOLDEN_TEXT, engine.tokenize, {})
        engine.close()
        make_bundle(folder, student_gguf, {"golden.jsonl": golden})
        yield dict(os.environ)
    shutil.rmtree(folder)


def ran(command: list[str], environment: dict[str, str], stdin: bytes = b"Ada: it burns!") -> tuple[int, bytes, bytes]:
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
class TestRealStudent:
    def test_it_needs_no_network(self, student: dict[str, str]) -> None:
        apart = ["unshare", "-rn"]
        if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False).returncode:
            pytest.skip("this machine does not let us make a network namespace (unshare -rn)")
        # A namespace of its own: not even the loopback device is up in there.
        code, out, err = ran([*apart, *PROGRAM, "extract", "--json", "--threads", "1"], student)
        assert code == 0, err
        record = json.loads(out)["record"]
        assert record["kind"] in ("bug", "question")
        assert record["customer"] is None or record["customer"] in "Ada: it burns!"

    def test_it_imports_neither_the_training_stack_nor_the_build(self, student: dict[str, str]) -> None:
        traced = [sys.executable, "-X", "importtime", *PROGRAM[1:], "extract", "--threads", "1"]
        code, _, err = ran(traced, student)
        assert code == 0
        loaded = {line.rpartition("|")[2].strip() for line in err.decode().splitlines()}
        assert "boardwright.device.harness" in loaded
        heavy = {"torch", "transformers", "boardwright.build"}
        assert not [name for name in loaded if any(name == bad or name.startswith(f"{bad}.") for bad in heavy)]

    def test_threads_are_measured_and_then_used(self, student: dict[str, str]) -> None:
        code, out, err = ran([*PROGRAM, "threads", "--json"], student)
        assert code == 0, err
        told = json.loads(out)
        assert told["how"] == "measured" and len(told["passes"]) == len(told["cores"])
        code, out, err = ran([*PROGRAM, "bench", "--json", "--records", "2"], student)
        assert code == 0, err
        machine = json.loads(out)["machine"]
        assert (machine["decode_threads"], machine["prefill_threads"]) == (told["decode"], told["prefill"])

    def test_a_reader_that_has_had_enough(self, student: dict[str, str]) -> None:
        stdin = b'{"text": "Ada: it burns!"}\n' * 20
        piped = f"{' '.join(PROGRAM)} extract --json --jsonl --threads 1 | head -n 1; echo ${{PIPESTATUS[0]}}"
        code, out, err = ran(["bash", "-c", piped], student, stdin)
        assert code == 0
        assert out.splitlines()[1:] == [b"141"]
        assert err == b""

    def test_a_record_comes_back_while_the_pipe_is_open(self, student: dict[str, str]) -> None:
        command = [*PROGRAM, "extract", "--json", "--jsonl", "--threads", "1"]
        with subprocess.Popen(command, env=student, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin and process.stdout
            for name in ("first", "second"):
                process.stdin.write(json.dumps({"id": name, "text": "Ada: it burns!"}).encode() + b"\n")
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["id"] == name
            # And Ctrl-C, as it waits for the next one, says nothing. A signal between the last bytecode and the
            # blocking read would be seen only when the read returns, so let it get there.
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 130

    def test_a_full_disk(self, student: dict[str, str]) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*PROGRAM, "extract", "--threads", "1"],
                env=student,
                input=b"Ada",
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert done.returncode == 2
        assert done.stderr.decode().count("error: ") == 1
        assert "the disk is full" in done.stderr.decode()

    def test_a_second_start_writes_nothing(self, student: dict[str, str]) -> None:
        def written() -> dict[Path, tuple[int, int]]:
            found = {path: path.lstat() for path in Path(student["BOARDWRIGHT_CACHE"]).rglob("*")}
            return {path: (told.st_ino, told.st_mtime_ns) for path, told in found.items()}

        info = [*PROGRAM, "info"]
        ran(info, student)
        before = written()
        code, _, err = ran(info, student)
        assert code == 0, err
        assert before and written() == before
