"""The names of the widgets of ComfyUI's nodes, in the order in which the UI format lists their values.

The UI format names no widget: a file can be read only by who knows the nodes. Behind a seed the browser puts a
widget of its own, what becomes of the seed after each run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_AFTER_RUN = frozenset({"fixed", "randomize", "increment", "decrement", "increment-wrap"})
_SAMPLING = ("steps", "cfg", "sampler_name", "scheduler")

#: Of ComfyUI 0.18 and, below, of packages of nodes.
WIDGETS: Mapping[str, tuple[str, ...]] = {
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "CLIPLoader": ("clip_name", "type", "device"),
    "VAELoader": ("vae_name",),
    "CLIPVisionLoader": ("clip_name",),
    "CLIPVisionEncode": ("crop",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "ModelSamplingSD3": ("shift",),
    "ModelSamplingAuraFlow": ("shift",),
    "CLIPTextEncode": ("text",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "EmptyHunyuanLatentVideo": ("width", "height", "length", "batch_size"),
    "WanImageToVideo": ("width", "height", "length", "batch_size"),
    "WanFirstLastFrameToVideo": ("width", "height", "length", "batch_size"),
    "WanVaceToVideo": ("width", "height", "length", "batch_size", "strength"),
    "WanAnimateToVideo": (
        *("width", "height", "length", "batch_size"),
        *("continue_motion_max_frames", "video_frame_offset"),
    ),
    "ImageFromBatch": ("batch_index", "length"),
    "TrimVideoLatent": ("trim_amount",),
    "LoadVideo": ("file",),
    "ImageToMask": ("channel",),
    "EmptyHunyuanImageLatent": ("width", "height", "batch_size"),
    "ControlNetLoader": ("control_net_name",),
    "ControlNetApply": ("strength",),
    "ControlNetApplyAdvanced": ("strength", "start_percent", "end_percent"),
    "ScmModelSampling": ("cfg_scale", "zsnr"),
    "GemmaTextEncode": ("text",),
    "Wan22ImageToVideoLatent": ("width", "height", "length", "batch_size"),
    "LoadImage": ("image",),
    "ImageScale": ("upscale_method", "width", "height", "crop"),
    "KSampler": ("seed", *_SAMPLING, "denoise"),
    "KSamplerAdvanced": (
        "add_noise",
        "noise_seed",
        *_SAMPLING,
        "start_at_step",
        "end_at_step",
        "return_with_leftover_noise",
    ),
    "SamplerCustom": ("add_noise", "noise_seed", "cfg"),
    "RandomNoise": ("noise_seed",),
    "CFGGuider": ("cfg",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CreateVideo": ("fps",),
    "SaveVideo": ("filename_prefix", "format", "codec"),
    "SaveAnimatedWEBP": ("filename_prefix", "fps", "lossless", "quality", "method"),
    "SaveAnimatedPNG": ("filename_prefix", "fps", "compress_level"),
    "SaveWEBM": ("filename_prefix", "codec", "fps", "crf"),
    "SaveImage": ("filename_prefix",),
    "PrimitiveInt": ("value",),
    "PrimitiveFloat": ("value",),
    "PrimitiveBoolean": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "ComfySwitchNode": ("switch",),
    "ComfySoftSwitchNode": ("switch",),
    "ComfyMathExpression": ("expression",),
    "ComfyNumberConvert": ("value",),
    "ComfyNotNode": ("value",),
    "InvertBooleanNode": ("boolean",),
    "StringConcatenate": ("string_a", "string_b", "delimiter"),
    # ComfyUI_ExtraModels, which brings Sana.
    "SanaCheckpointLoader": ("ckpt_name", "model", "dtype"),
    "GemmaLoader": ("model_name", "device", "dtype"),
    "SanaTextEncode": ("text",),
    "EmptySanaLatentImage": ("width", "height", "batch_size"),
    "ExtraVAELoader": ("vae_name", "vae_type", "dtype"),
    # ComfyUI-GGUF.
    "UnetLoaderGGUF": ("unet_name",),
    "CLIPLoaderGGUF": ("clip_name", "type"),
}
#: Those that may have the browser's own widget behind them.
_FOLLOWED = frozenset({"seed", "noise_seed", "value"})


def named_values(kind: str, values: Sequence[Any] | Mapping[str, Any] | None) -> dict[str, Any]:
    """The values of a node's widgets by their names; none of a kind that is not known."""
    if isinstance(values, Mapping):
        return dict(values)
    found: dict[str, Any] = {}
    left = list(values or ())
    for name in WIDGETS.get(kind, ()):
        if not left:
            break
        found[name] = left.pop(0)
        if name in _FOLLOWED and left and str(left[0]) in _AFTER_RUN:
            left.pop(0)
    return found
