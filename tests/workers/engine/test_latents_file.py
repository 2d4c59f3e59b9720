"""The file of a render's last latents."""

import json
from pathlib import Path

from safetensors import safe_open

from tests.workers.orders import order, tiny_family
from workers.engine.latents_file import save_latents
from workers.engine.start_track import begin


def test_equal_latents_are_equal_files_and_say_whose_they_are(tmp_path: Path) -> None:
    family = tiny_family("sana")
    track = begin(family, order(family), "w")
    files = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for file in files:
        save_latents(family, track, file)
    assert len({file.read_bytes() for file in files}) == 1
    with safe_open(files[0], "pt") as opened:
        about = json.loads(opened.metadata()["latent-farm"])
        assert opened.get_tensor("latents").equal(family.final_latents(track))
    assert about["render_id"] == "r1"
    assert (about["width"], about["height"]) == (track.order.width, track.order.height)
