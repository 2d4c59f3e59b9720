"""Diffusers in a loop: no queue, no storing, the PNG in memory. A line of JSON in, one out."""

import json
import sys
import time

from tests.benchmarks.peers.apps.pipeline import Pipeline, alike, png


def main() -> None:
    """Answer until nobody asks any more; `one_by_one`: a call for each."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what is logged or printed is no answer
    pipeline = Pipeline(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        batches = [[picture] for picture in asked["render"]] if asked["one_by_one"] else alike(asked["render"])
        began = time.monotonic()
        files = {}
        for batch in batches:
            for picture, pixels in zip(batch, pipeline.render(batch), strict=True):
                files[picture["id"]] = png(pixels)
        answer: dict[str, object] = {"seconds": time.monotonic() - began}
        if asked["files"]:
            answer["files"] = {name: file.hex() for name, file in files.items()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
