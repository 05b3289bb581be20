"""Steps and their reporters."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading

import pytest

from boardwright.schemas.reporters import JsonReporter, PlainReporter, RichReporter, duration, reporter_for
from boardwright.schemas.steps import Event, Kind, Reporter, current_step, step, use_reporter


class Seen:
    """Keeps events; notices two threads reporting at once."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False
        self._inside = False

    def report(self, event: Event) -> None:
        assert not self._inside
        self._inside = True
        self.events.append(event)
        self._inside = False

    def close(self) -> None:
        self.closed = True

    def kinds(self, title: str) -> list[Kind]:
        return [event.kind for event in self.events if event.step == title]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def event(kind: Kind, seconds: float = 0.0, id: int = 1, **more: object) -> Event:
    return Event(kind, id, "Tune", (), seconds, **more)  # type: ignore[arg-type]


def test_a_step_reports_from_start_to_done() -> None:
    seen = Seen()
    with use_reporter(seen), step("Quantize to Q4_0") as s:
        s.progress(3, 12)
        s.note("fell back")
    assert seen.kinds("Quantize to Q4_0") == ["start", "progress", "note", "done"]
    assert (seen.events[1].done, seen.events[1].total, seen.events[2].text) == (3, 12, "fell back")
    assert seen.closed


def test_what_a_resumed_step_found_done_does_not_count_for_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    seen = Seen()
    with use_reporter(seen), step("Tune") as s:
        s.progress(100, 200)
        now = 10.0
        s.progress(105, 200)
    first, second = (event.rate for event in seen.events if event.kind == "progress")
    assert first is None
    assert second == pytest.approx(0.5)


def test_nested_steps_know_their_parents() -> None:
    seen = Seen()
    with use_reporter(seen), step("Build"), step("Tune"), step("Load"):
        assert current_step().title == "Load"
    starts = {event.step: event.parents for event in seen.events if event.kind == "start"}
    assert starts == {"Build": (), "Tune": ("Build",), "Load": ("Build", "Tune")}
    assert len({event.id for event in seen.events}) == 3


def test_a_failure_is_reported_in_one_line_and_passes_through() -> None:
    seen = Seen()
    with use_reporter(seen):
        with pytest.raises(ValueError), step("Tune"):
            raise ValueError("loss is NaN\n  where: step 7")
        with pytest.raises(KeyboardInterrupt), step("Tune"):
            raise KeyboardInterrupt
    assert [event.text for event in seen.events if event.kind == "failed"] == ["loss is NaN", "KeyboardInterrupt"]
    assert "done" not in seen.kinds("Tune")


def test_a_reused_step_says_so_instead_of_done() -> None:
    seen = Seen()
    with use_reporter(seen), step("Tune") as s:
        s.reused("took 41 min")
    assert seen.kinds("Tune") == ["start", "reused"]


def test_nobody_watches_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    with step("Tune") as s:
        s.progress(1, 2)
    current_step().progress(1, 2)
    assert capfd.readouterr() == ("", "")


def test_progress_outside_any_step_is_nobodys() -> None:
    seen = Seen()
    with use_reporter(seen):
        current_step().progress(1, 2)
    assert seen.events == []


def test_threads_report_one_at_a_time_each_with_its_own_parents() -> None:
    seen = Seen()

    def work(name: str) -> None:
        with step(name) as s:
            for done in range(200):
                s.progress(done, 200)

    with use_reporter(seen), step("Build"):
        threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for n in range(4):
        assert seen.kinds(f"worker {n}") == ["start", *["progress"] * 200, "done"]
    assert all(event.parents == () for event in seen.events if event.step.startswith("worker"))


def test_the_previous_reporter_comes_back() -> None:
    outer, inner = Seen(), Seen()
    with use_reporter(outer):
        with use_reporter(inner), step("inner"):
            pass
        with step("outer"):
            pass
    assert {event.step for event in outer.events} == {"outer"}
    assert {event.step for event in inner.events} == {"inner"}


def test_a_terminal_that_went_away_does_not_stop_the_work() -> None:
    for broken in (PlainReporter(io.TextIOWrapper(io.BytesIO())), JsonReporter(io.StringIO())):
        broken._stream.close()
        done = False
        with use_reporter(broken), step("Tune") as s:
            s.progress(1, 2)
            done = True
        assert done


def test_plain_lines_are_throttled_per_step_and_indented() -> None:
    out = io.StringIO()
    reporter = PlainReporter(out)
    reporter.report(event("start"))
    for tenth in range(1, 121):
        reporter.report(event("progress", tenth / 10, done=tenth, total=400, rate=10.0))
    reporter.report(Event("note", 2, "Load", ("Tune",), 0.5, text="bf16"))
    reporter.report(event("done", 12.0))
    assert out.getvalue().splitlines() == [
        "Tune …",
        "Tune: 50/400 (12%), 10/s, 35.0 s left",
        "Tune: 100/400 (25%), 10/s, 30.0 s left",
        "  Load: bf16",
        "Tune: done in 12.0 s",
    ]


def test_plain_lines_of_the_other_ends() -> None:
    out = io.StringIO()
    reporter = PlainReporter(out, every=0)
    reporter.report(event("progress", 2.0, done=10, rate=5.0))
    reporter.report(event("failed", 185.2, text="loss is NaN"))
    reporter.report(event("reused", 0.0, text="took 41 min 00 s"))
    assert out.getvalue().splitlines() == [
        "Tune: 10, 5/s",
        "Tune: failed in 3 min 05 s (loss is NaN)",
        "Tune: reused (took 41 min 00 s)",
    ]


def test_json_is_one_object_an_event() -> None:
    out = io.StringIO()
    with use_reporter(JsonReporter(out)), step("Build"), step("Tune „größer“") as s:
        s.progress(1, 4)
        s.note("a\nb")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["start", "start", "progress", "note", "done", "done"]
    assert {"step": "Tune „größer“", "parents": ["Build"], "done": 1, "total": 4}.items() <= lines[2].items()
    assert "total" not in lines[3]
    assert all(line["seconds"] >= 0 for line in lines)


def test_a_terminal_keeps_a_line_for_each_finished_step() -> None:
    out = Terminal()
    with use_reporter(RichReporter(out)), step("Build [bold]"):
        with step("Tune") as s:
            s.progress(1, 4)
            s.note("half way [red]")
        with step("Merge") as s:
            s.reused()
    text = out.getvalue()
    for line in ("Tune: half way [red]", "Tune: done in 0.", "Merge: reused", "Build [bold]: done in 0."):
        assert line in text


@pytest.mark.parametrize(
    ("stream", "term", "kind"),
    [
        (Terminal(), "xterm", RichReporter),
        (Terminal(), "dumb", PlainReporter),
        (io.StringIO(), "xterm", PlainReporter),
    ],
)
def test_auto_looks_at_the_stream(
    stream: io.StringIO, term: str, kind: type[Reporter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    assert type(reporter_for("auto", stream)) is kind


def test_a_machine_without_rich_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert type(reporter_for("auto", Terminal())) is PlainReporter


def test_rich_is_not_imported_before_it_is_used() -> None:
    code = "import sys, boardwright.schemas.reporters as r; r.reporter_for('plain'); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.314, "0.31 s"), (12.4, "12.4 s"), (59.99, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_durations_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
