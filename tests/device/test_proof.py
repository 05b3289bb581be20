"""What a proof says, and what it is a proof of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from boardwright.device.proof import Emulated, Proof, read_proof, subject
from boardwright.schemas.errors import BadBundle
from boardwright.schemas.manifest import Manifest, make_manifest


def manifest(**files: str) -> Manifest:
    entries = [{"name": name, "sha256": digit * 64, "size": 1} for name, digit in {"model": "a", **files}.items()]
    return make_manifest(
        {
            "name": "t", "version": "1", "counter": 1, "task": "t", "target": "rpi5-2gb", "runtime": "llama.cpp",
            "encoding": "Q4_0", "model": "model", "files": entries, "student": "s", "created_by": "us",
            "key_id": "0" * 16,
        }
    )  # fmt: skip


def seen(**changes: Any) -> Emulated:
    fields: dict[str, Any] = {
        "cpu": "cortex-a53", "kernels": "armv8.0", "documents": 20, "records": 20, "tokens": 20, "illegal": 0,
        "sockets": (), "written": (), "rss_mb": 250.0, "contract_mb": 257, "seconds": 1.0,
    }  # fmt: skip
    return Emulated(**fields | changes)


def proof(of: Manifest, **changes: Any) -> Proof:
    fields: dict[str, Any] = {
        "subject": subject(of), "os": "trixie", "emulator": "qemu", "libraries": {"libggml.so": {}}, "cpus": (seen(),),
        "tokens": {"armv8.0": {"a": (1, 2)}},
    }  # fmt: skip
    return Proof(**fields | changes)


def test_one_that_holds_has_no_faults() -> None:
    assert proof(manifest()).faults() == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"illegal": 1}, "illegal instruction"),
        ({"records": 19, "differing": ("a: total is 1, not 2",)}, "1 of 20 records are not the host's; a: total is 1"),
        ({"tokens": 18}, "2 of 20 documents gave other tokens"),
        ({"sockets": ("PF_INET",)}, "network was asked for: PF_INET"),
        ({"written": ("/etc/passwd",)}, "/etc/passwd"),
        ({"rss_mb": 284.0}, "held 284 MB where 257 are promised"),
        ({"rss_mb": 230.0}, "held 230 MB where 257 are promised"),
    ],
)
def test_each_thing_that_does_not_hold_is_said(change: dict[str, Any], says: str) -> None:
    [fault] = proof(manifest(), cpus=(seen(**change),)).faults()
    assert says in fault and fault.startswith("cortex-a53: ")


def test_foreign_instructions_are_a_fault() -> None:
    [fault] = proof(manifest(), libraries={"libllama.so": {"sdot": 3}}).faults()
    assert "3 × sdot" in fault


def test_it_is_of_everything_but_itself() -> None:
    assert subject(manifest()) == subject(manifest(**{"proof.json": "f"}))
    assert subject(manifest()) != subject(manifest(**{"task.py": "f"}))


def test_one_of_a_newer_workstation_is_read_too() -> None:
    newer = proof(manifest()).model_dump(mode="json")
    newer["heat"] = newer["cpus"][0]["heat"] = "new"
    assert read_proof(json.dumps(newer).encode(), manifest(), "b.bwb") == proof(manifest())


def test_it_comes_back_as_it_went() -> None:
    one = proof(manifest())
    assert read_proof(one.model_dump_json().encode(), manifest(), "b.bwb") == one


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"subject": 1}', b"\xff"])
def test_what_is_no_proof_is_refused(content: bytes) -> None:
    with pytest.raises(BadBundle, match="does not validate"):
        read_proof(content, manifest(), "b.bwb")


def test_that_of_another_bundle_is_refused() -> None:
    other = manifest(**{"task.py": "f"})
    with pytest.raises(BadBundle, match="of another bundle"):
        read_proof(proof(other).model_dump_json().encode(), manifest(), "b.bwb")
