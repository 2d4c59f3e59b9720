"""The pages of trainings: a form of the project's pictures, and what came of one."""

from pathlib import Path

from farm.params.training.loss_curve import MOST_PLACES, thinned
from tests.dashboard.conftest import House
from tests.dashboard.test_inputs import png, upload
from tests.dashboard.test_trainings_api import clip
from tests.dashboard.visiting import PAGE, sign_in, token_of
from tests.waiting import eventually

FORM = "/trainings/new"


def test_a_training_is_begun_from_captions_typed_beside_pictures(live_house: House) -> None:
    # Given two pictures, and the form that offers them,
    first, second = (upload(live_house, png(colour), "a.png").json["id"] for colour in ((255, 0, 0), (0, 0, 255)))
    visitor = sign_in(live_house)
    page = visitor.get(FORM, headers=PAGE).text
    assert first in page
    assert second in page
    typed = {
        "csrf_token": token_of(visitor, FORM),
        "form_id": "one",
        "model": "sana-demo",
        "name": "two squares",
        "max_train_steps": "12",
        "learning_rate": "1e-3",
        "optimizer": "adamw-8bit",
        "lr_scheduler": "cosine",
        f"picture-{second}": "a blue square",
        f"picture-{first}": "",
    }
    # when what is wrong has been said, with what was typed kept,
    refused = visitor.post("/trainings", data=typed, headers=PAGE)
    assert refused.status_code == 422
    assert "what is wrong stands beside its field" in refused.text
    assert "must begin with a letter or a digit" in refused.text.partition('id="name-faults"')[2].partition("</ul>")[0]
    assert "a blue square" in refused.text
    # then the corrected one is a training of the picture that has a caption, and once is enough.
    begun = [visitor.post("/trainings", data=typed | {"name": "squares"}, headers=PAGE) for _ in range(2)]
    assert begun[0].status_code == 303
    assert begun[0].location == begun[1].location
    # Who goes back to the page and changes it gets another one.
    another = visitor.post("/trainings", data=typed | {"name": "squares-2"}, headers=PAGE)
    assert (another.status_code, another.location == begun[0].location) == (303, False)
    job = begun[0].location.rpartition("/")[2]
    [render] = live_house.renders(job)
    training = render["parameters"]["training"]
    assert [picture["caption"] for picture in training["pictures"]] == ["a blue square"]
    assert (training["max_train_steps"], training["learning_rate"]) == (12, 1e-3)
    assert (training["optimizer"], training["lr_scheduler"]) == ("adamw-8bit", "cosine")
    shown = visitor.get(begun[0].location, headers=PAGE)
    assert shown.status_code == 200
    assert "squares" in shown.text
    picture = visitor.get(f"/renders/{render['id']}", headers=PAGE).text
    assert f"/trainings/{job}" in picture
    assert "again=" not in picture
    # Its sheet of samples is no picture that one form asks for: whoever asks for it again is shown the training.
    for address in (f"/submit?again={render['id']}", f"/submit?again={render['id']}&vary"):
        again = visitor.get(address, headers=PAGE)
        assert (again.status_code, again.location) == (303, f"/trainings/{job}")


def test_a_training_of_clips_is_begun_from_the_form_and_its_losses_are_drawn_while_it_runs(
    live_house: House, tmp_path: Path
) -> None:
    # Given a clip beside a picture in the form,
    moving = clip(live_house, tmp_path)
    still = upload(live_house, png(), "a.png").json["id"]
    visitor = sign_in(live_house)
    page = visitor.get(FORM, headers=PAGE).text
    assert f"/inputs/{moving}/thumbnail" in page
    assert "30 frames, 16 a second" in page
    typed = {
        "csrf_token": token_of(visitor, FORM),
        "model": "wan-demo",
        "name": "bars",
        "max_train_steps": "12",
        "num_frames": "17",
        "fps": "8",
        f"clip-{moving}": "a bar moves",
        f"picture-{still}": "a red square",
    }
    # when more frames are asked for than the clip has, it is said of which,
    refused = visitor.post("/trainings", data=typed, headers=PAGE)
    assert refused.status_code == 422
    assert "17 are asked for" in refused.text.partition(f'id="clip-{moving}-faults"')[2].partition("</ul>")[0]
    # and with fewer it is a training of both,
    begun = visitor.post("/trainings", data=typed | {"num_frames": "9"}, headers=PAGE)
    assert begun.status_code == 303, begun.text
    job = begun.location.rpartition("/")[2]
    [render] = live_house.renders(job)
    training = render["parameters"]["training"]
    assert [found["caption"] for found in training["clips"]] == ["a bar moves"]
    assert [found["caption"] for found in training["pictures"]] == ["a red square"]
    # whose page draws the losses as its worker tells them.
    assert "<svg" not in visitor.get(begun.location, headers=PAGE).text.partition('id="result"')[2]
    live_house.connections.progress.show_losses(render["id"], [(3, 0.75), (6, 0.5)])
    eventually(lambda: "0.5 at step 6 of 12" in visitor.get(begun.location, headers=PAGE).text)
    shown = visitor.get(begun.location, headers=PAGE).text
    assert "data-live" in shown
    assert "<svg" in shown.partition('id="result"')[2]


def test_the_form_says_so_where_there_is_no_picture_and_leads_to_where_they_are_uploaded(live_house: House) -> None:
    visitor = sign_in(live_house)
    page = visitor.get(FORM, headers=PAGE).text
    assert 'Nothing is uploaded yet. <a href="/inputs">Uploads</a>' in page


def test_a_long_curve_is_shown_by_means() -> None:
    assert thinned([1.0, 2.0, 3.0]) == [(1, 1.0), (2, 2.0), (3, 3.0)]
    curve = thinned([float(step % 2) for step in range(2 * MOST_PLACES)])
    assert (len(curve), curve[0], curve[-1]) == (MOST_PLACES, (2, 0.5), (2 * MOST_PLACES, 0.5))
