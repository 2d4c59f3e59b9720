"""Outputs of a whole farm that signs them, as the library of content credentials reads them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from farm.provenance.source_type import GENERATED
from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.end_to_end.test_outputs import told_by
from tests.signing import MakeSigning, SigningFiles, action_of, make_signing, read_credentials

__all__ = ["make_signing"]
pytestmark = pytest.mark.long


@pytest.fixture
def signing(make_signing: MakeSigning) -> SigningFiles:
    return make_signing()


@pytest.fixture
def signing_farm(signing: SigningFiles, tmp_path: Path) -> Iterator[RunningFarm]:
    def settings_of(folder: Path) -> Settings:
        return Settings.model_validate(quick_settings(folder).model_dump() | signing.settings())

    with ExitStack() as resources:
        yield resources.enter_context(contextmanager(running_farm)(tmp_path / "farm", settings_of))


def test_pictures_and_clips_of_a_farm_are_signed_by_the_studio_and_no_key_is_in_what_it_leaves(
    signing_farm: RunningFarm, signing: SigningFiles, tmp_path: Path
) -> None:
    for model, fields, content_type in (
        ("sprint-demo", {}, "image/png"),
        ("sprint-demo", {"output_format": "avif"}, "image/avif"),
        ("wan-demo", {"num_frames": 9}, "video/mp4"),
    ):
        job = signing_farm.submit_and_wait(model, "a red circle on a blue background", seed=1, **fields)
        signing_farm.assert_nothing_lost_or_doubled(job.id, renders=1)
        [render] = signing_farm.client.renders(job.id)
        document = read_credentials(signing_farm.file(render.id, "output"), content_type, signing.authority)
        assert document["validation_state"] == "Trusted"
        action = action_of(document)
        assert (action["digitalSourceType"], action["softwareAgent"]["name"]) == (GENERATED, model)
        assert signing_farm.manifest(render.id)["source_type"] == GENERATED
        if content_type == "image/png":
            verified = told_by(signing_farm, "verify", render.id)
            assert verified.returncode == 0, verified
            assert "same pixels" in verified.stdout
        if content_type == "video/mp4":
            poster = signing_farm.file(render.id, "poster")
            assert read_credentials(poster, "image/webp", signing.authority)["validation_state"] == "Trusted"

    secret = signing.key.read_text().splitlines()[1]
    left = [path for path in (tmp_path / "farm").rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in left)
    assert not [path for path in left if secret.encode() in path.read_bytes()]
