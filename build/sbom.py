"""What a bundle is made of, for those who must account for it: a CycloneDX bill of materials, and the licences.

Knows nothing of how the parts came about. Format: CycloneDX 1.6 (ECMA-424), JSON, by OWASP's own library; components
are named by package URL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from license_expression import ExpressionError, get_spdx_licensing
from packageurl import PackageURL

from boardwright.build.wheels import Wheel

SBOM, LICENCES = "sbom.cdx.json", "LICENCES.txt"


def sbom(
    name: str, version: str, model_sha256: str, licences: Sequence[Mapping[str, str]], wheels: Sequence[Wheel]
) -> str:
    """The bill of a bundle as JSON text: the model, what it was made from, and every wheel with its hash.

    licences: {name, license, source} of what is no wheel. The same parts give the same text: no date, no serial number.
    """
    bom = Bom()
    whole = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref="bundle")
    bom.metadata.component = whole
    bom.components.add(
        Component(
            name="model",
            type=ComponentType.MACHINE_LEARNING_MODEL,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=model_sha256)],
            bom_ref="model",
        )
    )
    for one in licences:
        bom.components.add(
            Component(
                name=one["name"],
                type=ComponentType.MACHINE_LEARNING_MODEL,
                licenses=[_licence(one["license"])],
                properties=[Property(name="boardwright:source", value=one["source"])],
                bom_ref=f"from:{one['name']}",
            )
        )
    for wheel in wheels:
        purl = PackageURL("pypi", name=wheel.name, version=wheel.version)
        bom.components.add(
            Component(
                name=wheel.name,
                version=wheel.version,
                type=ComponentType.LIBRARY,
                purl=purl,
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel.sha256)],
                licenses=[_licence(wheel.licence)],
                bom_ref=str(purl),
            )
        )
    bom.register_dependency(whole, bom.components)
    told: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # A bundle is the same bytes when it is built again.
    told.pop("serialNumber", None)
    told["metadata"].pop("timestamp", None)
    return json.dumps(told, indent=1, sort_keys=True) + "\n"


def licence_list(licences: Sequence[Mapping[str, str]], wheels: Sequence[Wheel]) -> str:
    """Name, version and licence of every part, then the licence texts that the wheels carry."""
    rows = [(one["name"], "", one["license"]) for one in licences]
    rows += [(wheel.name, wheel.version, wheel.licence) for wheel in wheels]
    width = max(len(f"{name} {version}") for name, version, _ in rows)
    head = [f"{f'{name} {version}'.strip():<{width}}  {licence}" for name, version, licence in rows]
    texts = [
        f"\n{'=' * 80}\n{wheel.name} {wheel.version}: {name}\n{'=' * 80}\n{text.strip()}\n"
        for wheel in wheels
        for name, text in wheel.texts
    ]
    return "\n".join(head) + "\n" + "".join(texts)


def _licence(text: str) -> LicenseExpression | DisjunctiveLicense:
    """An SPDX expression where the text is one; else its name as it stands, which CycloneDX keeps apart."""
    try:
        parsed = get_spdx_licensing().parse(text, validate=True)
        if parsed is not None:
            return LicenseExpression(str(parsed))
    except ExpressionError:
        pass
    return DisjunctiveLicense(name=text)
