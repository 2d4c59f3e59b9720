"""Small trainings to order."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from farm.params.request.base import ClipRef, InputRef
from farm.params.training.stored import Training, TrainingClip, TrainingPicture
from farm.params.training.trained_families import ATTENTION
from tests.workers.orders import order
from tests.workers.pictures import CLIP_FRAMES, CLIP_RATE, clip_file, picture_file
from workers.families.base import Family
from workers.protocol import RenderOrder, training_example

CAPTIONS = ("a red fox", "a blue fox", "a fox in the snow")
CLIP_CAPTIONS = ("a red fox runs", "a blue fox runs")


def training(**changes: Any) -> Training:
    """How a tiny model is trained within a second."""
    values: dict[str, Any] = {
        "name": "fox",
        "pictures": [_picture(number, caption) for number, caption in enumerate(CAPTIONS, 1)],
        "rank": 2,
        "lora_alpha": 4.0,
        "target_modules": ATTENTION,
        "learning_rate": 1e-2,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 2,
        "max_train_steps": 4,
        "train_batch_size": 2,
        "gradient_checkpointing": False,
        "max_grad_norm": 1.0,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_weight_decay": 1e-4,
        "adam_epsilon": 1e-8,
        "weighting_scheme": "none",
        "caption_dropout": 0.0,
        "with_prior_preservation": False,
        "class_prompt": "an animal",
        "num_class_images": 2,
        "prior_loss_weight": 1.0,
        "validation_steps": 2,
        "validation_inference_steps": 2,
    }
    return Training.model_validate(values | changes)


def training_order(family: Family, render_id: str = "t1", **changes: Any) -> RenderOrder:
    """An order to train the family's model, with its pictures."""
    plan = training(**changes)
    made = order(family, render_id, num_inference_steps=plan.passes, sampler="euler", deterministic=True)
    files = {known.sha256: _file(known) for known, _ in plan.examples}
    return replace(
        made,
        parameters=made.parameters | {"training": plan.model_dump(mode="json")},
        inputs=made.inputs | {training_example(sha256): path for sha256, path in files.items()},
    )


def clips() -> list[TrainingClip]:
    """Two clips to learn from, each with its caption."""
    found = []
    for number, caption in enumerate(CLIP_CAPTIONS, 1):
        sha256 = hashlib.sha256(Path(clip_file(number)).read_bytes()).hexdigest()
        key = f"inputs/{number}.mkv"
        video = ClipRef(id=str(number), key=key, sha256=sha256, frames=CLIP_FRAMES, frame_rate=CLIP_RATE)
        found.append(TrainingClip(video=video, caption=caption))
    return found


def _picture(number: int, caption: str) -> TrainingPicture:
    sha256 = hashlib.sha256(Path(picture_file(number)).read_bytes()).hexdigest()
    return TrainingPicture(image=InputRef(id=str(number), key=f"inputs/{number}.png", sha256=sha256), caption=caption)


def _file(known: InputRef) -> str:
    return (clip_file if isinstance(known, ClipRef) else picture_file)(int(known.id))
