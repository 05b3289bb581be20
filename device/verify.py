"""Proof that a bundle is whole, is from somebody trusted, and does here what it did where it was made.

Knows nothing of how records are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boardwright.device.bundles import load_bundle
from boardwright.schemas.errors import KitError
from boardwright.schemas.records import spell


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. A damaged bundle raises instead: then there is nothing more to look at."""

    name: str
    ok: bool
    text: str


def verify(path: Path, key: Path | None, *, golden: bool, threads: int | None) -> Iterator[Check]:
    """Check a bundle, one line after the other. golden: run the golden documents too. Raises BadBundle, KitError."""
    installed = load_bundle(path, key)
    manifest = installed.bundle.manifest
    yield Check(
        "signature", True, f"key {installed.bundle.key.id} signed {manifest.bundle_name} (release {manifest.counter})"
    )
    size = sum(entry.size for entry in manifest.files)
    yield Check("hashes", True, f"{len(manifest.files)} files, {size / 1e6:.1f} MB")
    count = len(installed.goldens)
    with closing(installed.harness(threads=threads)) as harness:
        yield Check("prompt", True, f"the same token ids for {_documents(count)}")
        if not golden:
            return
        differing = 0
        outcomes = harness.extract_many([one.text for one in installed.goldens])
        for expected, outcome in zip(installed.goldens, outcomes, strict=True):
            if isinstance(outcome, KitError):
                differing += 1
                yield Check("golden", False, f"{expected.id}: {outcome.what}")
            elif odd := differences(expected.record, outcome.record.model_dump(mode="json")):
                differing += 1
                yield Check("golden", False, f"{expected.id}: {'; '.join(odd)}")
        if not differing:
            yield Check("golden", True, f"the same records for {_documents(count)}")


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Field by field, what is not as it should be."""
    return [
        f"{name} is {spell(found.get(name))}, not {spell(expected.get(name))}"
        for name in {**expected, **found}
        if found.get(name) != expected.get(name)
    ]


def _documents(count: int) -> str:
    return f"{count} golden document{'' if count == 1 else 's'}"
