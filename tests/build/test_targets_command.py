"""`boardwright targets`: a list, one profile, and the beginning of one's own."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from boardwright.build.cli import cli
from boardwright.targets.profile import load_target, target_names


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
