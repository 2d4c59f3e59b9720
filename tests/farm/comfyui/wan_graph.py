"""A graph of Wan in the API format around the node that makes its latents."""

from collections.abc import Mapping
from typing import Any

from tests.farm.comfyui.changed_graph import Graph


def wan_graph(weights: str, latents: Mapping[str, Any], second_clip: str) -> Graph:
    """Node 3 is `latents` with what all such nodes have; 11 and 13 are the frames of two clips, 14 the second as a
    mask, and 15 is a picture.
    """
    made = {"positive": ["2", 0], "negative": ["2", 0], "batch_size": 1, **latents["inputs"]}
    return {
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": weights}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox runs"}},
        "3": {"class_type": latents["class_type"], "inputs": made},
        "4": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 7,
                "steps": 20,
                "cfg": 5.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
                "model": ["1", 0],
                "positive": ["3", 0],
                "negative": ["3", 1],
                "latent_image": ["3", 2],
            },
        },
        "5": {"class_type": "TrimVideoLatent", "inputs": {"samples": ["4", 0], "trim_amount": ["3", 3]}},
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0]}},
        "7": {"class_type": "CreateVideo", "inputs": {"images": ["6", 0], "fps": 16.0}},
        "8": {"class_type": "SaveVideo", "inputs": {"video": ["7", 0]}},
        "10": {"class_type": "LoadVideo", "inputs": {"file": "pose.mp4"}},
        "11": {"class_type": "GetVideoComponents", "inputs": {"video": ["10", 0]}},
        "12": {"class_type": "LoadVideo", "inputs": {"file": second_clip}},
        "13": {"class_type": "GetVideoComponents", "inputs": {"video": ["12", 0]}},
        "14": {"class_type": "ImageToMask", "inputs": {"image": ["13", 0], "channel": "red"}},
        "15": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}},
    }
