"""What files say of where they come from, read by the libraries that others read them with; and what is not signed."""

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from farm.accounts import create_project
from farm.connections import Connections
from farm.errors import InvalidRequest, SettingsError
from farm.manifest import ModelFacts
from farm.provenance.source_type import EDITED, GENERATED, source_type_of
from tests.scheduler.conftest import TestClock, catalog, clock
from tests.scheduler.jobs import render_rows, statuses, submit_job
from tests.signing import MakeSigning, action_of, make_signing, read_credentials
from tests.workers.outputs.test_plugins import connections, files_of, finish, flat, spool
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import EncodedFile, Pixels, encode_output
from workers.outputs.provenance import Provenance

__all__ = ["catalog", "clock", "connections", "make_signing", "spool"]

STILL, CLIP = (96, 96, 3), (9, 96, 96, 3)
EVERY_FORMAT = [
    *((form, STILL) for form in ("png", "jpeg", "webp", "avif")),
    *((form, CLIP) for form in ("webp", "gif", "mp4")),
]
QUALITIES = {"webp": 90, "jpeg": 92, "avif": 80, "mp4": 80}
MODEL = ModelFacts(name="sana-demo", family="sana", source="here", revision="r1", precision="fp32", weight_sha256={})
DAY = 86_400.0


@pytest.fixture(autouse=True)
def today(clock: TestClock) -> None:
    """Certificates are good for days of the real calendar."""
    clock.now = time.time()


def pixels_of(shape: tuple[int, ...]) -> Pixels:
    return np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)


def encoded(form: str, shape: tuple[int, ...], source_type: str | None, text: str = "a secret prompt") -> EncodedFile:
    parameters = {"output_format": form, "output_quality": QUALITIES.get(form), "fps": 16}
    return encode_output(pixels_of(shape), parameters, EmbeddedMetadata(text, {"a": 1}, source_type))


def frames_shown(data: bytes) -> list[np.ndarray[Any, Any]]:
    image = Image.open(io.BytesIO(data))
    shown = []
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        shown.append(np.asarray(image.convert("RGB")))
    return shown


@pytest.mark.parametrize(("form", "shape"), EVERY_FORMAT)
def test_every_format_holds_iptcs_source_type_and_the_same_pixels(form: str, shape: tuple[int, ...]) -> None:
    plain, told = encoded(form, shape, None).data, encoded(form, shape, GENERATED).data
    assert GENERATED.encode() not in plain
    assert told.count(GENERATED.encode()) == 1
    if form == "mp4":
        assert told.startswith(plain)
        return
    assert all((one == other).all() for one, other in zip(frames_shown(plain), frames_shown(told), strict=True))
    if form != "gif":
        found = Image.open(io.BytesIO(told)).getxmp()["xmpmeta"]["RDF"]["Description"]
        assert found["DigitalSourceType"] == GENERATED


def test_behind_the_xmp_of_a_clip_there_is_room_for_exiv2_which_reads_too_far() -> None:
    room = (24).to_bytes(4, "big") + b"free" + bytes(16)
    told, untold = (encoded("mp4", CLIP, source_type).data for source_type in (GENERATED, None))
    assert told.endswith(b'<?xpacket end="r"?>' + room)
    assert not untold.endswith(room)


def test_a_prompt_that_fills_the_xmp_of_a_jpeg_does_not_push_the_source_type_out() -> None:
    data = encoded("jpeg", STILL, GENERATED, text="x" * 70_000).data
    assert Image.open(io.BytesIO(data)).getxmp()["xmpmeta"]["RDF"]["Description"]["DigitalSourceType"] == GENERATED


def test_a_picture_that_somebody_brought_is_edited_and_one_that_only_leads_is_not() -> None:
    assert source_type_of({"prompt": "a"}) == GENERATED
    assert source_type_of({"image": None, "control_image": {"id": "i"}}) == GENERATED
    assert source_type_of({"image": {"id": "i"}}) == EDITED


@pytest.mark.parametrize(("form", "shape"), EVERY_FORMAT)
@pytest.mark.parametrize("parameters", [{}, {"image": {"id": "i"}}], ids=["generated", "edited"])
def test_every_format_is_signed_and_whole_for_who_trusts_the_studio(
    connections: Connections,
    make_signing: MakeSigning,
    form: str,
    shape: tuple[int, ...],
    parameters: dict[str, Any],
) -> None:
    files, now = make_signing(), connections.clock()
    provenance = Provenance.of(connections.settings.model_copy(update=files.settings()), now)
    source_type = provenance.source_type(parameters)
    plain = encoded(form, shape, source_type)
    signed = provenance.sign(plain, parameters, MODEL, now)
    document = read_credentials(signed.data, signed.content_type, files.authority)
    assert document["validation_state"] == "Trusted"
    assert read_credentials(signed.data, signed.content_type)["validation_state"] == "Valid"
    action = action_of(document)
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == source_type
    assert action["softwareAgent"] == {"name": "sana-demo", "version": "r1"}
    assert "secret prompt" not in str(document)
    assert len(signed.data) - len(plain.data) < 10_000  # no thumbnail
    if form != "mp4":
        pairs = zip(frames_shown(plain.data), frames_shown(signed.data), strict=True)
        assert all((one == other).all() for one, other in pairs)
    if form == "png":
        assert Image.open(io.BytesIO(signed.data)).info["parameters"] == "a secret prompt"


def test_a_key_as_openssl_writes_it_signs_too(connections: Connections, make_signing: MakeSigning) -> None:
    files = make_signing(form=PrivateFormat.TraditionalOpenSSL)
    assert b"BEGIN EC PRIVATE KEY" in files.key.read_bytes()
    assert Provenance.of(connections.settings.model_copy(update=files.settings()), connections.clock()).signer


def test_a_file_that_was_changed_afterwards_is_not_whole(connections: Connections, make_signing: MakeSigning) -> None:
    files, now = make_signing(), connections.clock()
    provenance = Provenance.of(connections.settings.model_copy(update=files.settings()), now)
    signed = provenance.sign(encoded("webp", STILL, None), {}, MODEL, now)
    changed = bytearray(signed.data)
    changed[500] ^= 1
    assert read_credentials(bytes(changed), "image/webp")["validation_state"] == "Invalid"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"ends": -1}, "the certificate that signs outputs ended on"),
        ({"begins": 2}, "the certificate that signs outputs begins on"),
        ({"usage": ExtendedKeyUsageOID.SERVER_AUTH}, "the certificate is invalid.*emailProtection"),
        ({"password": b"open"}, "is locked with a password"),
        ({"key": "no key"}, "holds no private key as PEM"),
        ({"certificate": "no certificate"}, "holds no certificate as PEM"),
        ({"other": True}, "is not the key of the certificate"),
    ],
)
def test_a_worker_that_could_not_sign_does_not_start(
    connections: Connections, make_signing: MakeSigning, made: dict[str, Any], words: str
) -> None:
    written = {name: made.pop(name) for name in ("key", "certificate", "other") if name in made}
    files = make_signing(**made)
    values = files.settings()
    if "key" in written:
        files.key.write_text(written["key"])
    if "certificate" in written:
        files.certificate.write_text(written["certificate"])
    if "other" in written:
        values["credentials_key_file"] = make_signing("other").key
    with pytest.raises(SettingsError, match=words) as refused:
        Provenance.of(connections.settings.model_copy(update=values), connections.clock())
    assert "PRIVATE KEY" not in str(refused.value)


def test_a_worker_without_a_key_does_not_start_and_a_dashboard_without_one_takes_jobs(
    connections: Connections, make_signing: MakeSigning
) -> None:
    values = make_signing().settings() | {"credentials_key_file": None}
    connections.settings = connections.settings.model_copy(update=values)
    with pytest.raises(SettingsError, match="FARM_CREDENTIALS_KEY_FILE names none"):
        Provenance.of(connections.settings, connections.clock())
    submit_job(connections, create_project(connections.engine, "ada", clock=connections.clock), 1)


def test_what_could_not_be_signed_is_refused_before_it_is_rendered(
    connections: Connections, clock: TestClock, make_signing: MakeSigning
) -> None:
    project = create_project(connections.engine, "ada", clock=connections.clock)
    connections.settings = connections.settings.model_copy(update=make_signing(ends=1).settings())
    submit_job(connections, project, 1)
    clock.forward(2 * DAY)
    with pytest.raises(InvalidRequest, match=r"signs its outputs and cannot now: the certificate .* ended on"):
        submit_job(connections, project, 1)


def test_a_certificate_that_ends_while_a_worker_runs_ends_its_renders_and_nothing_unsigned_is_stored(
    connections: Connections, clock: TestClock, make_signing: MakeSigning, spool: Path
) -> None:
    project = create_project(connections.engine, "ada", clock=connections.clock)
    job = submit_job(connections, project, 1)
    values = make_signing(ends=1).settings()

    class ComesLater(dict[int, Pixels]):
        """Pixels that the engine gives when the worker has been up for two days."""

        def __getitem__(self, index: int) -> Pixels:
            clock.forward(2 * DAY)
            return super().__getitem__(index)

    finish(connections, spool, ComesLater({0: flat()}), **values)
    assert statuses(connections, job) == ["failed"]
    assert files_of(connections, job) == {}
    assert "cannot be signed: the certificate that signs outputs ended on" in render_rows(connections, job)[0]["reason"]
