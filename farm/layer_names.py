"""How people's files spell the layers of a transformer: diffusers' names, the authors' own, and both flattened.

The authors' names are those that the scripts `convert_sana_to_diffusers.py`, `convert_sana_video_to_diffusers.py` and
`convert_wan_to_diffusers.py` of diffusers read.
"""

import re
from collections.abc import Iterable, Mapping

#: What stands before a layer's name: of diffusers, PEFT, ComfyUI, kohya and musubi, OneTrainer, LyCORIS.
PREFIXES = (
    "base_model.model.",
    "diffusion_model.",
    "transformer.",
    "model.",
    "lora_unet_",
    "lora_transformer_",
    "lycoris_",
)
#: Of what is for no transformer.
TEXT_ENCODER = re.compile(r"^(?:base_model\.model\.)?(?:text_encoder|cond_stage_model|lora_te|lycoris_te|te\d?[._])")

_BLOCK = re.compile(r"^(?P<blocks>\w*blocks)\.(?P<number>\d+)\.(?P<rest>.+)$")
#: Inside a block: the authors' name of a layer → diffusers' name or names. Several: one under the other in its rows.
SANA_BLOCK: Mapping[str, tuple[str, ...]] = {
    "attn.qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "attn.proj": ("attn1.to_out.0",),
    "cross_attn.q_linear": ("attn2.to_q",),
    "cross_attn.kv_linear": ("attn2.to_k", "attn2.to_v"),
    "cross_attn.proj": ("attn2.to_out.0",),
    "mlp.inverted_conv.conv": ("ff.conv_inverted",),
    "mlp.depth_conv.conv": ("ff.conv_depth",),
    "mlp.point_conv.conv": ("ff.conv_point",),
    "mlp.t_conv": ("ff.conv_temp",),
}
SANA: Mapping[str, tuple[str, ...]] = {
    # The first that the model has: pictures and clips, with guidance embedded or without.
    "x_embedder.proj": ("patch_embed.proj", "patch_embedding"),
    "t_embedder.mlp.0": ("time_embed.timestep_embedder.linear_1", "time_embed.emb.timestep_embedder.linear_1"),
    "t_embedder.mlp.2": ("time_embed.timestep_embedder.linear_2", "time_embed.emb.timestep_embedder.linear_2"),
    "cfg_embedder.mlp.0": ("time_embed.guidance_embedder.linear_1",),
    "cfg_embedder.mlp.2": ("time_embed.guidance_embedder.linear_2",),
    "t_block.1": ("time_embed.linear",),
    "y_embedder.y_proj.fc1": ("caption_projection.linear_1",),
    "y_embedder.y_proj.fc2": ("caption_projection.linear_2",),
    "final_layer.linear": ("proj_out",),
}
_PROJECTIONS = {"q": "to_q", "k": "to_k", "v": "to_v", "o": "to_out.0"}
_WAN_BLOCK: Mapping[str, tuple[str, ...]] = {
    **{f"self_attn.{short}": (f"attn1.{name}",) for short, name in _PROJECTIONS.items()},
    **{f"cross_attn.{short}": (f"attn2.{name}",) for short, name in _PROJECTIONS.items()},
    "cross_attn.k_img": ("attn2.add_k_proj",),
    "cross_attn.v_img": ("attn2.add_v_proj",),
    "ffn.0": ("ffn.net.0.proj",),
    "ffn.2": ("ffn.net.2",),
    # Of VACE's own blocks alone.
    "before_proj": ("proj_in",),
    "after_proj": ("proj_out",),
}
_WAN: Mapping[str, tuple[str, ...]] = {
    "time_embedding.0": ("condition_embedder.time_embedder.linear_1",),
    "time_embedding.2": ("condition_embedder.time_embedder.linear_2",),
    "text_embedding.0": ("condition_embedder.text_embedder.linear_1",),
    "text_embedding.2": ("condition_embedder.text_embedder.linear_2",),
    "time_projection.1": ("condition_embedder.time_proj",),
    "img_emb.proj.1": ("condition_embedder.image_embedder.ff.net.0.proj",),
    "img_emb.proj.3": ("condition_embedder.image_embedder.ff.net.2",),
    "head.head": ("proj_out",),
}
#: Of Wan Animate, whose layers that look at the face are no blocks to diffusers.
_FACE = re.compile(r"^face_adapter\.(?P<number>\d+)\.to_q$")
_WAN_FACE: Mapping[str, tuple[str, ...]] = {
    "linear1_q": ("to_q",),
    "linear1_kv": ("to_k", "to_v"),
    "linear2": ("to_out",),
}


class LayerNames:
    """Finds the layers that a file means. `names`: those of one transformer, as diffusers has them."""

    def __init__(self, names: Iterable[str]) -> None:
        known = {name: (name,) for name in names}
        spelt = known | dict(_of_the_authors(known))
        # Flattened ('blocks_0_self_attn_q') no two of a transformer are alike; a test looks.
        self._spelt = spelt | {name.replace(".", "_"): layers for name, layers in spelt.items()}

    def find(self, path: str) -> tuple[str, ...]:
        """The layers behind a name of a file, in the order of its rows; empty where the transformer has none."""
        while path not in self._spelt:
            prefix = next((prefix for prefix in PREFIXES if path.startswith(prefix)), None)
            if prefix is None:
                return ()
            path = path.removeprefix(prefix)
        return self._spelt[path]


def _of_the_authors(known: Mapping[str, object]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """The authors' names of those layers that the transformer has."""
    blocks = {(found["blocks"], found["number"]) for name in known if (found := _BLOCK.match(name))}
    for theirs, ours in (*SANA.items(), *_WAN.items()):
        if here := [name for name in ours if name in known]:
            yield theirs, (here[0],)
    for number in (found["number"] for name in known if (found := _FACE.match(name))):
        for theirs, ours in _WAN_FACE.items():
            names = tuple(f"face_adapter.{number}.{name}" for name in ours)
            yield f"face_adapter.fuser_blocks.{number}.{theirs}", names
    for kind, number in blocks:
        table = SANA_BLOCK if kind == "transformer_blocks" else _WAN_BLOCK
        theirs_of_kind = "vace_blocks" if kind == "vace_blocks" else "blocks"  # a model of VACE has both
        for theirs, ours in table.items():
            here = [f"{kind}.{number}.{name}" for name in ours]
            if all(name in known for name in here):
                yield f"{theirs_of_kind}.{number}.{theirs}", tuple(here)
