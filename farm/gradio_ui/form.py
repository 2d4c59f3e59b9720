"""The form of the page: what may be asked of the chosen model, within its limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr

from farm.gradio_ui.model_choices import Limits, Offer

MOST_AT_ONCE = 16  # renders of one press of the button


class Form:
    """The components, in the order of the fields of `Asked`.

    They are made with what any model takes, and narrowed to the chosen one once the page is there: who calls the page
    from a program and chooses no model first is judged by the farm, not by another model's limits.
    """

    def __init__(self, offers: dict[str, Offer]) -> None:
        models = list(offers.values())
        self.model = gr.Dropdown(model_choices(offers), value=models[0].name, label="Model", interactive=False)
        self.prompt = gr.Textbox(label="Prompt", lines=3)
        self.negative_prompt = gr.Textbox(label="Negative prompt", lines=2)
        with gr.Row():
            self.size = gr.Dropdown(_any_of(model.sizes for model in models), label="Size", allow_custom_value=True)
            self.frames = gr.Dropdown(_any_of(model.frames for model in models), value=None, label="Frames")
        with gr.Row():
            self.steps = _slider("Steps", [model.steps for model in models], step=1)
            self.guidance = _slider("Guidance", [model.guidance for model in models], step=0.1)
        self.sampler = gr.Dropdown(_any_of(model.samplers for model in models), label="Sampler")
        with gr.Row(equal_height=True):
            self.seed = gr.Textbox(label="Seed", placeholder="empty: the farm draws one", max_lines=1, scale=4)
            self.dice = gr.Button("Roll the dice", scale=1, min_width=120, size="sm")
        self.count = gr.Slider(1, MOST_AT_ONCE, value=1, step=1, label="How many, each with the next seed")

    @property
    def of_the_model(self) -> list[Any]:
        """What changes with the model."""
        return [self.negative_prompt, self.size, self.steps, self.guidance, self.sampler, self.frames]

    @property
    def fields(self) -> list[Any]:
        """All of it."""
        return [self.model, self.prompt, *self.of_the_model, self.seed, self.count]

    def narrowed(self, offer: Offer) -> dict[Any, Any]:
        """The limits, choices and defaults of a model."""
        return {
            self.negative_prompt: gr.Textbox(
                value=offer.negative_prompt or "", visible=offer.negative_prompt is not None
            ),
            self.size: gr.Dropdown(list(offer.sizes), value=offer.sizes[0]),
            self.steps: _narrow(offer.steps),
            self.guidance: _narrow(offer.guidance),
            self.sampler: gr.Dropdown(list(offer.samplers), value=offer.sampler),
            self.frames: gr.Dropdown(list(offer.frames), value=offer.num_frames, visible=bool(offer.frames)),
        }


def model_choices(offers: dict[str, Offer]) -> list[tuple[str, str]]:
    """What people read, and what is sent."""
    return [(f"{offer.title} ({name})", name) for name, offer in offers.items()]


def _any_of(choices: Iterable[Sequence[Any]]) -> list[Any]:
    return list(dict.fromkeys(choice for of_one in choices for choice in of_one))


def _slider(label: str, limits: Sequence[Limits], *, step: float) -> gr.Slider:
    low, high = min(one.low for one in limits), max(one.high for one in limits)
    return gr.Slider(low, high, value=limits[0].default, step=step, label=label)


def _narrow(limits: Limits) -> gr.Slider:
    return gr.Slider(minimum=limits.low, maximum=limits.high, value=limits.default)
