"""Only what a real board did, undisturbed, is filed; and it is found again."""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget, KitError
from boardwright.targets.measured import SHIPPED, add_measured, measured, measured_folder
from boardwright.targets.profile import load_target, target_names

from .boards import PI5, bench

RPI5 = load_target("rpi5-8gb")
DAY = datetime.date(2026, 11, 22)


def written(folder: Path, run: Any) -> Path:
    path = folder / "bench.json"
    path.write_text(run if isinstance(run, str) else json.dumps(run), encoding="utf-8")
    return path


def test_a_run_on_a_board_is_filed_and_found(tmp_path: Path) -> None:
    path, kept = add_measured(written(tmp_path, bench()), RPI5, tmp_path / "filed", DAY)
    assert path.parent == tmp_path / "filed" and path.name.startswith("rpi5-8gb-Q4_0-")
    assert (kept.target, kept.filed, kept.bench.machine.board) == ("rpi5-8gb", DAY, PI5)
    assert measured("rpi5-8gb", Encoding.Q4_0, [tmp_path / "filed"]) == [kept]
    assert measured("rpi5-8gb", Encoding.Q8_0, [tmp_path / "filed"]) == []
    assert measured("rpi4-8gb", folders=[tmp_path / "filed"]) == []


def test_the_target_is_that_of_the_bundle_unless_told(tmp_path: Path) -> None:
    run = written(tmp_path, bench())
    assert add_measured(run, None, tmp_path)[1].target == "rpi5-8gb"
    assert add_measured(run, load_target("rpi5-4gb"), tmp_path)[1].target == "rpi5-4gb"
    with pytest.raises(BadTarget, match="no such target"):
        add_measured(written(tmp_path, bench(bundle__target="till-7")), None, tmp_path)


def test_the_same_run_is_filed_once(tmp_path: Path) -> None:
    run = written(tmp_path, bench())
    first = add_measured(run, RPI5, tmp_path / "filed", DAY)
    later = add_measured(run, RPI5, tmp_path / "filed", DAY + datetime.timedelta(days=1))
    assert later == first


def test_the_newest_comes_first(tmp_path: Path) -> None:
    for days, p50 in enumerate((300.0, 290.0, 280.0)):
        run = written(tmp_path, bench(figures__latency_ms={"p50": p50, "p95": 410.0, "p99": 500.0}))
        add_measured(run, RPI5, tmp_path / "filed", DAY + datetime.timedelta(days=days))
    assert [one.bench.figures.latency_ms.p50 for one in measured("rpi5-8gb", folders=[tmp_path / "filed"])] == [
        280.0,
        290.0,
        300.0,
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"how": "emulated"}, "emulated"),
        ({"machine__board": None, "machine__cpu": "AMD EPYC"}, "not of a board"),
        ({"machine__invalid": ["throttled", "under-voltage"]}, "slowed down while it was measured: throttled, under-v"),
        ({"figures__slots": 2}, "in flight together"),
        ({"figures__records": 19}, "too few"),
    ],
)
def test_what_tells_nothing_of_a_board_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(KitError, match=says) as caught:
        add_measured(written(tmp_path, bench(**changes)), RPI5, tmp_path / "filed")
    assert caught.value.next and caught.value.exit_code == 2
    assert not (tmp_path / "filed").exists()


def test_this_machine_is_no_target_to_file_under(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="no board"):
        add_measured(written(tmp_path, bench()), load_target("host"), tmp_path)


@pytest.mark.parametrize(
    ("run", "where"),
    [
        ("{", "bench.json"),
        ("[]", "bench.json"),
        ("{}", ": how"),
        (json.dumps(bench(figures__records="100")), ": figures.records"),
        (json.dumps(bench(figures__latency_ms={"p50": 0, "p95": 1, "p99": 1})), ": figures.latency_ms.p50"),
        (json.dumps(bench(figures__decode_tokens_per_s=float("inf"))), ": figures.decode_tokens_per_s"),
        (json.dumps(bench(machine__encoding="Q3")), ": machine.encoding"),
        (json.dumps(bench(machine__overclocked=True)), ": machine.overclocked"),
        (json.dumps(bench(bundle__id="none")), ": bundle.id"),
    ],
)
def test_what_bench_never_printed_is_refused_with_its_place(tmp_path: Path, run: str, where: str) -> None:
    with pytest.raises(KitError, match="not the figures of a bench") as caught:
        add_measured(written(tmp_path, run), RPI5, tmp_path / "filed")
    assert where in str(caught.value.where)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        with pytest.raises(KitError):
            add_measured(Path(file.name), RPI5)


def test_a_damaged_file_is_told_with_its_name(tmp_path: Path) -> None:
    path, _ = add_measured(written(tmp_path, bench()), RPI5, tmp_path / "filed", DAY)
    path.write_text(path.read_text().replace("2026-11-22", "yesterday"))
    with pytest.raises(KitError) as caught:
        measured("rpi5-8gb", folders=[tmp_path / "filed"])
    assert str(path) in str(caught.value.where)


def test_ones_own_folder_is_where_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDWRIGHT_MEASURED", str(tmp_path / "mine"))
    assert measured_folder() == tmp_path / "mine"
    add_measured(written(tmp_path, bench()), RPI5, None, DAY)
    assert [one.filed for one in measured("rpi5-8gb")] == [DAY]
    monkeypatch.delenv("BOARDWRIGHT_MEASURED")
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "keys"))
    assert measured_folder() == tmp_path / "keys" / "measured"


def test_what_is_shipped_is_sound_and_of_a_shipped_target() -> None:
    assert (SHIPPED / "README.md").is_file()
    found = [one for name in target_names() for one in measured(name, folders=[SHIPPED])]
    assert len(found) == len(list(SHIPPED.glob("*.json")))
