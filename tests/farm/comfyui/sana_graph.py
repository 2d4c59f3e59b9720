"""A graph of Sana in the API format, and its translation with changed inputs."""

from functools import partial

from tests.farm.comfyui.changed_graph import Graph, read_changed

SANA: Graph = {
    "1": {"class_type": "SanaCheckpointLoader", "inputs": {"ckpt_name": "Sana_1600M_1024px_BF16.pth"}},
    "2": {"class_type": "GemmaLoader", "inputs": {"model_name": "gemma-2-2b-it", "device": "cpu"}},
    "3": {"class_type": "SanaTextEncode", "inputs": {"text": r"an owl \(big\)", "GEMMA": ["2", 0]}},
    "4": {"class_type": "SanaTextEncode", "inputs": {"text": "blurred", "GEMMA": ["2", 0]}},
    "5": {"class_type": "EmptySanaLatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1}},
    "6": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 2**64 - 1,
            "steps": 20,
            "cfg": 4.5,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
            "model": ["1", 0],
            "positive": ["3", 0],
            "negative": ["4", 0],
            "latent_image": ["5", 0],
        },
        "_meta": {"title": "the sampler"},
    },
    "7": {"class_type": "VAEDecode", "inputs": {"samples": ["6", 0], "vae": ["9", 0]}},
    "8": {"class_type": "SaveImage", "inputs": {"images": ["7", 0], "filename_prefix": "sana"}},
    "9": {"class_type": "ExtraVAELoader", "inputs": {"vae_name": "dcae.safetensors"}},
}

#: The graph with changed inputs, or whole nodes where a class is given.
read = partial(read_changed, SANA)
