"""Prove: the bundle's own wheels, Python and model on the board's CPU, emulated, before anything is flashed.

Knows nothing of how fast a board is. What must hold: no instruction that the CPU lacks, the host's records, the tokens
that this kernel variant gave before, memory within a tenth of the promise, no network, nothing written outside of its
state folder.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from boardwright.build.arm_root import arm_root, lay_out
from boardwright.build.cross import VARIANTS, unpack_libraries
from boardwright.build.disassembly import check_libraries
from boardwright.build.emulation import Ran, check_qemu, dress, run_python
from boardwright.build.pack import next_counter
from boardwright.build.store import Store
from boardwright.build.wheels import unpack
from boardwright.device.bundles import Golden, board_needs, goldens_of, shortest_first, target_of
from boardwright.device.needs import WHEELS, Needs
from boardwright.device.proof import PROOF, Emulated, Proof, proof_of, subject
from boardwright.schemas.bundle import Bundle, describe, open_bundle, write_bundle
from boardwright.schemas.durable import replace_text
from boardwright.schemas.errors import BadBundle, BadTarget, KitError
from boardwright.schemas.keys import signing_key, trusted_keys
from boardwright.schemas.manifest import make_manifest
from boardwright.schemas.steps import step
from boardwright.targets.profile import Target, all_targets

LLAMA_WHEEL = "llama_cpp_python-"
# Emulated, a document takes a minute or two; on a busy machine several times that.
LIMIT_S, LIMIT_PER_DOCUMENT_S = 300, 600


@dataclass(frozen=True)
class _Subject:
    """A bundle laid out to be run. imports: folders of its unpacked wheels.  known: tokens of earlier runs."""

    bundle: Bundle
    needs: Needs
    goldens: list[Golden]
    root: Path
    imports: list[Path]
    key: Path
    state: Path
    known: dict[str, dict[str, tuple[int, ...]]]


def prove(path: Path, store: Store, *, cpus: Sequence[str] = (), documents: int = 0, key: Path | None = None) -> Proof:
    """Run a bundle's golden documents on each CPU, by default the target's own; return what was seen.

    cpus: as qemu names them.  documents: how many, the shortest first; 0 for all.  Token ids of an earlier proof in the
    bundle, and of earlier runs on this machine, are what the same kernels must give again.
    Raises BadBundle for one that carries no wheels, KitError."""
    bundle = open_bundle(path, trusted_keys(key))
    emulator = check_qemu()
    needs = board_needs(bundle)
    target = target_of(bundle)
    goldens = shortest_first(goldens_of(bundle))[: documents or None]
    dressed = {cpu: board_like(cpu, target) for cpu in cpus or [str(target.cpu.qemu)]}
    root = arm_root(needs.release, store)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        with step("Lay out the bundle's wheels and a root of its release"):
            wheels = [_extract(bundle, entry.name, place) for entry in bundle.manifest.files if _is_wheel(entry.name)]
            unpack(wheels, place / "site")
            lay_out(root, place / "root")
            (place / "builder.pub").write_bytes(bundle.key.encode())
        with step("Look for instructions that an armv8.0 CPU has not") as looking:
            libraries = _libraries(wheels, place)
            looking.note(f"{len(libraries)} libraries, {sum(map(bool, libraries.values()))} with such")
        known = _recall(store, bundle)
        laid = _Subject(
            bundle,
            needs,
            goldens,
            place / "root",
            [place / "site"],
            place / "builder.pub",
            place / "state",
            known,
        )
        seen = [_emulate(laid, cpu, board) for cpu, board in dressed.items()]
    _remember(store, bundle, known)
    return Proof(
        subject=subject(bundle.manifest),
        os=needs.release,
        emulator=emulator,
        libraries=libraries,
        cpus=tuple(seen),
        tokens=known,
    )


def add_proof(path: Path, proof: Proof, key: Path | None = None) -> Path:
    """Write the proof into the bundle, signed anew as its next release; return its path.

    What another run saw on other CPUs stays. Raises BadBundle where the bundle was signed by another key: only its
    builder can put a proof in."""
    bundle = open_bundle(path, trusted_keys(key))
    secret = signing_key()
    if bundle.key.id != secret.id:
        raise BadBundle(
            "This bundle was signed by somebody else, so the proof can't be put into it.",
            where=path,
            value=bundle.key.id,
            allowed=secret.id,
            next="prove it on the machine that built it, or keep what --json prints",
        )
    if (earlier := proof_of(bundle)) and earlier.emulator == proof.emulator:
        again = {one.cpu for one in proof.cpus}
        others = tuple(one for one in earlier.cpus if one.cpu not in again)
        proof = proof.model_copy(update={"cpus": (*others, *proof.cpus)})
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        folder = bundle.stage(Path(scratch))
        (folder / PROOF).write_text(proof.model_dump_json(indent=1) + "\n", encoding="utf-8")
        names = [entry.name for entry in bundle.manifest.files if entry.name != PROOF]
        files = {name: folder / name for name in [*names, PROOF]}
        fields: dict[str, Any] = bundle.manifest.model_dump()
        fields |= {"files": [entry.model_dump() for entry in describe(files)], "counter": 1}
        manifest = make_manifest(fields)
        manifest = make_manifest(fields | {"counter": next_counter(manifest)})
        write_bundle(path, manifest, files, secret)
    return path


def board_like(cpu: str, target: Target) -> Target:
    """A board with this CPU: the target itself, else a shipped one. Raises BadTarget for a CPU that no board has."""
    boards = [target, *(one for one in all_targets() if one.cpu.qemu)]
    for board in boards:
        if board.cpu.qemu == cpu:
            return board
    raise BadTarget(
        "No target has this CPU.", value=cpu, allowed=", ".join(sorted({str(board.cpu.qemu) for board in boards}))
    )


def _emulate(laid: _Subject, cpu: str, board: Target) -> Emulated:
    dress(laid.root, board)
    jobs = min(len(os.sched_getaffinity(0)), len(laid.goldens))
    shares = _shares(laid.goldens, jobs)
    with step(f"Emulate {cpu}: {len(laid.goldens)} golden document(s)") as running, ThreadPoolExecutor(jobs) as pool:
        lock, done = Lock(), [0]

        def answered(line: str) -> None:
            with lock:
                done[0] += '"document"' in line
                running.progress(done[0], len(laid.goldens))

        runs = list(pool.map(lambda share: _run(laid, cpu, share, answered), shares))
        answers = [answer for run in runs for answer in _answers(run)]
        kernels = next((answer["detail"]["kernels"] for answer in answers), "none")
        illegal = sum(run.illegal_instruction for run in runs)
        for run in runs:
            if run.returncode not in (0, 1) and not run.illegal_instruction:
                raise KitError("The bundle does not run under emulation.", where=cpu, value=run.stderr.strip()[-500:])
        result = Emulated(
            cpu=cpu,
            kernels=kernels,
            documents=len(laid.goldens),
            records=sum(answer["ok"] for answer in answers),
            differing=tuple(answer["text"] for answer in answers if not answer["ok"]),
            tokens=_same_tokens(laid.known.setdefault(kernels, {}), answers),
            illegal=illegal,
            sockets=tuple(sorted({name for run in runs for name in run.sockets})),
            written=tuple(sorted({path for run in runs for path in run.written if not _inside(path, laid.state)})),
            rss_mb=round(max(run.peak_rss_mb for run in runs), 1),
            contract_mb=laid.needs.ram_mb.get(kernels) or max(laid.needs.ram_mb.values()),
            seconds=round(max(run.seconds for run in runs), 1),
        )
        for fault in result.faults():
            running.note(f"does not hold: {fault}")
    return result


def _shares(goldens: Sequence[Golden], jobs: int) -> list[list[Golden]]:
    """Documents for each of `jobs` processes, as much work for each: the longest goes to whoever has least."""
    shares: list[list[Golden]] = [[] for _ in range(jobs)]
    for golden in reversed(shortest_first(goldens)):
        min(shares, key=lambda share: sum(len(one.prompt_ids) for one in share)).append(golden)
    return [shortest_first(share) for share in shares]


def _run(laid: _Subject, cpu: str, goldens: Sequence[Golden], on_line: Any) -> Ran:
    arguments = ["-m", "boardwright.device", "verify", "--golden", "--json", "--threads", "1"]
    arguments += ["--bundle", str(laid.bundle.path.resolve()), "--key", str(laid.key)]
    arguments += [word for golden in goldens for word in ("--document", golden.id)]
    return run_python(
        laid.root,
        cpu,
        laid.needs.python,
        arguments,
        imports=laid.imports,
        environment={"BOARDWRIGHT_CACHE": str(laid.state), "BOARDWRIGHT_KEYS": str(laid.state / "keys")},
        limit_s=LIMIT_S + LIMIT_PER_DOCUMENT_S * len(goldens),
        on_line=on_line,
    )


def _answers(run: Ran) -> list[dict[str, Any]]:
    lines = []
    for text in run.stdout.splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue  # cut off by the signal that ended the run
        if "document" in line.get("detail", {}):
            lines.append(line)
    return lines


def _same_tokens(known: dict[str, tuple[int, ...]], answers: Sequence[dict[str, Any]]) -> int:
    """How many gave the tokens that are on record for these kernels; the first run is what goes on record."""
    same = 0
    for answer in answers:
        if ids := tuple(answer["detail"].get("ids", ())):
            same += known.setdefault(answer["detail"]["document"], ids) == ids
    return same


def _recall(store: Store, bundle: Bundle) -> dict[str, dict[str, tuple[int, ...]]]:
    """Tokens by kernel variant: of the proof in the bundle, and of earlier runs here."""
    known: dict[str, dict[str, tuple[int, ...]]] = {}
    if proof := proof_of(bundle):
        known |= proof.tokens
    try:
        told = json.loads(_memory(store, bundle).read_text(encoding="utf-8"))
        for kernels, documents in told.items():
            mine = known.setdefault(kernels, {})
            for document, ids in documents.items():
                mine.setdefault(document, tuple(ids))
    except (OSError, ValueError, AttributeError):
        pass
    return known


def _remember(store: Store, bundle: Bundle, known: dict[str, dict[str, tuple[int, ...]]]) -> None:
    replace_text(_memory(store, bundle), json.dumps(known) + "\n")


def _memory(store: Store, bundle: Bundle) -> Path:
    return store.root / "tokens" / f"{subject(bundle.manifest)}.json"


def _libraries(wheels: Sequence[Path], place: Path) -> dict[str, dict[str, int]]:
    llama = [wheel for wheel in wheels if wheel.name.startswith(LLAMA_WHEEL)]
    newer = [variant for variant, wants in VARIANTS.items() if wants]
    return check_libraries([one for wheel in llama for one in unpack_libraries(wheel, place / "libraries")], newer)


def _is_wheel(name: str) -> bool:
    return name.startswith(f"{WHEELS}/") and name.endswith(".whl")


def _extract(bundle: Bundle, name: str, place: Path) -> Path:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bundle.read(name, 1 << 30))
    return path


def _inside(path: str, folder: Path) -> bool:
    return Path(path).is_relative_to(folder)
