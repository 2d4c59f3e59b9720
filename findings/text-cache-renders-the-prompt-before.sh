#!/usr/bin/env bash
# Whose prompt is rendered with diffusers' cache for texts (diffusers 0.42.1, torch 2.13.0), seen 2026-12-01:
#
#   `transformer.enable_cache(TextKVCacheConfig())`, "exact (lossless)", computes keys and values of a prompt once and not at every step, in
#   Nucleus-Image. It knows a prompt by the address of its embeddings in memory. That is given to another tensor as soon as the
#   first is gone, and is the same when others are written into it.
#   1. A loop of one's own around the model, as servers that batch by steps have it: request after request, each with its own embeddings. Of
#      24, 21 to 23 got the text of an earlier one, mostly the first, to the bit: a stranger's prompt in place of their own.
#   2. Embeddings that are kept in one buffer (for CUDA graphs, or swapped in place): what was in it first is rendered for ever.
#   3. The pipeline empties the cache before and after a call, and is right. A callback that changes `prompt_embeds` from step to step, one of
#      the two things that it may change, is without effect where it writes into them, and with new tensors steps may get an earlier text.
#   No error, no warning. One tensor for each prompt that is kept as long as the model is used, and nothing more, is right to the bit.
#
# Expected before it was tried: a key that goes with what is in the embeddings, or the tensor itself kept beside it, so that its address is not given
# away. `transformer._reset_stateful_cache()` at each new prompt; there is no public name for it. A tiny model of random weights. Install, CPU only;
# exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "pillow==13.0.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, NucleusMoEImagePipeline, NucleusMoEImageTransformer2DModel
from diffusers.hooks import TextKVCacheConfig

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
WORDS, STEPS, REQUESTS = 7, 6, range(1, 25)


def dice(seed):
    return torch.Generator().manual_seed(seed)


def new_transformer():
    torch.manual_seed(0)
    return NucleusMoEImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=4, joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4), moe_enabled=False, capacity_factors=[8.0, 8.0],
    ).eval()


def embeddings(seed):
    return torch.randn(1, WORDS, 16, generator=dice(seed))


latents = torch.randn(1, 16, 16, generator=dice(0))


@torch.no_grad()
def predict(transformer, prompt):
    return transformer(latents, [(1, 4, 4)], encoder_hidden_states=prompt, timestep=torch.tensor([0.5]), return_dict=False)[0]


def apart(one, other):
    return ((one - other).norm() / other.norm()).item()


def render(transformer, callback=None):
    scheduler = FlowMatchEulerDiscreteScheduler()
    pipeline = NucleusMoEImagePipeline(scheduler=scheduler, vae=None, text_encoder=None, processor=None, transformer=transformer)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompt_embeds=embeddings(1), prompt_embeds_mask=torch.ones(1, WORDS, dtype=torch.bool), guidance_scale=1, height=32, width=32,
        num_inference_steps=STEPS, generator=dice(0), output_type="latent", callback_on_step_end=callback, return_dict=False,
        callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
    )[0]  # fmt: skip


def new_tensors(pipeline, step, timestep, tensors):
    return {"prompt_embeds": embeddings(10 + step)}


def in_place_each_step(pipeline, step, timestep, tensors):
    return {"prompt_embeds": tensors["prompt_embeds"].copy_(embeddings(10 + step))}


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
plain, cached = new_transformer(), new_transformer()
cached.enable_cache(TextKVCacheConfig())
right = {request: predict(plain, embeddings(request)) for request in REQUESTS}


def rendered_by(prompts):
    """The request whose prompt was rendered, for each prompt in turn."""
    found = []
    for prompt in prompts:
        prediction = predict(cached, prompt)
        del prompt
        found.append(next((request for request in REQUESTS if torch.equal(prediction, right[request])), None))
    cached._reset_stateful_cache()
    return found


requests = list(REQUESTS)
in_turn = rendered_by(embeddings(request) for request in REQUESTS)
kept = [embeddings(request) for request in REQUESTS]
all_kept = rendered_by(kept)
buffer = embeddings(1)
in_place = rendered_by(buffer.copy_(embeddings(request)) for request in REQUESTS)
print(f"  1. prompts of requests 1 to 24 in turn: those of {in_turn}; right if all tensors are kept: {all_kept == requests}")
print(f"  2. in one buffer: {sorted(set(in_place))}")

still = render(plain)
without = apart(render(cached), still)
changes = {callback: apart(render(plain, callback), still) for callback in (in_place_each_step, new_tensors)}
off = {callback: apart(render(cached, callback), render(plain, callback)) for callback in changes}
print(f"  3. pipeline: {without:g} from that without the cache")
for callback, change in changes.items():
    print(f"     another prompt at each step, {callback.__name__}: changes it by {change:.4f}; off by {off[callback]:.4f} with the cache")
unmoved = torch.equal(render(cached, in_place_each_step), still)

as_seen = in_turn[0] == 1 and in_turn != requests and None not in in_turn and all_kept == requests
as_seen &= in_place == [1] * len(requests) and without == 0 and changes[in_place_each_step] > 0.01
sys.exit(not (as_seen and unmoved))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
