#!/usr/bin/env bash
# What gradio_client 2.7.2 gives of a function of gradio 6.31.0 that yields only the parts that change, seen 2026-11-29:
#
#   A function with two outputs yields {first: "a"}, {second: "b"}: Gradio's documented way to leave outputs as they are.
#   Expected of predict(): the page as it stands at the end, ("a", "b"). Seen: ({"__type__": "update"}, "b"): a marker of
#   Gradio's own stands for the part that the last yield left out, although the page shows "a" there, and no earlier
#   value is kept. outputs() has the same marker in every entry.
#
# So a page that is to be used by programs, too, yields all its parts at last (farm/gradio_ui/page.py does). The script
# installs both versions from the package registry into a folder of its own, serves a page of its own on this machine, and
# exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "gradio==6.31.0" "gradio_client==2.7.2"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import gradio as gr
from gradio_client import Client

with gr.Blocks(analytics_enabled=False) as page:
    first, second, button = gr.Textbox(), gr.Textbox(), gr.Button()

    def work():
        yield {first: "a"}
        yield {second: "b"}

    button.click(work, None, [first, second], api_name="work")

_, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, share=False)
job = Client(url, verbose=False, analytics_enabled=False).submit(api_name="/work")
found = {"result": job.result(), "outputs": job.outputs()}
page.close(verbose=False)
print("gradio", gr.__version__)
for name, seen in found.items():
    print(f"  {name}: {seen}")
left = {"__type__": "update"}
expected = {"result": (left, "b"), "outputs": [("a", left), (left, "b")]}
sys.exit(found != expected)
PYTHON
GRADIO_ANALYTICS_ENABLED=False "$folder/venv/bin/python" "$folder/probe.py"
