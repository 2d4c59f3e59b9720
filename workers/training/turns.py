"""What each pass of a training is for: pictures of the class, then samples and steps by turns. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from farm.params.training.stored import Training


class Turn(StrEnum):
    """What a pass does."""

    CLASS = "class"  # one step of a picture that the untrained model draws of the class
    SAMPLE = "sample"  # one step of a picture that shows how far the training is
    TRAIN = "train"  # forward, back, and a step of the optimiser


@dataclass(frozen=True)
class Pass:
    """One pass: which picture it draws at, and which step of that (or of the training) it is; both from 0."""

    turn: Turn
    number: int
    step: int


def pass_at(training: Training, place: int) -> Pass:
    """The pass at a place, from 0 to `training.passes` - 1."""
    drawing = training.validation_inference_steps
    number, step = divmod(place, drawing)
    if number < training.class_images:
        return Pass(Turn.CLASS, number, step)
    place -= training.class_images * drawing
    # Each round: a sample, then steps. After the last steps one more sample.
    number, within = divmod(place, drawing + training.validation_steps)
    trained = number * training.validation_steps
    if within < drawing and trained < training.max_train_steps:
        return Pass(Turn.SAMPLE, number, within)
    if (step := trained + within - drawing) < training.max_train_steps and within >= drawing:
        return Pass(Turn.TRAIN, 0, step)
    return Pass(Turn.SAMPLE, training.samples - 1, place - (training.samples - 1) * drawing - training.max_train_steps)
