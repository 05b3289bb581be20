"""The workstation's commands for boards: prove, image, flash, push.

Knows nothing of how a command does its work, and imports nothing heavy before one is chosen.
"""

from __future__ import annotations

from pathlib import Path

import click

from boardwright.build.options import FILE, json_option
from boardwright.device.command_line import debug_option


@click.command()
@click.argument("bundle", type=FILE)
@click.option("--base", type=FILE, required=True, help="Stock OS image, .img or .img.xz; it is only read.")
@click.option("-o", "--output", type=FILE, required=True, help="The image to make; packed if it ends in .xz.")
@click.option("--setup", type=FILE, help="TOML: hostname, locale, keyboard, timezone, [user], [ssh], [wifi].")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@json_option
@debug_option
def image(bundle: Path, base: Path, output: Path, setup: Path | None, key: Path | None, as_json: bool) -> None:
    """Put BUNDLE, its service and a first-boot set-up into an OS image, without root and without mounting.

    Knows Raspberry Pi OS Bookworm and Trixie and Armbian, by the files in the image.
    """
    import json
    from dataclasses import asdict

    from boardwright.build.board_setup import read_setup
    from boardwright.build.image import build_image
    from boardwright.build.summary import image_text
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    with use_reporter(reporter_for("json" if as_json else "auto")):
        built = build_image(bundle, base, output, setup=read_setup(setup) if setup else None, key=key)
    click.echo(json.dumps(asdict(built), default=str) if as_json else image_text(built))


@click.command()
@click.argument("bundle", type=FILE)
@click.option(
    "--cpu", "cpus", multiple=True, metavar="CPU", help="As qemu names it; may be repeated. [default: the target's]"
)
@click.option(
    "--documents",
    type=click.IntRange(1),
    default=None,
    help="Golden documents to run, the shortest first. [default: all]",
)
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@click.option("--keep-out", is_flag=True, help="Leave the bundle as it is; only print what was seen.")
@json_option
@debug_option
@click.pass_context
def prove(
    ctx: click.Context,
    bundle: Path,
    cpus: tuple[str, ...],
    documents: int | None,
    key: Path | None,
    keep_out: bool,
    as_json: bool,
) -> None:
    """Run BUNDLE's own wheels, Python and model on its board's CPU under emulation, and put the proof into it.

    Exit code 1 when something does not hold; the bundle is then left as it is.
    """
    from boardwright.build import prove as proving
    from boardwright.build.store import Store
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import step, use_reporter

    with use_reporter(reporter_for("json" if as_json else "auto")):
        proof = proving.prove(bundle, Store(), cpus=cpus, documents=documents or 0, key=key)
        faults = proof.faults()
        if not faults and not keep_out:
            with step("Put the proof into the bundle and sign it"):
                proving.add_proof(bundle, proof, key)
    if as_json:
        click.echo(proof.model_dump_json())
    else:
        click.echo("\n".join(["Emulated, which tells nothing of speed:", *(f"  {line}" for line in proof.lines())]))
        click.echo("\n".join([*(f"does not hold: {fault}" for fault in faults)] or [f"{bundle}: proved"]))
    ctx.exit(1 if faults else 0)


@click.command()
@click.argument("image", type=FILE, required=False)
@click.option("--device", type=FILE, help="The disk to write to, as in /dev/sdb. Without it, the cards are listed.")
@click.option("--list", "list_only", is_flag=True, help="List the cards and what speaks against the other disks.")
@click.option("--serial", help="The disk's serial, given beforehand: for scripts. [default: ask]")
@click.option("--allow-fixed", is_flag=True, help="Also take a disk that is not removable.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and write nothing.")
@json_option
@debug_option
def flash(
    image: Path | None,
    device: Path | None,
    list_only: bool,
    serial: str | None,
    allow_fixed: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write IMAGE (.img, .img.xz, .img.gz) to a card, read all of it back, and only then make it bootable."""
    import json
    import sys
    from dataclasses import asdict

    from boardwright.build import flash as verb
    from boardwright.build.disks import disks_json, disks_text
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    if list_only:
        return click.echo(disks_json() if as_json else disks_text())
    if image is None or device is None:
        click.echo(disks_text(), err=as_json)
        given = f"{image or 'IMAGE'} --device {device or '/dev/sdX'}"
        raise click.UsageError(f"Say what goes where, as in: boardwright flash {given}")

    def show(text: str) -> None:
        click.echo(text, err=as_json)

    def ask(question: str) -> str:
        try:
            return str(click.prompt(question, err=as_json, default="", show_default=False))
        except click.Abort:  # Ctrl-C, and here it means what it does elsewhere
            raise KeyboardInterrupt from None

    with use_reporter(reporter_for("json" if as_json else "auto")):
        written = verb.flash(
            image,
            device,
            serial=serial,
            ask=ask if sys.stdin.isatty() else None,
            allow_fixed=allow_fixed,
            dry_run=dry_run,
            show=show,
        )
    if as_json:
        click.echo(json.dumps({"image": str(image), "device": str(device), "written": written and asdict(written)}))
    elif written is None:
        click.echo("Nothing was written.")
    else:
        click.echo(f"{device} holds {image.name}: {written.text}")


@click.command()
@click.argument("bundle", type=FILE)
@click.argument("board", metavar="USER@BOARD")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the board's ssh server.")
@click.option("--identity", type=FILE, help="Private key for ssh. [default: as ssh finds it]")
@click.option("--key", type=FILE, help="Public key to trust beside this machine's own.")
@click.option("--dry-run", is_flag=True, help="Only look whether the board will do; write nothing there.")
@debug_option
@click.pass_context
def push(
    ctx: click.Context,
    bundle: Path,
    board: str,
    port: int | None,
    identity: Path | None,
    key: Path | None,
    dry_run: bool,
) -> None:
    """Send BUNDLE to a board over ssh, and install it there.

    A push that was cut off goes on where it was. The exit code is that of the board's installer.
    """
    from boardwright.build import push as verb
    from boardwright.build.ssh import connect
    from boardwright.device.doctor import show
    from boardwright.schemas.reporters import reporter_for
    from boardwright.schemas.steps import use_reporter

    parcel = verb.parcel(bundle, key)
    with connect(board, port, identity) as there:
        with use_reporter(reporter_for()):
            seen = verb.look(there, parcel)
        refused = [finding for finding in seen.findings if finding.verdict == "refusal"]
        if dry_run or refused:
            click.echo("\n".join(map(show, seen.findings if dry_run else refused)), err=not dry_run)
            ctx.exit(2 if refused else 0)
        with use_reporter(reporter_for()):
            verb.send(there, parcel, seen.arrived)
        ctx.exit(verb.install(there, parcel, seen.sudo))
