#!/usr/bin/env bash
# Whose samples a data set has that is read through webdataset's cache (webdataset 1.0.2), seen 2026-12-01:
#
#   `WebDataset(urls, cache_dir=FOLDER)`, or the variable WDS_CACHE, keeps shards that come over the network on the disk of the machine that trains.
#   A file there has the last part of the URL for a name, "00000.tar", as img2dataset and most others name shards.
#   1. A second data set, of the same names in another folder or on another server, is never fetched: training goes on with the samples of the
#      first. With both in one list, which is how data sets are mixed, the first is read twice and the second not at all, while `__url__` of
#      the samples says the second's.
#   2. A shard that was replaced is the old one for ever. (Nothing else is promised, and it is for completeness.)
#   3. Not of the cache: `ShardWriter` and `TarWriter` take keys with dots, as names with a scale or version have them, "cat_cfg1.5". Read again the
#      key ends at the first dot and the rest is part of the fields' names: "5.txt". Samples that follow each other and are the same up
#      to there become one: of three with 1.25, 1.5 and 1.75 one is left.
#   No error, no warning. Without the cache 1 is right.
#
# Expected before it was tried: files named by the whole URL, as in the caches of Hugging Face and fsspec, or an error. A folder for each data set, or
# `url_to_name=`, helps 1. Shards of our own from a server on 127.0.0.1. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "webdataset==1.0.2" "torch==2.13.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import webdataset

folder = Path(sys.argv[1])
served = folder / "served"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def write(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with webdataset.TarWriter(str(path)) as shard:
        for key, text in samples.items():
            shard.write({"__key__": key, "txt": text})


def read(urls, **settings):
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, **settings).decode())
    return [(sample["txt"], sample["__url__"].split("/")[-2]) for sample in samples]


write(served / "cats" / "00000.tar", {"0": "cat 0", "1": "cat 1"})
write(served / "dogs" / "00000.tar", {"0": "dog 0", "1": "dog 1"})
server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
threading.Thread(target=server.serve_forever, daemon=True).start()
cats, dogs = (f"http://127.0.0.1:{server.server_port}/{name}/00000.tar" for name in ("cats", "dogs"))

print(f"webdataset {version('webdataset')}; text of each sample, and the folder that its URL names")
cache, empty = str(folder / "cache"), str(folder / "empty")
Path(cache).mkdir()
Path(empty).mkdir()
plain = read([cats, dogs])
first, second, mixed = read(cats, cache_dir=cache), read(dogs, cache_dir=cache), read([cats, dogs], cache_dir=empty)
print(f"  without a cache: {plain}\n  1. cats: {first}\n     then dogs: {second}\n     both: {mixed}")
write(served / "cats" / "00000.tar", {"0": "lion 0"})
replaced = read(cats, cache_dir=cache)
print(f"  2. replaced on the server: {replaced}")

write(folder / "dots.tar", {f"cat_cfg{scale}": f"scale {scale}" for scale in (1.25, 1.5, 1.75)})
dotted = [
    {name: value for name, value in sample.items() if not name.startswith("__") or name == "__key__"}
    for sample in webdataset.WebDataset(str(folder / "dots.tar"), shardshuffle=False)
]
print(f"  3. three samples with a dot in their keys: {dotted}")

of_cats = [("cat 0", "cats"), ("cat 1", "cats")]
as_seen = plain == of_cats + [("dog 0", "dogs"), ("dog 1", "dogs")] and first == of_cats == replaced
as_seen &= second == [("cat 0", "dogs"), ("cat 1", "dogs")] and mixed == of_cats + second
as_seen &= dotted == [{"__key__": "cat_cfg1", "25.txt": b"scale 1.25", "5.txt": b"scale 1.5", "75.txt": b"scale 1.75"}]
sys.exit(not as_seen)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
