"""`boardwright targets`: a list, one profile, and the beginning of one's own."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from boardwright.build.cli import cli
from boardwright.targets.profile import load_target, target_names
from tests.targets.boards import PI5, bench


def test_every_board_is_listed() -> None:
    listed = CliRunner().invoke(cli, ["targets"])
    assert [line.split()[0] for line in listed.output.splitlines()[1:]] == target_names()
    told = json.loads(CliRunner().invoke(cli, ["targets", "--json"]).output)
    assert [one["name"] for one in told] == target_names()


def test_a_profile_is_shown_with_its_sources() -> None:
    shown = CliRunner().invoke(cli, ["targets", "show", "rpi4-1gb"]).output
    target = load_target("rpi4-1gb")
    assert target.board in shown and "1,024 MB" in shown and all(source in shown for source in target.sources)
    assert json.loads(CliRunner().invoke(cli, ["targets", "show", "host", "--json"]).output)["arch"] == "any"


def test_a_profile_of_ones_own_is_shown_like_the_others(tmp_path: Path) -> None:
    made = CliRunner().invoke(cli, ["targets", "new", "till-7", "--like", "rpi5-2gb", "--in", str(tmp_path)])
    assert made.exit_code == 0, made.output
    shown = CliRunner().invoke(cli, ["targets", "show", str(tmp_path / "till-7.toml")])
    assert shown.output.startswith("till-7\n")


def test_speeds_of_a_board_are_predicted_until_they_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARDWRIGHT_MEASURED", str(tmp_path / "filed"))
    before = CliRunner().invoke(cli, ["targets", "show", "rpi5-8gb"]).output
    assert "predicted: " in before and "measured: " not in before
    (tmp_path / "bench.json").write_text(json.dumps(bench()))
    added = CliRunner().invoke(cli, ["targets", "add-measured", str(tmp_path / "bench.json"), "--target", "rpi5-8gb"])
    assert added.exit_code == 0, added.output
    assert PI5 in added.output
    after = CliRunner().invoke(cli, ["targets", "show", "rpi5-8gb"]).output
    predicted, _, measured = after.partition("measured: ")
    assert "Q4_0 " not in predicted.partition("predicted: ")[2] and "IQ4_NL" in predicted
    assert PI5 in measured and str(datetime.date.today()) in measured
    assert "predicted: " not in CliRunner().invoke(cli, ["targets", "show", "host"]).output


def test_emulated_figures_are_not_filed(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(bench(how="emulated")))
    refused = CliRunner().invoke(cli, ["targets", "add-measured", str(tmp_path / "bench.json"), "--in", str(tmp_path)])
    assert refused.exit_code == 2 and "emulated" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_a_board_too_slow_for_its_budget_is_warned_of(tmp_path: Path) -> None:
    CliRunner().invoke(cli, ["targets", "new", "hasty", "--like", "rpi-zero2w", "--in", str(tmp_path)])
    path = tmp_path / "hasty.toml"
    path.write_text(path.read_text().replace("latency_ms_p95 = 30000", "latency_ms_p95 = 300"))
    assert "Warning: the predicted latency" in CliRunner().invoke(cli, ["targets", "show", str(path)]).output
