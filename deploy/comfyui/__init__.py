"""Nodes of ComfyUI that render on a farm. Copy or link this folder into ComfyUI's `custom_nodes`.

ComfyUI loads a folder of nodes by this file and reads the two tables below from it.
"""

from .clip_nodes import SanaVideoNode, WanAnimateNode, WanNode, WanVaceNode
from .connection import ConnectionNode
from .picture_nodes import SanaNode, SprintNode
from .setting_nodes import LoraNode, SamplerNode, SeedsNode

#: By the names that workflows hold: they never change.
NODE_CLASS_MAPPINGS = {
    "LatentFarmConnection": ConnectionNode,
    "LatentFarmSana": SanaNode,
    "LatentFarmSprint": SprintNode,
    "LatentFarmWan": WanNode,
    "LatentFarmWanAnimate": WanAnimateNode,
    "LatentFarmWanVace": WanVaceNode,
    "LatentFarmSanaVideo": SanaVideoNode,
    "LatentFarmSampler": SamplerNode,
    "LatentFarmLora": LoraNode,
    "LatentFarmSeeds": SeedsNode,
}
#: What people see.
NODE_DISPLAY_NAME_MAPPINGS = {
    "LatentFarmConnection": "Farm",
    "LatentFarmSana": "Sana (farm)",
    "LatentFarmSprint": "SANA-Sprint (farm)",
    "LatentFarmWan": "Wan (farm)",
    "LatentFarmWanAnimate": "Wan Animate (farm)",
    "LatentFarmWanVace": "Wan VACE (farm)",
    "LatentFarmSanaVideo": "SANA-Video (farm)",
    "LatentFarmSampler": "Sampler (farm)",
    "LatentFarmLora": "LoRA (farm)",
    "LatentFarmSeeds": "Seeds (farm)",
}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
