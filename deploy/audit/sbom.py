"""Lists of parts (SBOM) in CycloneDX 1.6: what each image holds, with hashes, licences and who needs whom."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from deploy.audit.licences import Licensed

FARM = "latent-farm"


def bill_of_materials(image: str, parts: Sequence[Licensed]) -> str:
    """The list of an image as a JSON document."""
    bom = Bom()
    licences = LicenseFactory()
    farm = Component(
        name=FARM,
        version=version(FARM),
        type=ComponentType.APPLICATION,
        bom_ref=FARM,
        description=f"What the image '{image}' holds." if image != "all" else "What `make setup` installs.",
        licenses=[licences.make_from_string("Apache-2.0")],
    )
    bom.metadata.component = farm
    components = {part.package.name: _component(part, licences) for part in parts}
    for component in components.values():
        bom.components.add(component)
    for name, component in components.items():
        bom.register_dependency(component, [components[needed] for needed in _needs(name) if needed in components])
    bom.register_dependency(farm, components.values())
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(part: Licensed, licences: LicenseFactory) -> Component:
    package = part.package
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package.name}=={package.version}",
        purl=PackageURL("pypi", None, package.name, package.version),
        description=_summary(package.name),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in package.sha256],
        licenses=[licences.make_from_string(part.licence)] if part.licence else (),
    )


def _summary(name: str) -> str | None:
    try:
        summary = metadata(name).json.get("summary")
    except PackageNotFoundError:
        return None
    return summary if isinstance(summary, str) else None


def _needs(name: str) -> set[NormalizedName]:
    """What an installed package asks for; of one that is not installed here nobody knows."""
    try:
        asked = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:
        return set()
    return {canonicalize_name(one.name) for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})}
