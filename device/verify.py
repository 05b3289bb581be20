"""Proof that a bundle is whole, is from somebody trusted, and does here what it did where it was made.

Knows nothing of how records are decoded.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boardwright.device.bundles import Golden, Installed, load_bundle, shortest_first
from boardwright.device.proof import standing
from boardwright.schemas.errors import KitError
from boardwright.schemas.records import spell


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. A damaged bundle raises instead: then there is nothing more to look at.

    detail: what was seen, for machines."""

    name: str
    ok: bool
    text: str
    detail: dict[str, Any] = field(default_factory=dict)


def verify(
    path: Path,
    key: Path | None,
    *,
    golden: bool,
    threads: int | None,
    documents: Collection[str] = (),
    seconds: float | None = None,
) -> Iterator[Check]:
    """Check a bundle, one line after the other. golden: run the golden documents too, a check each, the shortest first;
    or only `documents` by their ids.  seconds: begin no other document after so long.  Raises BadBundle, KitError."""
    installed = load_bundle(path, key)
    manifest = installed.bundle.manifest
    yield Check(
        "signature", True, f"key {installed.bundle.key.id} signed {manifest.bundle_name} (release {manifest.counter})"
    )
    size = sum(entry.size for entry in manifest.files)
    yield Check("hashes", True, f"{len(manifest.files)} files, {size / 1e6:.1f} MB")
    for line in standing(installed.bundle):
        yield Check("proof", True, line)
    chosen = _chosen(installed, documents)
    with closing(installed.harness(threads=threads)) as harness:
        kernels = harness.engine.kernels
        yield Check("prompt", True, f"the same token ids for {_documents(len(installed.goldens))}")
        if not golden:
            return
        done = differing = 0
        started = time.monotonic()
        for expected in shortest_first(chosen):
            if done and seconds is not None and time.monotonic() - started > seconds:
                break
            detail: dict[str, Any] = {"document": expected.id, "kernels": kernels}
            try:
                outcome = harness.extract(expected.text)
            except KitError as error:
                odd = [error.what]
            else:
                record = outcome.record.model_dump(mode="json")
                odd = differences(expected.record, record)
                detail |= {"record": record, "ids": list(outcome.ids)}
            done += 1
            differing += bool(odd)
            yield Check("golden", not odd, f"{expected.id}: {'; '.join(odd) or 'the same record'}", detail)
        if not differing:
            yield Check("golden", True, f"the same records for {_documents(done)}")


def _chosen(installed: Installed, documents: Collection[str]) -> list[Golden]:
    known = {golden.id: golden for golden in installed.goldens}
    if unknown := [name for name in documents if name not in known]:
        raise KitError("There is no such golden document.", value=unknown[0], allowed=", ".join(known))
    return [known[name] for name in documents] if documents else list(installed.goldens)


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Field by field, what is not as it should be."""
    return [
        f"{name} is {spell(found.get(name))}, not {spell(expected.get(name))}"
        for name in {**expected, **found}
        if found.get(name) != expected.get(name)
    ]


def _documents(count: int) -> str:
    return f"{count} golden document{'' if count == 1 else 's'}"
