"""What is given on the command line wins over the task; the rest is the task's."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from boardwright.build.training_options import training_of, training_options
from boardwright.schemas.task import Training, load_task


def chosen(*arguments: str) -> Training:
    seen: dict[str, Any] = {}

    @click.command()
    @training_options
    @click.option("--target")
    def command(**given: Any) -> None:
        seen.update(given)

    ran = CliRunner().invoke(command, list(arguments))
    assert ran.exit_code == 0, ran.output
    return training_of(load_task("receipt"), seen)


def test_what_the_caller_leaves_out_is_the_tasks() -> None:
    assert chosen() == load_task("receipt").training


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--epochs", "0.5", "--target", "host"], {"epochs": 0.5}),
        (["--documents", "30", "--held-out", "12"], {"synthetic_train": 30, "synthetic_valid": 12}),
        (["--adapter", "dora", "--dropout", "0.05"], {"adapter": "dora", "dropout": 0.05}),
        (["--frozen-layers", "0", "--patience", "0"], {"frozen_layers": 0, "patience": 0}),
        (["--four-bit", "--seeds", "3", "--seed", "1"], {"four_bit": True, "seeds": 3, "seed": 1}),
    ],
)
def test_an_option_changes_its_word_alone(arguments: list[str], changes: dict[str, Any]) -> None:
    assert chosen(*arguments) == replace(load_task("receipt").training, **changes)


def test_a_whole_number_is_the_same_training_from_both() -> None:
    in_task, given = (
        replace(load_task("receipt").training, epochs=2, misprints=1),
        chosen("--epochs", "2", "--misprints", "1"),
    )
    assert json.dumps(asdict(in_task)) == json.dumps(asdict(given))


def test_every_word_of_training_but_the_batch_has_an_option() -> None:
    @click.command()
    @training_options
    def command(**_: Any) -> None: ...

    # Documents a step and the learning rate belong together: who changes one edits task.py.
    assert {option.name for option in command.params} == set(asdict(Training())) - {"batch"}
