"""Whether a LoRA can be trained as it was asked for: every fault at once, and else the one render that it is."""

from collections.abc import Callable, Collection
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from farm.catalog.loading import Catalog
from farm.errors import Fault, InvalidRequest, in_words
from farm.params.checks.clip_frames import frames_taken
from farm.params.checks.clips import check_length
from farm.params.checks.pictures import check_picture
from farm.params.pictures import FindInput
from farm.params.renders import Renders
from farm.params.request.base import ADAPTER_SUFFIX, ClipRef, RenderParameters
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer, shown
from farm.params.request.text import text_fault
from farm.params.request_validation import check_and_resolve
from farm.params.resolve import Resolved
from farm.params.training.model_faults import idle_ranks, model_faults
from farm.params.training.request import MOST_SAMPLES, TrainingRequest, name_fault
from farm.params.training.stored import Training
from farm.params.training.trained_families import TRAINED, TrainedFamily
from farm.sentences import sentence

_CAPTION_CHARS = 2_000
#: What a request of a training has in common with that of its samples.
_OF_SAMPLES = (
    *("width", "height", "num_frames", "fps", "guidance_scale", "guidance_scale_2", "negative_prompt", "flow_shift"),
    "complex_human_instruction",
)
#: The files of a training and their captions, as stored parameters have them.
_Examples = dict[str, list[dict[str, Any]]]


def check_training(
    document: object,
    catalog: Catalog,
    *,
    draw_seed: Callable[[], int],
    classes: Collection[str],
    find_input: FindInput,
) -> tuple[JobRequest, Resolved]:
    """A training from parsed JSON: the request of its samples, and the one render that it is.

    Raises InvalidRequest with every fault, UnknownModel.
    """
    if not isinstance(document, dict):
        raise InvalidRequest(
            [Fault("", sentence("the body must be a JSON object; seen %(seen)s", seen=shown(document)))]
        )
    try:
        asked = TrainingRequest.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)[:100]
        raise InvalidRequest([_fault(each) for each in found]) from error
    entry = catalog.model(asked.model)
    faults = [*_own_faults(asked), *_text_faults(asked), *model_faults(asked, entry, catalog)]
    _, said = check_picture("validation_image", asked.validation_image, find_input)
    faults += [each for each in said if isinstance(each, Fault)]
    examples = _examples(asked, find_input, faults)
    if faults:
        raise InvalidRequest(faults)
    samples: dict[str, Any] = {
        "model": asked.model,
        "prompt": asked.validation_prompt or (asked.pictures or asked.clips)[0].caption,
        "title": f"LoRA {asked.name}",
        "class": asked.class_name,
        "seed": -1 if asked.seed is None else asked.seed,
        "sampler": "euler",
        "deterministic": True,
    }
    samples |= {name: value for name in _OF_SAMPLES if (value := getattr(asked, name)) is not None}
    if asked.validation_image is not None:
        samples["image"] = asked.validation_image
    request, resolved = check_and_resolve(
        samples, catalog, max_renders=1, draw_seed=draw_seed, classes=classes, find_input=find_input
    )
    [sample] = resolved.renders
    family = TRAINED[entry.family]
    training = _training(asked, examples, family)
    notices = _clip_notices(training, sample, entry.frame_multiple)
    values = {**sample.model_dump(), "num_inference_steps": training.passes, "training": training}
    render = family.parameters.model_validate(values)
    notices += idle_ranks(asked, catalog)
    return request, Resolved(Renders([(render, render.prompt, render.seed)]), [*resolved.notices, *notices])


def _fault(found: ErrorDetails) -> Fault:
    """A fault of pydantic's in our words."""
    where, seen = pointer(*found["loc"]), found["input"]
    if found["loc"] == ("name",) and isinstance(seen, str) and (told := name_fault(seen)):
        return Fault(where, told)
    if found["type"] == "extra_forbidden":
        return Fault(where, sentence("is not known here; remove it or correct its name"))
    if found["type"] == "missing":
        return Fault(where, in_words(found["msg"]))
    return Fault(where, f"{in_words(found['msg'])}; seen {shown(seen)}")


def _own_faults(asked: TrainingRequest) -> list[Fault]:
    faults = []
    if not asked.pictures and not asked.clips:
        faults.append(Fault("/pictures", sentence("must have at least 1 item; seen %(seen)s", seen="[]")))
    samples = 2 + (asked.max_train_steps - 1) // asked.validation_steps
    if samples > MOST_SAMPLES:
        least = -(-asked.max_train_steps // (MOST_SAMPLES - 2))
        text = sentence(
            "makes %(samples)s samples, and a training has at most %(most)s; %(least)s steps or more will do",
            samples=f"{samples:,}",
            most=MOST_SAMPLES,
            least=least,
        )
        faults.append(Fault("/validation_steps", text))
    if asked.lr_warmup_steps > asked.max_train_steps:
        text = sentence(
            "must be at most %(most)s, the steps of the training: the rate would not be reached; seen %(seen)s",
            most=asked.max_train_steps,
            seen=asked.lr_warmup_steps,
        )
        faults.append(Fault("/lr_warmup_steps", text))
    if asked.with_prior_preservation and not asked.class_prompt.strip():
        faults.append(
            Fault("/class_prompt", sentence("says of what the model draws pictures, such as 'a dog'; give one"))
        )
    return faults


def _text_faults(asked: TrainingRequest) -> list[Fault]:
    """Captions and the prompts of class and samples, as prompts are looked at."""
    texts = {pointer("pictures", place, "caption"): picture.caption for place, picture in enumerate(asked.pictures)}
    texts |= {pointer("clips", place, "caption"): clip.caption for place, clip in enumerate(asked.clips)}
    if asked.class_prompt:
        texts["/class_prompt"] = asked.class_prompt
    if asked.validation_prompt is not None:
        texts["/validation_prompt"] = asked.validation_prompt
    return [Fault(where, fault) for where, text in texts.items() if (fault := text_fault(text, _CAPTION_CHARS))]


def _examples(asked: TrainingRequest, find_input: FindInput, faults: list[Fault]) -> _Examples:
    """The files that are learnt from; what is none of the project's, or no picture or clip, is added to `faults`."""
    found: _Examples = {"pictures": [], "clips": []}
    for place, picture in enumerate(asked.pictures):
        known = find_input(picture.image)
        if isinstance(known, ClipRef):
            other = sentence("%(given)s is a clip; name it as a video of clips", given=shown(picture.image))
            faults.append(Fault(pointer("pictures", place, "image"), other))
        elif known is None or known.key.endswith(ADAPTER_SUFFIX):
            text = f"the project has no picture {shown(picture.image)}; upload it first (farm inputs add FILE)"
            faults.append(Fault(pointer("pictures", place, "image"), text))
        else:
            found["pictures"].append({"image": known, "caption": picture.caption})
    for place, clip in enumerate(asked.clips):
        known = find_input(clip.video)
        if isinstance(known, ClipRef):
            found["clips"].append({"video": known, "caption": clip.caption})
        elif known is None or known.key.endswith(ADAPTER_SUFFIX):
            text = f"the project has no clip {shown(clip.video)}; upload it first (farm inputs add FILE)"
            faults.append(Fault(pointer("clips", place, "video"), text))
        else:
            other = sentence("%(given)s is a picture; name it as an image of pictures", given=shown(clip.video))
            faults.append(Fault(pointer("clips", place, "video"), other))
    return found


def _training(asked: TrainingRequest, examples: _Examples, family: TrainedFamily) -> Training:
    values = {name: getattr(asked, name) for name in Training.model_fields if name in TrainingRequest.model_fields}
    return Training.model_validate(
        values
        | examples
        | {
            "lora_alpha": asked.lora_alpha or float(asked.rank),
            "target_modules": family.target_modules(everywhere=asked.layers == "all"),
        }
    )


def _clip_notices(training: Training, sample: RenderParameters, multiple: int) -> list[str]:
    """What is not learnt of the clips, of which the model makes `multiple` x k + 1 frames. Raises InvalidRequest where
    one ends too soon.
    """
    faults, longer = [], 0
    for place, clip in enumerate(training.clips):
        fps: int = getattr(sample, "fps")  # noqa: B009  (of models of clips)
        _, said = check_length("video", clip.video, sample.frames, fps, multiple)
        faults += [Fault(pointer("clips", place, "video"), each.message) for each in said if isinstance(each, Fault)]
        longer += clip.video.frames > frames_taken(sample.frames, fps, clip.video.frame_rate)[-1] + 1
    if faults:
        raise InvalidRequest(faults)
    if not longer:
        return []
    taken = "frame is" if sample.frames == 1 else f"{sample.frames} frames are"
    what = f"of {longer} of {len(training.clips)} clips only the first {taken} learnt from"
    return [f"/clips: {what}; cut longer ones into several"]
