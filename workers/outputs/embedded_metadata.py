"""What a file says of how it was made: A1111's text and our JSON, in the place that each format has for them.

PNG has text chunks. WebP, AVIF and JPEG have EXIF, whose UserComment is where other tools look for the text, and XMP,
where our JSON goes. GIF has a comment, MP4 a comment and a description. Where a farm says so, all of them have XMP with
IPTC's digital source type.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from PIL import TiffTags
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

import farm
from farm.manifest import ModelFacts, model_hash, summary_line
from farm.provenance.source_type import NAMESPACE as IPTC

#: What one segment of a JPEG may hold, its header taken off.
JPEG_EXIF_BYTES = 65_527
JPEG_XMP_BYTES = 65_504
_SOFTWARE, _EXIF_IFD, _EXIF_VERSION, _USER_COMMENT = 0x0131, 0x8769, 0x9000, 0x9286  # tags of EXIF 2.3
_TIFF_HEADER = b"MM\0*\0\0\0\x08"  # big-endian; the first directory follows at once
_NAMESPACE = "urn:latent-farm:recipe:1"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True)
class EmbeddedMetadata:
    """The text for people and other tools, the whole of it as a JSON document, and IPTC's source type if it is told."""

    text: str
    document: dict[str, Any]
    source_type: str | None = None

    @property
    def json(self) -> str:
        """The document, always in the same order."""
        return json.dumps(self.document, ensure_ascii=False, sort_keys=True)

    def png_chunks(self) -> PngInfo:
        """iTXt chunks: `parameters`, as A1111 names it, `latent-farm`, and that of XMP where there is a source type."""
        chunks = PngInfo()
        chunks.add_itxt("parameters", self.text)
        chunks.add_itxt("latent-farm", self.json)
        if told := self.source_type_xmp():
            chunks.add_itxt("XML:com.adobe.xmp", told.decode())
        return chunks

    def exif(self) -> bytes:
        """EXIF with the text as UserComment in UTF-16, in the order of bytes that readers of A1111's files take."""
        details = ImageFileDirectory_v2(_TIFF_HEADER, group=_EXIF_IFD)
        # By itself Pillow takes bytes for the type BYTE, which readers that know EXIF refuse.
        details.tagtype = {_EXIF_VERSION: TiffTags.UNDEFINED, _USER_COMMENT: TiffTags.UNDEFINED}
        details[_EXIF_VERSION] = b"0230"
        details[_USER_COMMENT] = b"UNICODE\0" + self.text.encode("utf-16-be")
        main = ImageFileDirectory_v2(_TIFF_HEADER)
        main[_SOFTWARE] = f"latent-farm {farm.__version__}"
        main[_EXIF_IFD] = 0  # where the details begin, known once this directory has its length
        main[_EXIF_IFD] = behind = len(_TIFF_HEADER) + len(main.tobytes(len(_TIFF_HEADER)))
        return b"Exif\0\0" + _TIFF_HEADER + main.tobytes(len(_TIFF_HEADER)) + details.tobytes(behind)

    def xmp(self) -> bytes:
        """An XMP packet: the text as dc:description, the JSON as recipe in a namespace of ours, and the source type."""
        described = (
            f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(self.text)}</rdf:li></rdf:Alt>'
            f"</dc:description><farm:recipe>{escape(self.json)}</farm:recipe>"
        )
        names = f'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:farm="{_NAMESPACE}"'
        return _packet(described + self._source_type_property(), names)

    def source_type_xmp(self) -> bytes | None:
        """An XMP packet with the source type alone; None where it is not told."""
        return _packet(told) if (told := self._source_type_property()) else None

    def _source_type_property(self) -> str:
        if self.source_type is None:
            return ""
        name = "iptcExt:DigitalSourceType"
        return f'<{name} xmlns:iptcExt="{IPTC}">{escape(self.source_type)}</{name}>'


def _packet(properties: str, names: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
        f'<rdf:Description rdf:about=""{names and " " + names}>{properties}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def embedded_metadata_of(
    parameters: dict[str, Any], model: ModelFacts, lora_hashes: Mapping[str, str], source_type: str | None = None
) -> EmbeddedMetadata:
    """What an output says of itself; `lora_hashes` and `source_type` as a manifest has them."""
    text = summary_line(parameters, model.name, model_hash=model_hash(model.weight_sha256), lora_hashes=lora_hashes)
    return EmbeddedMetadata(text, {"model": model.model_dump(), "parameters": parameters}, source_type)
