"""A process with one pipeline and no farm: what `efficiency` and `mixed_traffic` compare a worker with.

    python -m tests.benchmarks.bare_diffusers MODEL

It loads the catalog's model, then answers each line of JSON with one: {"render": [[parameters …] …]} makes these
batches, one after the other, each as the worker's own would be (pixels, output file, thumbnail), and says the seconds;
{"store": [parameters …]} makes pictures one by one, each with its output file stored in the farm's storage and nothing
else, and says the seconds of each; {"serve": {…}} plays a server that fills fixed batches (see `Serving`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from farm.storage import Storage

Parameters = dict[str, Any]


class Bare:
    """The other end of such a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Its answer, when it has done what it was asked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return cast(dict[str, Any], json.loads(self._process.stdout.readline()))


@contextmanager
def bare_process(model: str, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Bare]:
    """Started, with its model loaded. `settings`: variables of a farm in whose storage it stores."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.bare_diffusers", model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
    )
    try:
        bare = Bare(process)
        bare.ask({"render": []})
        yield bare
    finally:
        process.kill()
        process.wait()


class Pictures:
    """Calls the pipeline for Sana pictures of equal size, steps and guidance."""

    def __init__(self, model: str) -> None:
        import torch

        from farm.catalog import load_catalog
        from farm.settings import load_settings
        from workers.pipelines.load import load

        torch.set_num_threads(1)  # as the pools of this machine
        loaded = load(load_catalog(load_settings()).model(model), None, torch.device("cpu"))
        self._name = loaded.facts.model
        self._pipeline = loaded.family.pipeline
        self._is_sprint = "Sprint" in type(self._pipeline).__name__
        self._storage: Storage | None = None

    def make(
        self,
        batch: Sequence[Parameters],
        on_step: Callable[[], None] = lambda: None,
        store: Callable[[bytes], object] | None = None,
    ) -> None:
        """One batch from prompts to encoded files: outputs and thumbnails, or only outputs for `store` to take."""
        import numpy as np
        import torch

        from farm.manifest import summary_line
        from workers.outputs.embedded_metadata import EmbeddedMetadata
        from workers.outputs.encode import encode_output
        from workers.outputs.thumbnails import encode_thumbnail

        def stepped(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            on_step()
            return values

        first = batch[0]
        images = self._pipeline(
            prompt=[parameters["prompt"] for parameters in batch],
            generator=[torch.Generator("cpu").manual_seed(parameters["seed"]) for parameters in batch],
            **{name: first[name] for name in ("width", "height", "num_inference_steps", "guidance_scale")},
            use_resolution_binning=False,
            **({"intermediate_timesteps": None} if self._is_sprint and first["num_inference_steps"] != 2 else {}),
            output_type="np",
            callback_on_step_end=stepped,
        )[0]
        for parameters, image in zip(batch, images, strict=True):
            pixels = (image * 255).round().astype(np.uint8)
            metadata = EmbeddedMetadata(summary_line(parameters, self._name), {"parameters": parameters})
            output = encode_output(pixels, parameters, metadata)
            if store is None:
                encode_thumbnail(pixels, fps=None)
            else:
                store(output.data)

    def make_and_store(self, pictures: Sequence[Parameters]) -> list[float]:
        """One by one, each stored; the seconds of each."""
        from farm.settings import load_settings
        from farm.storage import Storage

        if self._storage is None:
            self._storage = Storage(load_settings())
        storage, taken = self._storage, []
        for number, parameters in enumerate(pictures):
            began = time.monotonic()
            self.make([parameters], store=lambda data, key=f"bare/{number}.png": storage.put(key, data, "image/png"))  # type: ignore[misc]
            taken.append(time.monotonic() - began)
        return taken


class Serving:
    """A server that takes up to `size` pictures and makes them from first to last step; who comes later waits.

    Urgent ones, which come at `arrivals` (seconds after the start), go before all others; the slots that they leave are
    filled with others, which are endless, and alike but for their seed. It takes what is there for `seconds`.
    """

    def __init__(self, pictures: Pictures, bulk: Parameters, urgent: Parameters, size: int) -> None:
        self._pictures, self._bulk, self._urgent, self._size = pictures, bulk, urgent, size

    def play(self, arrivals: Sequence[float], seconds: float) -> dict[str, Any]:
        """What the urgent ones waited for, until their last step, and how many steps of pictures were made."""
        waiting, started = list(arrivals), time.monotonic()
        waited: list[float] = []
        work = 0.0
        while (now := time.monotonic() - started) < seconds or waiting:
            due = [arrival for arrival in waiting if arrival <= now][: self._size]
            if now >= seconds and not due:
                break
            waiting = waiting[len(due) :]
            slots = [self._urgent] * len(due) + [self._bulk] * (self._size - len(due))
            batch = [one | {"seed": place} for place, one in enumerate(slots)]
            last = [0.0]
            self._pictures.make(batch, lambda last=last: last.__setitem__(0, time.monotonic() - started))
            waited += [last[0] - arrival for arrival in due]
            work += sum(one["num_inference_steps"] * one["width"] * one["height"] for one in batch)
        return {"waited": waited, "step_pixels_per_second": work / (time.monotonic() - started)}


def main() -> None:
    """Answer until nobody asks any more."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what is logged or printed is no answer
    pictures = Pictures(sys.argv[1])
    for line in sys.stdin:
        question = json.loads(line)
        if "serve" in question:
            asked = question["serve"]
            serving = Serving(pictures, asked["bulk"], asked["urgent"], asked["size"])
            answer = serving.play(asked["arrivals"], asked["seconds"])
        elif "store" in question:
            answer = {"seconds": pictures.make_and_store(question["store"])}
        else:
            began = time.monotonic()
            for batch in question["render"]:
                pictures.make(batch)
            answer = {"seconds": time.monotonic() - began}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
