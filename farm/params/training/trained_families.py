"""The families of which a LoRA can be trained: which layers may have one, and what such a render is told.

Size, frames, prompt, guidance and shift of the parameters are those of the samples; what is learnt from is brought to
that size and that many frames. `num_inference_steps` are the passes of the whole training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.params.request.base import (
    RenderParameters,
    SanaParameters,
    SanaVideoParameters,
    WanExpertsImageToVideoParameters,
    WanExpertsParameters,
    WanImageToVideoParameters,
    WanParameters,
    WanTextImageToVideoParameters,
)
from farm.params.training.stored import Training

#: Layers of attentions, by the ends of their names; all transformers of diffusers call them so.
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


class _Trained(RenderParameters):
    """What all of them have beside the parameters of their family."""

    training: Training

    def document(self) -> dict[str, Any]:
        """As `renders.parameters` holds it."""
        return {**super().document(), "training": self.training.model_dump(mode="json")}


class SanaTrainingParameters(_Trained, SanaParameters):
    """A LoRA for Sana or SANA-1.5."""


class SanaVideoTrainingParameters(_Trained, SanaVideoParameters):
    """A LoRA for SANA-Video, trained without first pictures."""


class WanTrainingParameters(_Trained, WanParameters):
    """A LoRA for Wan 2.1 text to video."""


class WanExpertsTrainingParameters(_Trained, WanExpertsParameters):
    """A LoRA for one of the two experts of Wan 2.2 A14B."""


class WanImageToVideoTrainingParameters(_Trained, WanImageToVideoParameters):
    """A LoRA for Wan 2.1 image to video; `image` is what the samples begin with."""


class WanExpertsImageToVideoTrainingParameters(_Trained, WanExpertsImageToVideoParameters):
    """A LoRA for one of the two experts of Wan 2.2 A14B image to video."""


class WanTextImageToVideoTrainingParameters(_Trained, WanTextImageToVideoParameters):
    """A LoRA for Wan 2.2 5B, trained without first pictures."""


@dataclass(frozen=True)
class TrainedFamily:
    """`feed_forward`: its layers that may have a LoRA beside those of the attentions, by the ends of their names."""

    parameters: type[_Trained]
    feed_forward: tuple[str, ...]
    clips: bool = False  # whether it learns from clips, too
    experts: bool = False  # whether it has two, of which one learns
    first_frames: bool = False  # whether it learns how clips go on from their first frames, and so from clips alone

    def target_modules(self, *, everywhere: bool) -> tuple[str, ...]:
        """Layers that get a LoRA: those of the attentions, or `everywhere` that there may be one."""
        return (*ATTENTION, *(self.feed_forward if everywhere else ()))


#: Of Sana's feed-forward parts the outer two, which are convolutions of one pixel: the one between them has three by
#: three and a single channel each. That of SANA-Video over time has three frames.
_SANA = ("conv_inverted", "conv_point")
_WAN = ("ffn.net.0.proj", "ffn.net.2")
#: Of Wan 2.1 image to video the projections of the picture too: where they lack, diffusers adds zeros, and warns.
_WAN_PICTURE = (*_WAN, "add_k_proj", "add_v_proj")
TRAINED: Mapping[str, TrainedFamily] = {
    "sana": TrainedFamily(SanaTrainingParameters, _SANA),
    "sana-video": TrainedFamily(SanaVideoTrainingParameters, _SANA, clips=True),
    "wan": TrainedFamily(WanTrainingParameters, _WAN, clips=True),
    "wan-i2v": TrainedFamily(WanImageToVideoTrainingParameters, _WAN_PICTURE, clips=True, first_frames=True),
    "wan22": TrainedFamily(WanExpertsTrainingParameters, _WAN, clips=True, experts=True),
    "wan22-i2v": TrainedFamily(
        WanExpertsImageToVideoTrainingParameters, _WAN, clips=True, experts=True, first_frames=True
    ),
    "wan22-ti2v": TrainedFamily(WanTextImageToVideoTrainingParameters, _WAN, clips=True),
}


def training_of(parameters: RenderParameters) -> Training | None:
    """The training that a render is; None where it renders."""
    return parameters.training if isinstance(parameters, _Trained) else None
