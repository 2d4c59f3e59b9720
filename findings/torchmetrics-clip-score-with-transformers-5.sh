#!/usr/bin/env bash
# What `torchmetrics.functional.multimodal.clip_score` of torchmetrics 1.9.0 does beside transformers 5.23.0, seen 2026-11-30:
#
#   torchmetrics asks for `transformers>=4.43.0` and no upper bound. Since version 5 `CLIPModel.get_image_features` and
#   `get_text_features` answer with an object (`pooler_output` holds the embedding) where version 4 gave the tensor; clip_score calls
#   `.norm` on what it gets, and raises AttributeError for every picture. With a model that gives the tensor, as version 4 did (the
#   control), it works, and says 100 times the cosine of CLIPModel's own forward.
#
# Expected before it was tried: the score. Way round: hand over a subclass whose two methods return `.pooler_output`, or take the cosine
# from `logits_per_image / logit_scale.exp()`. A model of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "torchmetrics==1.9.0" "transformers==5.23.0" "numpy" "pillow"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torchmetrics.functional.multimodal import clip_score
from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTextConfig, CLIPVisionConfig, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

PROMPT = "a red circle"
words = ["<pad>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
inner = Tokenizer(models.BPE(vocab={word: place for place, word in enumerate(words)}, merges=[]))
inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
inner.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>")

small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 16}
text = CLIPTextConfig(vocab_size=len(tokenizer), eos_token_id=1, pad_token_id=0, **small)
vision = CLIPVisionConfig(image_size=32, patch_size=8, **small)
config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16)
processor = CLIPProcessor(CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}), tokenizer)


class AsInVersion4(CLIPModel):
    def get_image_features(self, *given, **named):
        return super().get_image_features(*given, **named).pooler_output

    def get_text_features(self, *given, **named):
        return super().get_text_features(*given, **named).pooler_output


torch.manual_seed(0)
model = CLIPModel(config).eval()
control = AsInVersion4(config).eval()
control.load_state_dict(model.state_dict())
picture = torch.randint(0, 256, (3, 48, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))

said = ""
try:
    clip_score(picture, PROMPT, model_name_or_path=lambda: (model, processor))
except AttributeError as error:
    said = str(error)
print("transformers 5:", said or "no error")
with torch.no_grad():
    score = float(clip_score(picture, PROMPT, model_name_or_path=lambda: (control, processor)))
    out = model(**processor(text=[PROMPT], images=[picture], return_tensors="pt", padding=True))
    cosine = float(out.logits_per_image / model.logit_scale.exp())
print(f"as in version 4: {score:.4f}; 100 x the cosine of the forward: {100 * cosine:.4f}")
sys.exit("norm" not in said or abs(score - max(100 * cosine, 0)) > 1e-2)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
