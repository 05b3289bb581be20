"""How our command lines behave: errors in one form, exit codes, pipes and Ctrl-C.

Knows no command. Imports nothing heavy: `--help` is to answer at once.

    0   all is well
    1   it ran, and something in it failed (a document, a gate)
    2   it could not run: wrong arguments, wrong files
    130, 141   stopped by Ctrl-C, or by a reader that has had enough, as a shell counts signals
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import Any

import click

from boardwright.schemas.errors import KitError

DEBUG = f"{__name__}.debug"
INTERRUPTED, BROKEN_PIPE = 130, 141


class Commands(click.Group):
    """A group whose commands may raise KitError. Click itself suggests the nearest name for an unknown one."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KitError as error:
            _explain(ctx, f"error: {error}")
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            abandon_output()
            ctx.exit(BROKEN_PIPE)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            # A defect of ours. One line for the user, all of it for whoever mends it.
            _explain(
                ctx, f"error: {type(error).__name__}: {error}\n  next:    run it again with --debug, and report it"
            )
            ctx.exit(2)


def debug_option(command: Any) -> Any:
    """`--debug`, on the group and on each command: nobody remembers on which side of the command it belongs."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks of errors."
    )(command)


def abandon_output() -> None:
    """Let what is still in stdout's buffer go nowhere, or Python complains about it on the way out."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _set_debug(ctx: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        ctx.find_root().meta[DEBUG] = True


def _explain(ctx: click.Context, text: str) -> None:
    if ctx.find_root().meta.get(DEBUG):
        traceback.print_exc()
    click.echo(text, err=True)
