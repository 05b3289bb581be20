"""One page that needs nothing else, runs nothing, and never mixes kinds of figures."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from boardwright.build.cli import cli
from boardwright.build.prove import add_proof
from boardwright.build.report import write_report
from boardwright.device.bundles import load_bundle
from boardwright.device.needs import Needs
from boardwright.device.proof import Emulated, Proof, subject
from boardwright.schemas.errors import BadBundle
from tests.conftest import make_bundle
from tests.targets.boards import PI5, bench

from .models import tiny_gguf

VOID = {"meta", "br", "hr", "img", "link", "input"}
NEEDS = Needs("rpi5-8gb", "Raspberry Pi 5", "aarch64", "bookworm", "3.11", "2.34", ("asimd",), {"dotprod": 268}, 310)
EVIL = "<script>alert('x')</script>"


def scores(why: str = "the cheapest within 1 point(s)") -> str:
    rung = {"bytes": 94_000_000, "documents": 80, "failed": 0, "records_right": 0.95, "fields_right": 0.99}
    ladder = {
        "F16": rung | {"per_field": {"kind": 1.0, "urgent": 0.98}},
        "Q8_0": rung | {"records_right": 0.8125, "per_field": {"kind": 0.97, "urgent": 0.96}},
    }
    gates = {"records_right": 0.8, "fields_right": 0.95, "tolerance": 0.01}
    return json.dumps({"documents": 80, "chosen": "F16", "why": why, "gates": gates, "ladder": ladder})


def training(**changes: object) -> dict[str, object]:
    """What a build tells of a training that went back once and stopped early."""
    check = {"records": 0.5, "fields": 0.9, "too_long": 0, "looping": 0, "seconds": 3.0}
    score = {"documents": 40, "records": 0.9}
    return {
        "seed": 7,
        "learning_rate": 0.002,
        "steps": 300,
        "planned": 525,
        "chosen_step": 100,
        "stopped": "no check was better in the 2 after step 100",
        "seconds": 600.0,
        "tokens": 300_000,
        "tokens_per_second": 500.0,
        "final_loss": 0.01,
        "held_out_loss": 0.02,
        "held_out_missed": 0.01,
        "held_out_exact": 0.9,
        "checks": [
            check | {"step": 100, "loss": 0.02, "missed": 0.01, "exact": 0.9},
            check | {"step": 200, "loss": 0.03, "missed": 0.01, "exact": 0.8, "records": None, "fields": None},
            check | {"step": 300, "loss": 0.04, "missed": 0.01, "exact": 0.8},
        ],
        "restarts": [{"at": 50, "back_to": 0, "learning_rate": 0.001, "why": "the loss is no number"}],
        "curve": [{"step": 100 * n, "loss": 2.0 / n, "learning_rate": 0.001} for n in (1, 2, 3)],
        "examined": {
            "learnt": score | {"fields": 0.99},
            "held_out": score | {"fields": 0.91},
            "copied": 0.15,
            "copied_gold": 0.05,
            "over_represented": [{"field": "kind", "value": '"bug"', "gold": 3, "got": 11}],
        },
    } | changes


@pytest.fixture
def bundle(tmp_path: Path, own_folders: Path) -> Path:
    """For a board, with scores and a RAM contract; the model is a few weights in 16 bit."""
    parts = {"scores.json": scores(), "board.json": NEEDS.to_json()}
    return make_bundle(tmp_path, tiny_gguf(tmp_path / "m.gguf"), parts, "rpi5-8gb", "F16")


class Page(HTMLParser):
    """Texts under their headings, rows of tables, and every tag with its attributes; fails where tags do not match."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.parts: dict[str, str] = {"": ""}
        self.tables: list[tuple[str, str]] = []
        self.heading = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h2", "h3"):
            self.heading = ""
        if tag == "table":
            self.tables.append((self.heading, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h2", "h3"):
            self.heading += data
        if "style" not in self.open:
            self.parts[self.heading] = self.parts.get(self.heading, "") + data
        if "table" in self.open:
            heading, text = self.tables[-1]
            self.tables[-1] = (heading, text + data)


def report(bundle: Path) -> Page:
    output = bundle.with_suffix(".html")
    write_report(bundle, output)
    return Page(output)


def test_it_says_what_the_bundle_is_and_why_it_was_chosen(bundle: Path) -> None:
    page = report(bundle)
    assert "customer" in page.parts["Task"]
    assert "Chosen: F16, the cheapest within 1 point(s)." in page.parts["Ladder"]
    assert "95.0 %" in page.parts["Ladder"] and "81.2 %" in page.parts["Ladder"]
    assert page.parts["Gates"].count("passed") == 2 and "missed" not in page.parts["Gates"]
    assert "268 MB" in page.parts["Needs of the board"]
    assert "Apache-2.0" in page.parts["Licences"]
    opened = load_bundle(bundle).bundle
    assert opened.id in page.parts["Origin"]
    assert all(entry.sha256 in page.parts["Files"] for entry in opened.manifest.files)


def test_it_runs_nothing_and_loads_nothing(bundle: Path) -> None:
    page = report(bundle)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in page.tags}
    assert not any(
        name in ("src", "href", "style") or name.startswith("on") for _, attrs in page.tags for name in attrs
    )
    assert "url(" not in page.source and "@import" not in page.source
    policy = next(attrs for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert (policy["content"] or "").startswith("default-src 'none'")


def test_whatever_a_bundle_says_is_text(tmp_path: Path, own_folders: Path) -> None:
    """The reason is free text, and so are names of fields in the scores."""
    page = report(make_bundle(tmp_path, b"no weights", {"scores.json": scores(EVIL).replace("urgent", EVIL)}))
    assert page.parts["Ladder"].count(EVIL) == 1 and EVIL in page.parts["By field"]
    assert "script" not in {tag for tag, _ in page.tags}


def test_how_the_student_learnt_is_told(tmp_path: Path, own_folders: Path) -> None:
    page = report(make_bundle(tmp_path, b"no weights", {"training.json": json.dumps(training())}))
    told = page.parts["Training"]
    assert "300 steps of 525 in 10.0 min" in told and "learning rate 0.002" in told
    assert "Diverged at step 50 (the loss is no number): back to step 0, with a learning rate of 0.001." in told
    assert "Stopped early: no check was better in the 2 after step 100." in told
    assert [attrs["points"] for tag, attrs in page.tags if tag == "polyline"] == [
        "200.0,0.0 400.0,22.6 600.0,35.8",
        "200.0,150.0 400.0,136.8 600.0,127.4",
    ]
    chosen = page.source.index('<tr class="chosen"><td>100</td>')
    assert "0.0200" in page.source[chosen : chosen + 100]
    heart = page.parts["Learnt or known by heart"]
    assert "99.0 % of 40 learnt documents, 91.0 % of 40 held-out ones" in heart and "overfitted" in heart
    assert "15.0 %" in heart and "5.0 %" in heart
    assert 'kind = "bug", 11 times where 3 are right' in heart


def test_a_bundle_that_tells_nothing_of_training_has_no_such_section(bundle: Path) -> None:
    assert "Training" not in report(bundle).parts


def test_training_that_makes_no_sense_is_refused(tmp_path: Path, own_folders: Path) -> None:
    nonsense: list[dict[str, object]] = [{"checks": [{}]}, {"curve": [], "checks": []}, {"examined": None}]
    nonsense.append({"seconds": "long"})
    for wrong in nonsense:
        with pytest.raises(BadBundle, match="training"):
            report(make_bundle(tmp_path, b"no weights", {"training.json": json.dumps(training(**wrong))}))


def test_without_a_proof_it_says_so(bundle: Path) -> None:
    page = report(bundle)
    assert "not proved" in page.parts["Proof under emulation"] and "not proved" in page.parts[""]


def proved(bundle: Path, cpu: str, records: int = 2) -> Proof:
    seen = Emulated(
        cpu=cpu, kernels="dotprod", documents=2, records=records, tokens=2, illegal=0, sockets=(), written=(),
        rss_mb=270.0, contract_mb=271, seconds=9.0,
    )  # fmt: skip
    of = subject(load_bundle(bundle).bundle.manifest)
    return Proof(subject=of, os="trixie", emulator="qemu", libraries={}, cpus=(seen,), tokens={})


def test_the_proof_in_the_bundle_is_shown(bundle: Path) -> None:
    add_proof(bundle, proved(bundle, "cortex-a76"))
    page = report(bundle)
    assert "2 of 2 golden records" in page.parts["Proof under emulation"] and "not proved" not in page.source


def test_proofs_on_other_cpus_stay(bundle: Path) -> None:
    for cpu, records in (("cortex-a53", 1), ("cortex-a76", 2), ("cortex-a53", 2)):
        add_proof(bundle, proved(bundle, cpu, records))
    told = report(bundle).parts["Proof under emulation"]
    assert told.count("2 of 2 golden records") == 2 and "1 of 2" not in told


def test_predictions_and_measurements_have_tables_of_their_own(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = report(bundle)
    assert "roofline of rpi5-8gb" in page.parts["Predicted"]
    assert "no figure" in page.parts["Emulated"] and "Nothing was measured" in page.parts["Measured"]
    filed = tmp_path / "filed"
    monkeypatch.setenv("BOARDWRIGHT_MEASURED", str(filed))
    size = load_bundle(bundle).model_bytes
    (tmp_path / "bench.json").write_text(json.dumps(bench(machine__encoding="F16", bundle__model_bytes=size)))
    assert CliRunner().invoke(cli, ["targets", "add-measured", str(tmp_path / "bench.json")]).exit_code == 0
    # Of so few weights, most of the file is metadata.
    monkeypatch.setattr("boardwright.build.speeds.SAME_SIZE", 1.0)
    tables = dict(report(bundle).tables)
    assert PI5 in tables["Measured"] and "roofline" not in tables["Measured"]
    assert "roofline" in tables["Predicted"] and PI5 not in tables["Predicted"]


def test_a_prediction_is_of_what_the_held_out_records_took(bundle: Path, tmp_path: Path, own_folders: Path) -> None:
    assert "of about 64 tokens from a document of" in report(bundle).parts["Predicted"]
    work = {"prompt": 200, "output": 40, "drafted": 30, "accepted": 20, "passes": 7.25}
    parts = {"scores.json": json.dumps(json.loads(scores()) | {"work": work}), "board.json": NEEDS.to_json()}
    told = report(make_bundle(tmp_path, tiny_gguf(tmp_path / "m.gguf"), parts, "rpi5-8gb", "F16")).parts["Predicted"]
    assert "a record of about 40 tokens from a document of 200, in 7.2 passes" in told


def test_for_whatever_machine_runs_it_nothing_is_predicted(tmp_path: Path, own_folders: Path) -> None:
    page = report(make_bundle(tmp_path, b"no weights"))
    assert "Nothing is predicted" in page.parts["Predicted"]
    assert "no scores" in page.parts["Ladder"] and "no contract" in page.parts["Needs of the board"]
    assert [heading for heading, _ in page.tables] == ["Task", "Licences", "Files"]


def test_scores_that_make_no_sense_are_refused(tmp_path: Path, own_folders: Path) -> None:
    for wrong in ('{"ladder": {"Q4_0": {}}}', '{"work": {"prompt": 9}}', '{"work": {"tokens": "many"}}', '{"work": 3}'):
        with pytest.raises(BadBundle, match="scores"):
            report(make_bundle(tmp_path, b"no weights", {"scores.json": wrong}))


def test_a_strangers_bundle_makes_no_page(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "other"))
    ran = CliRunner().invoke(cli, ["report", str(bundle), "-o", str(tmp_path / "page.html")])
    assert ran.exit_code == 2 and "key" in ran.stderr
    assert not (tmp_path / "page.html").exists()


def test_the_command_says_where_the_page_is(bundle: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["report", str(bundle), "-o", str(tmp_path / "page.html")])
    assert ran.exit_code == 0, ran.output
    assert "page.html" in ran.output and (tmp_path / "page.html").read_text().startswith("<!doctype html>")
