"""What renders: the Celery worker, the engine and the model families."""

import logging
import os

# What libraries say to their developers as they are imported would stand between what we say to people.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
for _library in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_library).setLevel(logging.ERROR)
