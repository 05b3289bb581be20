"""The proof that a bundle carries: what its own wheels, Python and model did on the board's CPU under emulation.

Knows nothing of how it was had. It is of everything in the bundle but itself.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from boardwright.schemas.bundle import Bundle
from boardwright.schemas.errors import BadBundle
from boardwright.schemas.manifest import Manifest

PROOF = "proof.json"
MAX_PROOF = 16 << 20
# A contract is kept when the measured peak is at most this share away from the promised one.
RAM_TOLERANCE = 0.10


class _Part(BaseModel):
    # A newer workstation's proof is read by the program in the bundle, which may be older and knows less.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Emulated(_Part):
    """One CPU. cpu: as qemu names it.  kernels: the variant that was picked.  documents: golden ones that were run.

    records: of those, as on the host.  differing: what the others gave, in words, a line each.
    tokens: of those, as the variant's are on record.  illegal: instructions that
    the CPU has not.  sockets: address families asked for beside local ones.  written: paths outside of the state
    folder.  rss_mb, contract_mb: peak resident memory of the harness, and what the bundle promises, MB (10^6)."""

    cpu: str
    kernels: str
    documents: int
    records: int
    differing: tuple[str, ...] = ()
    tokens: int
    illegal: int
    sockets: tuple[str, ...]
    written: tuple[str, ...]
    rss_mb: float
    contract_mb: int
    seconds: float

    def faults(self) -> list[str]:
        """What does not hold, in words."""
        off = self.rss_mb / self.contract_mb - 1
        found = {
            f"{self.illegal} illegal instruction(s)": self.illegal > 0,
            "; ".join(
                [f"{self.documents - self.records} of {self.documents} records are not the host's", *self.differing]
            ): (self.records != self.documents),
            f"{self.documents - self.tokens} of {self.documents} documents gave other tokens than {self.kernels} "
            "kernels gave before": self.tokens != self.documents,
            f"the network was asked for: {', '.join(self.sockets)}": bool(self.sockets),
            f"written outside of the state folder: {', '.join(self.written[:3])}": bool(self.written),
            f"held {self.rss_mb:.0f} MB where {self.contract_mb} are promised ({100 * off:+.0f} %)": (
                abs(off) > RAM_TOLERANCE and self.documents > 0
            ),
        }
        return [text for text, fault in found.items() if fault]


class Proof(_Part):
    """subject: what it is of (`subject`).  libraries: library -> instructions that an armv8.0 CPU has not, and how
    often; none where all is well.  tokens: kernel variant -> golden document -> token ids of its record."""

    subject: str
    os: str
    emulator: str
    libraries: dict[str, dict[str, int]]
    cpus: tuple[Emulated, ...] = Field(min_length=1)
    tokens: dict[str, dict[str, tuple[int, ...]]]

    def faults(self) -> list[str]:
        """What does not hold, in words."""
        wrong = [
            f"{library} holds {', '.join(f'{count} × {name}' for name, count in found.items())}, unknown to armv8.0"
            for library, found in self.libraries.items()
            if found
        ]
        return wrong + [f"{one.cpu}: {fault}" for one in self.cpus for fault in one.faults()]

    def lines(self) -> list[str]:
        """A line for each CPU, for people."""
        return [
            f"{one.cpu} ({one.kernels} kernels): {one.records} of {one.documents} golden records, "
            f"{one.illegal} illegal instructions, peak memory {one.rss_mb:.0f} MB of {one.contract_mb} promised, "
            f"{'no network' if not one.sockets else 'network: ' + ', '.join(one.sockets)}, "
            f"{len(one.written)} writes outside of its folder"
            for one in self.cpus
        ]


def subject(manifest: Manifest) -> str:
    """sha256 over the names and hashes of all files but the proof, in the manifest's order."""
    files = [[entry.name, entry.sha256] for entry in manifest.files if entry.name != PROOF]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


NOT_PROVED = "not proved: nobody has run it on its board's CPU, emulated or not"


def proof_of(bundle: Bundle) -> Proof | None:
    """What the board's CPU did under emulation; None where nobody has proved it. Raises BadBundle."""
    if not bundle.has(PROOF):
        return None
    return read_proof(bundle.read(PROOF, MAX_PROOF), bundle.manifest, bundle.path)


def standing(bundle: Bundle) -> list[str]:
    """What is known of a bundle for a board, a line for each CPU; nothing of one for the machine that made it.

    Raises BadBundle for a proof that can't be read."""
    if proof := proof_of(bundle):
        return proof.lines()
    return [NOT_PROVED] if bundle.manifest.os else []


def read_proof(content: bytes, manifest: Manifest, where: object) -> Proof:
    """Raises BadBundle for one that is none, or is of another bundle."""
    try:
        proof = Proof.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadBundle(
            f"The proof does not validate: {first['msg']}.", where=f"{where}: {PROOF}", next="prove the bundle again"
        ) from None
    if proof.subject != subject(manifest):
        raise BadBundle(
            "The proof is of another bundle.",
            where=f"{where}: {PROOF}",
            value=proof.subject[:16],
            allowed=subject(manifest)[:16],
            next="prove the bundle again",
        )
    return proof
