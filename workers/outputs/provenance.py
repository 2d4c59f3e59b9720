"""What stored files say of where they come from: nothing, IPTC's source type, or signed credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from farm.errors import Fault, SettingsError
from farm.manifest import ModelFacts
from farm.provenance.certificate import CannotSign, as_settings_error
from farm.provenance.credentials import Claim, Signer
from farm.provenance.rules import Rule, under
from farm.provenance.source_type import source_type_of
from farm.settings import Settings
from workers.outputs.encode import EncodedFile


@dataclass(frozen=True)
class Provenance:
    """Puts it into outputs, drafts and posters. Thumbnails have no metadata."""

    told: bool = False  # the source type, in XMP
    signer: Signer | None = None  # None: nothing is signed
    drafts: bool = True  # False: they are left out

    @classmethod
    def of(cls, settings: Settings, now: float) -> Self:
        """That of the settings; `now` in seconds since 1970. Raises SettingsError where it could not sign."""
        try:
            return cls(settings.provenance != "none", Signer.open(settings, now))
        except CannotSign as error:
            raise as_settings_error(error) from error

    @classmethod
    def by_rule(cls, rule: Rule, settings: Settings, project: str, now: float) -> Self:
        """That of a rule for a project. Raises SettingsError as :meth:`of`, with the project's name."""
        ruled = under(rule, settings)
        try:
            return cls(ruled.provenance != "none", Signer.open(ruled, now), rule.drafts)
        except CannotSign as error:
            raise SettingsError([Fault(f"FARM_PROVENANCE_RULES: {project}", str(error))]) from error

    @property
    def of_drafts(self) -> Self:
        """What drafts say."""
        return self if self.drafts else type(self)()

    def source_type(self, parameters: Mapping[str, Any]) -> str | None:
        """IPTC's term for a render; None where nothing is told."""
        return source_type_of(parameters) if self.told else None

    def sign(self, file: EncodedFile, parameters: Mapping[str, Any], model: ModelFacts, now: float) -> EncodedFile:
        """The file with its credentials, or as it is where nothing is signed. Raises CannotSign."""
        if self.signer is None:
            return file
        claim = Claim(source_type_of(parameters), model.name, model.revision)
        return replace(file, data=self.signer.sign(file.data, file.content_type, claim, now))


#: Of a farm that tells nothing.
UNSAID = Provenance()
