"""A CLIP model with tiny random weights in a folder, as transformers saves one, and a head that predicts ratings."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from tests.workers.tiny_tokenizer import tiny_tokenizer

EMBEDDING = 16
EDGE = 32  # pixels of the pictures that it sees
MOST_TOKENS = 77


def save_tiny_clip(folder: Path, seed: int = 0) -> Path:
    """Write the model, its picture processor and its tokenizer; the same weights for the same seed."""
    tokenizer = tiny_tokenizer(ends_with_eos=True)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=MOST_TOKENS,
        projection_dim=EMBEDDING,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=EDGE,
        patch_size=8,
        projection_dim=EMBEDDING,
    )
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=EMBEDDING))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"height": EDGE, "width": EDGE}
    CLIPImageProcessorPil(size={"shortest_edge": EDGE}, crop_size=size).save_pretrained(folder)
    return folder


def save_head(path: Path, seed: int = 0) -> torch.nn.Sequential:
    """Write the head of LAION's predictor v2, with its dropouts, under its own names; returns it."""
    torch.manual_seed(seed)
    layers = torch.nn.Sequential(
        torch.nn.Linear(EMBEDDING, 12), torch.nn.Dropout(0.2), torch.nn.Linear(12, 6), torch.nn.Linear(6, 1)
    ).eval()
    tensors = {f"layers.{name}": tensor.contiguous() for name, tensor in layers.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return layers
