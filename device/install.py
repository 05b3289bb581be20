"""Install a bundle: everything beside what runs now, tried, and then one link switched.

Knows nothing of how records are made: the new slot's own program answers the golden documents. A kill or a power cut
at any moment leaves the old slot active, or the new one; what was left half-made is removed by the next install.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boardwright.device.bundles import board_needs
from boardwright.device.doctor import examine
from boardwright.device.needs import REQUIREMENTS, WHEELS, Needs
from boardwright.device.slots import Slot, State
from boardwright.schemas.bundle import Bundle, open_bundle
from boardwright.schemas.children import ending_with_parent
from boardwright.schemas.durable import disk, replace_text
from boardwright.schemas.errors import BadBundle, InstallFailed, KitError
from boardwright.schemas.keys import trusted_keys
from boardwright.schemas.steps import step

# A Zero 2 W takes seconds for a document: it answers as many golden ones as it can in this time, the shortest first.
GOLDEN_SECONDS = 60
# With reading the weights from a card, and a machine that emulates the board.
GOLDEN_LIMIT = 1800
PIP_SECONDS = 1800


@dataclass(frozen=True)
class Outcome:
    """slot: the active one.  needs: of its bundle.  changed: False when it was this one before."""

    bundle: Bundle
    slot: Slot
    needs: Needs
    changed: bool


def install(path: Path, folder: Path, key: Path | None = None) -> Outcome:
    """Make a bundle the active one of the state folder.  key: a .pub file to trust beside those of this machine.

    Raises BadBundle, NoSpace, KitError when it is refused, InstallFailed when the new slot did not hold."""
    state = State(folder.absolute())
    with step(f"Verify {path.name}"):
        bundle = open_bundle(path, trusted_keys(key))
        needs = board_needs(bundle)
    with state.changing():
        slot = state.slot(bundle.id)
        state.clean()
        linked = slot in (state.active(), state.previous())
        whole = linked and slot.program.exists() and bundle.is_staged(slot.bundle)
        if whole and slot == state.active():
            return Outcome(bundle, slot, needs, changed=False)
        _refuse_older(bundle, state)
        _refuse_board(needs, state)
        with _removed_unless_done(slot, linked):
            if not whole:
                _lay_out(bundle, slot)
            _answer_goldens(slot)
            with step("Write everything to the disk"):
                os.sync()  # pip does not; thousands of files one by one would take minutes on a card
        manifest = bundle.manifest
        state.activate(slot, manifest.bundle_name, manifest.counter)
        state.clean()
    return Outcome(bundle, slot, needs, changed=True)


def _refuse_older(bundle: Bundle, state: State) -> None:
    manifest = bundle.manifest
    newest = state.newest(manifest.bundle_name)
    if manifest.counter < newest:
        raise BadBundle(
            "A newer release of this bundle was installed here.",
            where=bundle.path,
            value=f"release {manifest.counter}",
            allowed=f"release {newest} or newer",
            next="build it again: each build counts on",
        )


def _refuse_board(needs: Needs, state: State) -> None:
    with step("Look at the board") as running:
        findings = list(examine(needs, state.folder))
        for finding in findings:
            if finding.verdict == "warning":
                running.note(f"{finding.name}: {finding.text}" + (f"; {finding.next}" if finding.next else ""))
        refusals = [finding for finding in findings if finding.verdict == "refusal"]
        if refusals:
            raise KitError(
                "This board cannot run the bundle: "
                + "; ".join(f"{finding.name}: {finding.text}" for finding in refusals)
                + ".",
                next=refusals[0].next,
            )


@contextmanager
def _removed_unless_done(slot: Slot, linked: bool) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not linked:
            shutil.rmtree(slot.folder, ignore_errors=True)
        raise


def _lay_out(bundle: Bundle, slot: Slot) -> None:
    with step("Unpack the bundle"):
        bundle.stage(slot.folder, slot.bundle.name)
        # Whoever may write here could replace the program too, so the slot vouches for its signer: users of the board
        # need no keys of their own.
        replace_text(slot.signer, bundle.key.encode().decode())
    with step("Make the virtual environment"), disk(slot.folder, "make the virtual environment"):
        make_venv(slot)


def make_venv(slot: Slot) -> None:
    """The slot's venv from the wheels of its bundle, offline, by the bundle's own pip. Raises KitError."""
    wheels = slot.bundle / WHEELS
    pips = sorted(wheels.glob("pip-*.whl"))
    if len(pips) != 1:
        raise BadBundle("The bundle does not carry one pip.", where=slot.bundle, value=[pip.name for pip in pips])
    shutil.rmtree(slot.venv, ignore_errors=True)
    # In memory on many boards, and then too small for what pip unpacks.
    temporary = slot.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    # Debian's Python comes without ensurepip. -I: nothing of the caller's Python is to reach the new one.
    _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(slot.venv)], {"TMPDIR": str(temporary)})
    _run(
        [
            *(str(slot.python), "-I", f"{pips[0]}/pip", "--isolated", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--no-cache-dir", "install", "--no-index", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", "--root-user-action", "ignore"),
            *("--no-warn-script-location", "--find-links", str(wheels), "-r", str(slot.bundle / REQUIREMENTS)),
        ],
        # os.devnull tells pip to read no configuration at all, the machine's own included.
        {"TMPDIR": str(temporary), "PIP_CONFIG_FILE": os.devnull},
    )
    shutil.rmtree(temporary)


def _answer_goldens(slot: Slot) -> None:
    with step("Answer the golden documents") as running:
        command = [slot.python, "-I", "-m", "boardwright.device", "verify", "--golden", "--bundle", slot.folder]
        command += ["--seconds", str(GOLDEN_SECONDS)]
        try:
            ran = _child(list(map(str, command)), {}, GOLDEN_LIMIT)
        except subprocess.TimeoutExpired:
            raise InstallFailed(
                f"The new slot did not answer within {GOLDEN_LIMIT} s. What was active before still is.",
                next="boardwright-device doctor",
            ) from None
        for line in ran.stdout.splitlines():
            running.note(line)
        if ran.returncode:
            raise InstallFailed(
                "The new slot does not answer as it did where it was built. What was active before still is.",
                where=slot.folder,
                value=_last_line(ran.stdout + ran.stderr, ran.returncode),
                next="boardwright-device doctor; build the bundle for this very board",
            )


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    try:
        ran = _child(command, environment, PIP_SECONDS)
    except subprocess.TimeoutExpired:
        raise InstallFailed(f"It took more than {PIP_SECONDS} s.", where=" ".join(command[:4])) from None
    if ran.returncode:
        if "No space left on device" in ran.stderr:
            raise OSError(28, "No space left on device")
        raise InstallFailed(
            "The bundle's wheels can't be installed here.",
            value=_last_line(ran.stderr or ran.stdout, ran.returncode),
            next="boardwright-device doctor --bundle …; if it is content, build the bundle again",
        )


def _child(command: list[str], environment: Mapping[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        # A pip whose installer was killed would write on, into a slot that the next install is removing.
        preexec_fn=ending_with_parent(signal.SIGKILL),
        check=False,
    )


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours without what steers another Python or another pip."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV"))}
    return kept | dict(more)


def _last_line(said: str, code: int) -> str:
    if code < 0:
        return f"killed by signal {-code}" + (": an instruction that this CPU lacks" if code == -4 else "")
    return (said.strip().splitlines() or [f"exit code {code}"])[-1]
