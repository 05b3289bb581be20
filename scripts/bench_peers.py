"""What `scripts/bench-peers` runs: the same weights, documents, schema and threads, through boardwright and others.

Every document goes through all contenders, one after the other, so that a slow minute of the machine is everybody's.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from figures import write

from boardwright.build.json_schema import json_schema
from boardwright.device.bench import peak_rss_mb
from boardwright.device.bundles import Installed, load_bundle
from boardwright.device.engines.base import Feed, Logits
from boardwright.device.harness import Harness, Result
from boardwright.device.workers import Workers
from boardwright.schemas.errors import KitError
from boardwright.schemas.examples import read_examples
from boardwright.schemas.records import parse, spell

THREADS = len(os.sched_getaffinity(0))
SLOTS = 8
# Documents of a batch come again in every round, and from its cache of old prompts a server need not read them.
FRESH = ("--cache-ram", "0")
# Seconds before each call: threads of the one before, which still spin for work, would be the next one's to bear.
REST = 0.2
# What the decoder is to reach, at most, on 2 cores with a tuned invoice student in Q4_0.
GOALS = {
    "passes a record": 16,
    "latency against no drafts, nothing forced": 0.5,
    "latency against llama-server, json_schema": 0.5,
    "latency against llama-cpp-python, chat completion": 0.25,
    "latency against outlines on transformers, fp32": 0.03,
    "a batch's time against llama-server's": 0.5,
    "time outside of passes": 0.1,
    "start to first record, s": 1.5,
    "peak memory against llama-server": 0.8,
    "bytes written": 0,
}
Answer = Callable[[str], str]
Post = Callable[[dict[str, Any]], dict[str, Any]]


class Timed:
    """An engine that counts the time spent in forward passes."""

    def __init__(self, harness: Harness) -> None:
        self.seconds = 0.0
        self._forward = harness.engine.forward
        harness.engine.forward = self.forward  # type: ignore[method-assign]

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        started = time.perf_counter()
        try:
            return self._forward(feeds)
        finally:
            self.seconds += time.perf_counter() - started


class Unforced:
    """Grammars whose matchers force nothing: every token is asked of the student."""

    def __init__(self, grammars: Any) -> None:
        self._grammars = grammars

    def matcher(self, document: str) -> Any:
        inner = self._grammars.matcher(document)

        class Matcher:
            def compute_ff_tokens(self) -> list[int]:
                return []

            def __getattr__(self, name: str) -> Any:
                return getattr(inner, name)

        return Matcher()


def own(installed: Installed, stack: ExitStack, *, drafts: bool = True, forced: bool = True, slots: int = 1) -> Harness:
    harness = Harness.load(
        installed.task,
        installed.model,
        slots=slots,
        threads=THREADS,
        drafts=installed.drafts() if drafts else None,
    )
    if not forced:
        harness._grammars = Unforced(harness._grammars)  # type: ignore[assignment]
    stack.callback(harness.close)
    return harness


def crew(installed: Installed, stack: ExitStack) -> Workers:
    """As `boardwright-device batch` has it."""
    workers = Workers.load(installed.task, installed.model, THREADS, installed.drafts())
    stack.callback(workers.close)
    return workers


def own_ways(installed: Installed, stack: ExitStack) -> tuple[Harness, Harness]:
    """The same decoder without drafts, and plain: a pass for each token."""
    return own(installed, stack, drafts=False), own(installed, stack, drafts=False, forced=False)


@contextmanager
def llama_server(binary: Path, model: Path, context: int, *more: str) -> Iterator[tuple[Post, int]]:
    """A server on a free port; yields a function that posts to /completion, and the server's process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(binary), "-m", str(model), "-c", str(context), "--port", str(port)]
    command += ["-t", str(THREADS), "-tb", str(THREADS)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen([*command, *more], stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                    break
                except OSError:
                    if server.poll() is not None:
                        log.seek(0)
                        raise SystemExit(log.read().decode(errors="replace")[-2000:]) from None
                    time.sleep(0.1)

            def post(body: dict[str, Any]) -> dict[str, Any]:
                request = urllib.request.Request(
                    f"http://127.0.0.1:{port}/completion",
                    json.dumps(body).encode(),
                    {"Content-Type": "application/json"},
                )
                with urllib.request.urlopen(request, timeout=120) as response:
                    answer: dict[str, Any] = json.load(response)
                return answer

            yield post, server.pid
        finally:
            server.terminate()
            server.wait()


def request_of(harness: Harness, schema: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """What llama-server is asked: our token ids, so that its prompt is ours."""

    def body(text: str) -> dict[str, Any]:
        prefix, rest = harness.prompt_ids(text)
        return {
            "prompt": prefix + rest,
            "json_schema": schema,
            "temperature": 0,
            "top_k": 1,
            "n_predict": 256,
            "cache_prompt": True,
        }

    return body


def chat_completion(installed: Installed, schema: dict[str, Any]) -> Answer:
    """llama-cpp-python's own way from a schema to an answer."""
    import llama_cpp

    llama = llama_cpp.Llama(
        str(installed.model),
        n_ctx=installed.task.limits.context,
        n_threads=THREADS,
        n_threads_batch=THREADS,
        verbose=False,
    )

    def answer(text: str) -> str:
        prompt = installed.task.prompt(text)
        question = prompt.prefix.split("user\n", 1)[1] + text
        made: Any = llama.create_chat_completion(
            [{"role": "user", "content": question}],
            response_format={"type": "json_object", "schema": schema},
            temperature=0,
            max_tokens=256,
        )
        content: str = made["choices"][0]["message"]["content"]
        return content

    return answer


def outlines_transformers(installed: Installed, checkpoint: Path, schema: dict[str, Any]) -> Answer:
    """Outlines on transformers, in fp32 on the CPU."""
    import outlines
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    model = outlines.from_transformers(
        transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32),
        transformers.AutoTokenizer.from_pretrained(checkpoint),
    )
    generator = outlines.Generator(model, outlines.types.JsonSchema(json.dumps(schema), whitespace_pattern=""))

    def answer(text: str) -> str:
        prompt = installed.task.prompt(text)
        made: str = generator(prompt.prefix + prompt.document + prompt.suffix, max_new_tokens=256, do_sample=False)
        return made

    return answer


def record_of(installed: Installed, output: str) -> dict[str, Any] | None:
    try:
        return parse(installed.task.record, output).model_dump(mode="json")
    except KitError:
        return None


def near_ties(harness: Harness, texts: Sequence[str], others: Sequence[Harness]) -> dict[str, Any]:
    """How often other ways to decode give another record, and by how much the student preferred what it wrote.

    Batch shapes round differently, so a near-tie of logits may fall either way. margin: between the two tokens where
    the records part, in nats, of one pass over prompt and common beginning; 0 is a tie."""
    agree, margins = 0, []
    for text in texts:
        mine = spell(harness.extract(text).record.model_dump(mode="json"))
        for other in others:
            theirs = spell(other.extract(text).record.model_dump(mode="json"))
            agree += mine == theirs
            if mine != theirs:
                prefix, rest = harness.prompt_ids(text)
                one, two = (harness.engine.tokenize(record, False) for record in (mine, theirs))
                at = next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
                tokens = [*prefix, *rest, *one[:at]]
                [logits] = harness.engine.forward([Feed(1, 0, tokens, [len(tokens) - 1])])
                margins.append(round(float(abs(logits[0, one[at]] - logits[0, two[at]])), 3))
    return {"records": len(texts) * len(others), "agree": agree, "margins_of_the_others": sorted(margins)}


def process_figures(bundle: Path, text: str, folder: Path, starts: int = 7) -> dict[str, Any]:
    """What only a process of its own shows: from its start to its first record, and its memory."""
    program = str(Path(sys.executable).with_name("boardwright-device"))
    document = folder / "document.txt"
    document.write_text(text, encoding="utf-8")
    command = [program, "extract", "--bundle", str(bundle), "--json", str(document)]
    taken = []
    for _ in range(starts + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    command = [program, "bench", "--bundle", str(bundle), "--json", "--records", "100"]
    bench = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    measured = json.loads(bench.stdout)
    machine = measured["machine"]
    return {
        "start_to_first_record_s": round(statistics.median(taken[1:]), 2),
        "peak_rss_mb": machine["peak_rss_mb"],
        "load_s": machine["load_s"],
        "written_bytes_per_100_records": machine["written_bytes"],
    }


def per_minute(count: int, run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return 60 * count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--also", type=Path, help="a bundle of the same student in another encoding")
    parser.add_argument("--examples", type=Path, required=True, help="JSON lines of {id, text, record}")
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--server", type=Path, help="llama-server")
    parser.add_argument("--checkpoint", type=Path, help="the merged checkpoint, for Outlines on transformers")
    parser.add_argument("--outlines-documents", type=int, default=10, help="it takes seconds for each")
    parser.add_argument("--chat", action="store_true", help="llama-cpp-python's create_chat_completion too")
    parser.add_argument("--agree", type=int, default=0, help="compare ways to decode on so many documents too")
    parser.add_argument("--rounds", type=int, default=3, help="of the batch comparison")
    given = parser.parse_args()
    installed = load_bundle(given.bundle)
    texts = [one.text for one in read_examples(given.examples, installed.task.record)][: given.documents]
    schema = json_schema(installed.task.shape)
    more = [one.text for one in read_examples(given.examples, installed.task.record)][: given.agree]
    with ExitStack() as stack:
        ours = own(installed, stack)
        contenders: dict[str, Callable[[str], str | Result]] = {"boardwright": ours.extract}
        clock = Timed(ours)
        for name, way in zip(("no drafts", "no drafts, nothing forced"), own_ways(installed, stack), strict=True):
            contenders[f"boardwright, {name}"] = way.extract
        also: Harness | None = None
        if given.also:
            second = load_bundle(given.also)
            also_name = f"boardwright, {second.bundle.manifest.encoding}"
            also = own(second, stack)
            contenders[also_name] = also.extract
        ask = request_of(ours, schema)
        post8: Post | None = None
        if given.server:
            context = installed.task.limits.context
            post, server = stack.enter_context(llama_server(given.server, installed.model, context, "-np", "1"))
            contenders["llama-server, json_schema"] = lambda text: post(ask(text))["content"]
            ngram, _ = stack.enter_context(
                llama_server(given.server, installed.model, context, "-np", "1", "--spec-type", "ngram-simple")
            )
            contenders["llama-server, json_schema, n-gram drafts"] = lambda text: ngram(ask(text))["content"]
            post8, _ = stack.enter_context(
                llama_server(given.server, installed.model, context * SLOTS, "-np", str(SLOTS), "-cb", *FRESH)
            )
        if given.chat:
            contenders["llama-cpp-python, chat completion"] = chat_completion(installed, schema)
        if given.checkpoint:
            contenders["outlines on transformers, fp32"] = outlines_transformers(installed, given.checkpoint, schema)

        times: dict[str, list[float]] = {name: [] for name in contenders}
        records: dict[str, list[dict[str, Any] | None]] = {name: [] for name in contenders}
        passes: dict[str, list[tuple[int, int]]] = {}
        for call in contenders.values():
            call(texts[-1])
        clock.seconds = 0.0
        for number, text in enumerate(texts):
            for name, call in contenders.items():
                if name.startswith("outlines") and number >= given.outlines_documents:
                    continue
                time.sleep(REST)
                started = time.perf_counter()
                answer = call(text)
                times[name].append((time.perf_counter() - started) * 1e3)
                if isinstance(answer, Result):
                    records[name].append(answer.record.model_dump(mode="json"))
                    passes.setdefault(name, []).append((answer.passes, answer.tokens))
                else:
                    records[name].append(record_of(installed, answer))
            print(f"\r{number + 1} of {len(texts)}", end="", flush=True)
        print()
        mine = times["boardwright"]
        rows = {}
        for name in contenders:
            pairs = list(zip(mine, times[name], strict=False))
            agree = [a == b for a, b in zip(records["boardwright"], records[name], strict=False)]
            rows[name] = {
                "p50_ms": round(statistics.median(times[name]), 1),
                "ours_against_it": round(statistics.median(a / b for a, b in pairs), 3),
                "records_that_agree": f"{sum(agree)} of {len(agree)}",
            }
            if name.startswith("llama-server") and also:
                quicker = zip(times[also_name], times[name], strict=True)
                rows[name][f"{also_name} against it"] = round(statistics.median(a / b for a, b in quicker), 3)
            if name in passes:
                rows[name]["passes"] = round(statistics.fmean(p for p, _ in passes[name]), 1)
                rows[name]["tokens"] = round(statistics.fmean(t for _, t in passes[name]), 1)
        if given.server:
            rows["llama-server, json_schema"]["peak_rss_mb"] = round(peak_rss_mb(server), 1)
        rows["boardwright"]["outside_llama_decode"] = round(1 - clock.seconds * 1e3 / sum(mine), 3)

        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, bundle in (("boardwright", given.bundle), *([(also_name, given.also)] if also else [])):
            rows[name] |= process_figures(bundle, texts[0], folder)
        ties = near_ties(ours, more, own_ways(installed, stack)) if more else None
        crews = {"boardwright": crew(installed, stack), **({also_name: crew(second, stack)} if also else {})}
        batch: dict[str, list[float]] = {"llama-server": []}
        for _ in range(given.rounds):
            for name, one in crews.items():
                batch.setdefault(name, []).append(per_minute(len(texts), lambda: list(one.extract_many(texts))))  # noqa: B023
            if post8:
                with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
                    asked = list(map(ask, texts))
                    batch["llama-server"].append(per_minute(len(texts), lambda: list(pool.map(post8, asked))))  # noqa: B023
    figures = {
        "passes a record": rows["boardwright"]["passes"],
        "latency against no drafts, nothing forced": rows["boardwright, no drafts, nothing forced"]["ours_against_it"],
        "time outside of passes": rows["boardwright"]["outside_llama_decode"],
        "start to first record, s": rows["boardwright"]["start_to_first_record_s"],
        "bytes written": rows["boardwright"]["written_bytes_per_100_records"],
    }
    for name in ("llama-server, json_schema", "llama-cpp-python, chat completion", "outlines on transformers, fp32"):
        if name in rows:
            figures[f"latency against {name}"] = rows[name]["ours_against_it"]
    if given.server:
        server_rate = statistics.median(batch["llama-server"])
        figures["a batch's time against llama-server's"] = server_rate / statistics.median(batch["boardwright"])
        theirs = rows["llama-server, json_schema"]["peak_rss_mb"]
        figures["peak memory against llama-server"] = rows["boardwright"]["peak_rss_mb"] / theirs
    outcome = {
        "goals": {
            name: {"measured": round(value, 3), "at_most": GOALS[name], "holds": value <= GOALS[name]}
            for name, value in figures.items()
        },
        "date": time.strftime("%Y-%m-%d"),
        "bundle": given.bundle.name,
        "encoding": installed.bundle.manifest.encoding,
        "documents": len(texts),
        "threads": THREADS,
        "one_at_a_time": rows,
        "near_ties": ties,
        f"records_per_minute_of_a_batch, llama-server with {SLOTS} slots": {
            name: round(statistics.median(rates), 1) for name, rates in batch.items() if rates
        },
    }
    write("peers", outcome)


if __name__ == "__main__":
    main()
