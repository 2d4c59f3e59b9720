"""What people ask for who train a LoRA: the body of POST /api/v1/trainings, and its checks.

Names and defaults are those of diffusers' `train_dreambooth_lora_sana.py`, where it has them.
"""

import re
from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from farm.catalog.loading import Catalog
from farm.catalog.schema import ModelEntry
from farm.errors import Fault, InvalidRequest, in_words
from farm.params.pictures import FindInput
from farm.params.renders import Renders
from farm.params.request.base import ADAPTER_SUFFIX, InputRef, SanaParameters
from farm.params.request.job_request import JobRequest
from farm.params.request.option import Option
from farm.params.request.seeds import Seed
from farm.params.request.submission import pointer, shown
from farm.params.request.text import text_fault
from farm.params.request_validation import check_and_resolve
from farm.params.resolve import Resolved
from farm.params.training.stored import (
    ATTENTION,
    FEED_FORWARD,
    SanaTrainingParameters,
    Training,
    TrainingPicture,
    Weighting,
)
from farm.sentences import sentence

MOST_PICTURES = 500
MOST_STEPS = 100_000
MOST_SAMPLES = 64
_CAPTION_CHARS = 2_000
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
#: Class of a training whose request names none: it takes a worker for long, and others go first.
CLASS = "bulk"
#: What a request of a training has in common with that of its sample pictures.
_OF_SAMPLES = ("width", "height", "guidance_scale", "negative_prompt", "flow_shift", "complex_human_instruction")


class CaptionedPicture(BaseModel):
    """A picture to learn from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: str = Field(description="the id of an uploaded picture")
    caption: str = Field(min_length=1, max_length=2_000, description="what is to be seen, with the word to be learnt")


class TrainingRequest(BaseModel):
    """Train a LoRA of a model from pictures with captions. What is left out takes the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)

    model: str = Field(min_length=1, description="a name of GET /api/v1/models, of family sana")
    name: str = Field(pattern=_NAME, description="of the LoRA")
    pictures: list[CaptionedPicture] = Field(min_length=1, max_length=MOST_PICTURES)
    class_name: Annotated[str, Option("--class")] = Field(
        CLASS, alias="class", min_length=1, max_length=20, description="of the queue"
    )
    seed: Annotated[Seed | None, Option(typed=int, least=-1)] = Field(
        None, description="of all that is drawn; none or -1: the farm draws one"
    )
    rank: Annotated[int, Option()] = Field(16, ge=1, le=512, description="of the two halves of each layer")
    lora_alpha: Annotated[float | None, Option()] = Field(
        None, gt=0, le=4096, description="the LoRA works by alpha / rank; none: rank"
    )
    layers: Annotated[Literal["attention", "all"], Option()] = Field(
        "all", description="attention: its four projections; all: the outer convolutions of the feed-forward too"
    )
    learning_rate: Annotated[float, Option()] = Field(1e-4, gt=0, le=1)
    lr_warmup_steps: Annotated[int, Option()] = Field(
        0, ge=0, le=MOST_STEPS, description="so many steps until the rate is reached"
    )
    max_train_steps: Annotated[int, Option()] = Field(500, ge=1, le=MOST_STEPS)
    train_batch_size: Annotated[int, Option()] = Field(4, ge=1, le=64, description="pictures in one step")
    gradient_checkpointing: Annotated[bool, Option()] = Field(False, description="less memory, a third more time")
    max_grad_norm: Annotated[float, Option()] = Field(1.0, gt=0, le=1e6)
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    adam_beta2: float = Field(0.999, ge=0, lt=1)
    adam_weight_decay: Annotated[float, Option()] = Field(1e-4, ge=0, le=1)
    adam_epsilon: float = Field(1e-8, gt=0, le=1)
    weighting_scheme: Annotated[Weighting, Option()] = Field(
        "none", description="how noise levels are drawn, and losses weighted"
    )
    caption_dropout: Annotated[float, Option()] = Field(
        0.0, ge=0, le=1, description="share of captions that are left out"
    )
    with_prior_preservation: Annotated[bool, Option()] = Field(
        False, description="learn from the model's own pictures of the class, too"
    )
    class_prompt: Annotated[str, Option()] = Field("", max_length=2_000, description="what these show, such as 'a dog'")
    num_class_images: Annotated[int, Option()] = Field(16, ge=1, le=1_000)
    prior_loss_weight: Annotated[float, Option()] = Field(1.0, ge=0, le=100)
    validation_prompt: Annotated[str | None, Option()] = Field(
        None, min_length=1, max_length=2_000, description="of the samples; none: the first caption"
    )
    validation_steps: Annotated[int, Option()] = Field(
        100, ge=1, le=MOST_STEPS, description="a sample after so many steps"
    )
    validation_inference_steps: Annotated[int, Option()] = Field(20, ge=1, le=100, description="of each sample")
    width: Annotated[int | None, Option()] = Field(
        None, ge=1, le=8_192, description="pixels; none: the model's default"
    )
    height: Annotated[int | None, Option()] = Field(None, ge=1, le=8_192)
    guidance_scale: Annotated[float | None, Option()] = Field(None, ge=0, le=100, description="of the samples")
    negative_prompt: Annotated[str | None, Option()] = Field(None, max_length=2_000, description="of the samples")
    flow_shift: Annotated[float | None, Option()] = Field(
        None, gt=0, le=100, description="of samples and of the noise that is learnt from"
    )
    complex_human_instruction: bool | None = Field(None, description="the model's own instruction before each caption")


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
    faults = [*_own_faults(asked), *_text_faults(asked), *_model_faults(asked, entry, catalog)]
    pictures = _pictures(asked, find_input, faults)
    samples: dict[str, Any] = {
        "model": asked.model,
        "prompt": asked.validation_prompt or asked.pictures[0].caption,
        "title": f"LoRA {asked.name}",
        "class": asked.class_name,
        "seed": -1 if asked.seed is None else asked.seed,
        "sampler": "euler",
        "deterministic": True,
    }
    samples |= {name: value for name in _OF_SAMPLES if (value := getattr(asked, name)) is not None}
    if faults:
        raise InvalidRequest(faults)
    request, resolved = check_and_resolve(samples, catalog, max_renders=1, draw_seed=draw_seed, classes=classes)
    [sample] = resolved.renders
    assert isinstance(sample, SanaParameters), "of a model of family sana"
    training = _training(asked, pictures)
    values = {**sample.model_dump(), "num_inference_steps": training.passes, "training": training}
    render = SanaTrainingParameters.model_validate(values)
    return request, Resolved(Renders([(render, render.prompt, render.seed)]), resolved.notices)


def name_fault(name: str) -> str | None:
    """What is wrong with the name of a LoRA, in words, or None."""
    if re.fullmatch(_NAME, name):
        return None
    return sentence(
        "must begin with a letter or a digit and have nothing but these, '.', '_' and '-', at most 100; seen %(seen)s",
        seen=shown(name),
    )


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
    if asked.with_prior_preservation and not asked.class_prompt.strip():
        faults.append(
            Fault("/class_prompt", sentence("says of what the model draws pictures, such as 'a dog'; give one"))
        )
    return faults


def _text_faults(asked: TrainingRequest) -> list[Fault]:
    """Captions and the prompts of class and samples, as prompts are looked at."""
    texts = {pointer("pictures", place, "caption"): picture.caption for place, picture in enumerate(asked.pictures)}
    if asked.class_prompt:
        texts["/class_prompt"] = asked.class_prompt
    if asked.validation_prompt is not None:
        texts["/validation_prompt"] = asked.validation_prompt
    return [Fault(where, fault) for where, text in texts.items() if (fault := text_fault(text, _CAPTION_CHARS))]


def _model_faults(asked: TrainingRequest, entry: ModelEntry, catalog: Catalog) -> list[Fault]:
    """Why no LoRA of this model can be trained by its pools."""
    if entry.family != "sana":
        able = ", ".join(sorted(name for name, model in catalog.models.items() if model.family == "sana"))
        text = sentence(
            "is of family %(family)s, and trained are models of family sana: %(able)s", family=entry.family, able=able
        )
        return [Fault("/model", text)]
    if entry.without_adapters:
        return [Fault("/model", sentence("takes no adapters: %(reason)s", reason=entry.without_adapters))]
    for pool in catalog.pools_of(entry.name):
        held = "quantization" if pool.quantization else "offload" if pool.offload != "none" else None
        held = held or ("compile" if pool.compile else None)
        if held:
            text = sentence(
                "its pool %(pool)s has '%(held)s', with which nothing is trained; make a model of it (extends) whose "
                "pools have none",
                pool=pool.name,
                held=held,
            )
            return [Fault("/model", text)]
    return []


def _pictures(asked: TrainingRequest, find_input: FindInput, faults: list[Fault]) -> list[tuple[InputRef, str]]:
    found = []
    for place, picture in enumerate(asked.pictures):
        known = find_input(picture.image)
        if known is None or known.key.endswith(ADAPTER_SUFFIX):
            text = f"the project has no picture {shown(picture.image)}; upload it first (farm inputs add FILE)"
            faults.append(Fault(pointer("pictures", place, "image"), text))
        else:
            found.append((known, picture.caption))
    return found


def _training(asked: TrainingRequest, pictures: list[tuple[InputRef, str]]) -> Training:
    values = {name: getattr(asked, name) for name in Training.model_fields if name in TrainingRequest.model_fields}
    return Training.model_validate(
        values
        | {
            "pictures": [TrainingPicture(image=image, caption=caption) for image, caption in pictures],
            "lora_alpha": asked.lora_alpha or float(asked.rank),
            "target_modules": (*ATTENTION, *(FEED_FORWARD if asked.layers == "all" else ())),
        }
    )
