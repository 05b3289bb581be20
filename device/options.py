"""Options that several commands of a board share.

Knows nothing of what the commands do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from boardwright.device.command_line import debug_option

COUNT = click.IntRange(min=1)
FILE = click.Path(path_type=Path)


def _or_active(ctx: click.Context, option: click.Parameter, given: Path | None) -> Path:
    from boardwright.device.slots import active_folder

    if place := given or active_folder():
        return place
    raise click.MissingParameter("Nothing is installed here.", ctx, option)


key_option = click.option(
    "--key", type=FILE, metavar="PUB", help="Trust this public key, beside those of this machine."
)
bundle_option = click.option(
    "--bundle",
    type=FILE,
    metavar="B",
    envvar="BOARDWRIGHT_BUNDLE",
    callback=_or_active,
    help="The .bwb file. Default: the bundle that is installed here.",
)


def bundle_options(command: Any) -> Any:
    for option in (debug_option, key_option, bundle_option):
        command = option(command)
    return command


threads_option = click.option("--threads", type=COUNT, metavar="N", help="Threads. Default: the target's.")
slots_option = click.option("--slots", type=COUNT, default=1, show_default=True, metavar="N", help="Records in flight.")
jsonl_option = click.option("--jsonl", is_flag=True, help='Every input is JSON lines: {"id": …, "text": …}.')
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
files_argument = click.argument("files", nargs=-1, type=click.Path(allow_dash=True))
