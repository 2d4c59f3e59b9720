"""Content credentials: a signed manifest of C2PA inside a file, made by c2pa-python.

https://spec.c2pa.org/specifications/specifications/2.2/specs/C2PA_Specification.html
"""

import base64
import io
from dataclasses import dataclass
from typing import Any, Self

import farm
from farm.provenance.certificate import EXTRA, CannotSign, SigningCertificate, certificate_of, read_key
from farm.provenance.source_type import GENERATED
from farm.settings import Settings

#: A picture of one pixel, to see whether signing works before anything is rendered.
_TRIAL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
)
#: By itself the library adds a thumbnail, which of small pictures is many times the picture.
_WITHOUT_THUMBNAIL = {"builder": {"thumbnail": {"enabled": False}}}


@dataclass(frozen=True)
class Claim:
    """What is said of a file: no prompt and no name of a project, as whoever has the file reads it."""

    source_type: str
    model: str
    revision: str | None = None


class Signer:
    """Signs files with the certificate of the settings. For one thread at a time."""

    def __init__(self, certificate: SigningCertificate, signer: Any, library: Any) -> None:
        self.certificate = certificate
        self._signer = signer
        self._library = library
        self._context = library.Context.from_dict(_WITHOUT_THUMBNAIL)

    @classmethod
    def open(cls, settings: Settings, now: float) -> Self | None:
        """That of the settings, tried out once; None where outputs are not signed. `now` in seconds since 1970.

        Raises CannotSign: a package or file is missing, they do not fit, or the library refuses the certificate.
        """
        certificate = certificate_of(settings)
        if certificate is None:
            return None
        if settings.credentials_key_file is None:
            raise CannotSign("signing needs the certificate's key, and FARM_CREDENTIALS_KEY_FILE names none")
        algorithm, key = read_key(settings.credentials_key_file, certificate)
        try:
            import c2pa
        except ImportError:
            raise CannotSign(f"signing needs a package that is not installed: {EXTRA}") from None
        try:
            facts = c2pa.C2paSignerInfo(
                alg=algorithm.encode(), sign_cert=certificate.chain, private_key=key, ta_url=None
            )
            signer = cls(certificate, c2pa.Signer.from_info(facts), c2pa)
        except c2pa.C2paError as error:
            raise CannotSign(f"the key and certificate are refused: {error}") from None
        signer.sign(_TRIAL, "image/png", Claim(GENERATED, "none"), now)
        return signer

    def sign(self, data: bytes, content_type: str, claim: Claim, now: float) -> bytes:
        """The file with its credentials. Raises CannotSign."""
        self.certificate.check_time(now)
        signed = io.BytesIO()
        try:
            builder = self._library.Builder(_manifest(claim), context=self._context)
            builder.sign(self._signer, content_type, io.BytesIO(data), signed)
        except self._library.C2paError as error:
            hint = (
                "it has to be one for signatures (key usage digitalSignature, extended key usage emailProtection or "
                "documentSigning, with the identifier of the key that signed it)"
            )
            raise CannotSign(
                f"the library of content credentials refuses the certificate or the file: {error}; "
                f"if it is the certificate ({self.certificate.subject}), {hint}"
            ) from None
        return signed.getvalue()


def _manifest(claim: Claim) -> dict[str, Any]:
    made_by = {"name": claim.model} | ({"version": claim.revision} if claim.revision else {})
    created = {"action": "c2pa.created", "digitalSourceType": claim.source_type, "softwareAgent": made_by}
    return {
        "claim_generator_info": [{"name": "latent-farm", "version": farm.__version__}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
