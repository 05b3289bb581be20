"""The options of `boardwright build` that say how the student learns: each a word of `Training` (schemas/task.py).

Knows nothing of what comes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from boardwright.schemas.task import Task, Training

_CommandT = TypeVar("_CommandT", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Passes over the examples."),
    click.option("--rank", type=click.IntRange(1), help="Rank of the adapter."),
    click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Its peak."),
    click.option("--adapter", type=click.Choice(["lora", "rslora", "dora"]), help="Kind of adapter."),
    click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), help="Of the adapter's input."),
    click.option("--frozen-layers", type=click.IntRange(0), help="So many of the lowest layers learn nothing."),
    click.option("--four-bit", is_flag=True, default=None, help="Hold the student in 4 bits (QLoRA; needs CUDA)."),
    click.option("--patience", type=click.IntRange(0), help="Checks without a better one before it ends; 0: never."),
    click.option("--seeds", type=click.IntRange(1), help="Train so many times, and keep the best."),
    click.option("--vocabulary", type=click.IntRange(0), help="Tokens that the student keeps; 0: all."),
    click.option("--layers", type=click.IntRange(0), help="Layers that the student keeps; 0: all."),
    click.option("--distil-from", metavar="STUDENT", help="Learn this one's token distributions beside the labels."),
    click.option(
        "--misprints", type=click.FloatRange(0, 1), help="Share of documents read again with a word misprinted."
    ),
    click.option(
        "--splices", type=click.FloatRange(0, 1), help="Share of documents read again behind the head of another one."
    ),
    click.option("--rounding", type=click.IntRange(0), help="Steps of training as Q4_0 will round, where it ships."),
    click.option("--seed", type=int, help="Of the documents, the adapter's start and the order of reading."),
    click.option("--documents", "synthetic_train", type=click.IntRange(1), help="Synthetic documents to train on."),
    click.option("--held-out", "synthetic_valid", type=click.IntRange(1), help="Synthetic documents to hold out."),
)


def training_options(command: _CommandT) -> _CommandT:
    """Add them to a command, which gets each by its name in `Training`, None where it was not given."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def training_of(task: Task, given: Mapping[str, Any]) -> Training:
    """The task's training with what was given on the command line; other options in `given` are left alone."""
    wanted = {name: given.get(name) for name in asdict(task.training)}
    return replace(task.training, **{name: value for name, value in wanted.items() if value is not None})
