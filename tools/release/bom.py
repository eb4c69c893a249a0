"""The bill of materials of the wheel: what it needs to run, and what it carries that is others' work.

In: the wheel, the environment in which it is installed, and the record of what is vendored. Out: a CycloneDX
document (https://cyclonedx.org/docs/1.6/json/), checked against its schema. Raises: `ReleaseError` if it does
not fit.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools.release.bare import Environment
from tools.release.errors import ReleaseError
from tools.release.vendored import Vendored

__all__ = ["bill_of_materials"]

_VERSION = SchemaVersion.V1_6


def bill_of_materials(
    wheel: Path, environment: Environment, vendored: Vendored, moment: int, address: str | None
) -> str:
    """Return the document. `moment` is its time in seconds since 1970, `address` that of the repository.

    The components are the versions that pip chose for the wheel on this machine, each with the hash of the
    archive that it was installed from, and the vendored package with the hashes of its archive and files.
    """
    document: Bom = Bom.from_json(_installed(environment, moment))  # type: ignore[attr-defined]
    reports = {report["metadata"]["name"]: report for report in environment.installed}
    (ours,) = (component for component in document.components if component.name == "apiroutes")
    document.components.remove(ours)
    for component in document.components:
        _add_archive(component, reports[component.name]["download_info"])
    carried = _component_of(vendored)
    document.components.add(carried)
    document.metadata.component = _describe_wheel(ours, wheel, address)
    document.register_dependency(ours, [carried])
    return _written(document)


def _installed(environment: Environment, moment: int) -> dict[str, Any]:
    """Return the document of what is installed in the environment."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--short-PURLs"]
    command += ["--mc-type", "library", "--sv", _VERSION.to_version(), str(environment.directory)]
    variables = {**os.environ, "SOURCE_DATE_EPOCH": str(moment)}
    run = subprocess.run(command, env=variables, capture_output=True, text=True)
    if run.returncode:
        raise ReleaseError(f"{run.stderr}\nThe bill of materials could not be made.")
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def _add_archive(component: Component, download: Mapping[str, Any]) -> None:
    """Add the hash of the archive that was installed, one of several where there is one for each platform."""
    component.hashes.add(_sha256(download["archive_info"]["hashes"]["sha256"]))
    component.properties.add(Property(name="apiroutes:archive", value=download["url"].rpartition("/")[2]))


def _describe_wheel(component: Component, wheel: Path, address: str | None) -> Component:
    component.hashes.add(_sha256(hashlib.sha256(wheel.read_bytes()).hexdigest()))
    component.properties.add(Property(name="apiroutes:archive", value=wheel.name))
    component.purl = PackageURL("pypi", None, component.name, component.version)
    component.external_references.clear()  # the wheel's path on this machine
    if address is not None:
        component.external_references.add(_reference(ExternalReferenceType.VCS, address))
    return component


def _component_of(vendored: Vendored) -> Component:
    version = vendored.version
    return Component(
        type=ComponentType.LIBRARY,
        name=vendored.package,
        version=version,
        bom_ref=f"{vendored.package}@{version}",
        purl=PackageURL("npm", None, vendored.package, version),
        licenses=[DisjunctiveLicense(id=vendored.license, acknowledgement=LicenseAcknowledgement.DECLARED)],
        # npm's integrity is base64 of the archive's hash, CycloneDX has hexadecimal digits.
        hashes=[HashType(alg=HashAlgorithm.SHA_512, content=_digest(vendored.integrity).hex())],
        components=[
            Component(
                type=ComponentType.FILE,
                name=f"{vendored.directory}/{name}",
                bom_ref=f"{vendored.package}@{version}/{name}",
                hashes=[_sha256(digest)],
            )
            for name, digest in vendored.files.items()
        ],
    )


def _written(document: Bom) -> str:
    text = make_outputter(document, OutputFormat.JSON, _VERSION).output_as_string(indent=2)
    wrong = JsonStrictValidator(_VERSION).validate_str(text)
    if wrong is not None:
        raise ReleaseError(f"The bill of materials is not valid CycloneDX {_VERSION.to_version()}: {wrong}")
    return text + "\n"


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _reference(kind: ExternalReferenceType, address: str) -> ExternalReference:
    return ExternalReference(type=kind, url=XsUri(address))


def _digest(integrity: str) -> bytes:
    algorithm, _, digest = integrity.partition("-")
    if algorithm != "sha512":
        raise ReleaseError(f"{integrity!r} is not a SHA-512, which the bill of materials needs.")
    return base64.b64decode(digest)
