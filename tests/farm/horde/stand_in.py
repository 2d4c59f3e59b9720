"""A stand-in for an AI Horde: its pop, its submit and its storage, over HTTP on a port of its own.

It checks what it is sent as the Horde's published API says (version 2, as of August 2026), and answers in its form:
without a job there are no ids, but a payload of defaults all the same.
"""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

KEY = "Zq8-horde-key_0123456789"
#: What the Horde's own form fills in where a request says nothing.
DEFAULTS: Mapping[str, Any] = {
    "sampler_name": "k_euler_a",
    "cfg_scale": 7.5,
    "height": 512,
    "width": 512,
    "karras": True,
    "tiling": False,
    "hires_fix": False,
    "transparent": False,
    "image_is_control": False,
    "return_control_map": False,
    "ddim_steps": 30,
    "n_iter": 1,
}
#: Field → type, required; of PopInputStable and SubmitInputStable.
POP = {
    "name": (str, True),
    "models": (list, True),
    "bridge_agent": (str, False),
    "max_pixels": (int, False),
    "threads": (int, False),
    "amount": (int, False),
    "nsfw": (bool, False),
    "blacklist": (list, False),
    "extra_slow_worker": (bool, False),
    "require_upfront_kudos": (bool, False),
    "limit_max_steps": (bool, False),
    **{
        f"allow_{what}": (bool, False)
        for what in ("img2img", "painting", "post_processing", "controlnet", "sdxl_controlnet", "lora")
    },
}
SUBMIT = {
    "id": (str, True),
    "generation": (str, True),
    "seed": (int, True),
    "state": (str, False),
    "censored": (bool, False),
    "gen_metadata": (list, False),
}
METADATA = {"information", "censorship", "lora", "ti", "source_image", "source_mask", "batch_index"}


@dataclass
class HordeStandIn:
    """What it has to give, and what it was sent."""

    url: str = ""
    jobs: deque[dict[str, Any]] = field(default_factory=deque)
    failures: deque[tuple[int, str]] = field(default_factory=deque)  # answered first: status, and code
    pops: list[dict[str, Any]] = field(default_factory=list)
    submits: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)  # everything that came in, headers too

    def give(self, *ids: str, model: str = "Tiny Sana", links: bool = True, ttl: int = 150, **payload: Any) -> None:
        """Have a job ready; what is not given of its payload is as the Horde fills it in."""
        uploads = [f"{self.url}/r2/{each}.webp?X-Amz-Signature=0a1b2c3d" for each in ids] if links else []
        asked = {**DEFAULTS, "width": 128, "height": 128, "prompt": "a red circle", "seed": "7", **payload}
        self.jobs.append(
            {
                "id": ids[0],
                "ids": list(ids),
                "model": model,
                "payload": {**asked, "n_iter": len(ids)},
                "r2_upload": uploads[0] if uploads else None,
                "r2_uploads": uploads or None,
                "ttl": ttl,
                "skipped": {},
                "source_processing": "img2img",
                "messages": [],
            }
        )

    def state_of(self, picture_id: str) -> str | None:
        """How the bridge said that a picture ended; None: it has not yet."""
        told = self.submits.get(picture_id)
        return told["state"] if told else None

    def remarks_of(self, picture_id: str) -> str:
        """All that it said besides."""
        return "; ".join(entry.get("ref", "") for entry in self.submits[picture_id]["gen_metadata"])


def checked(body: Any, form: Mapping[str, tuple[type, bool]]) -> str | None:
    """What the Horde would say against a body."""
    for name, (kind, required) in form.items():
        if name not in body:
            if required:
                return f"{name} is missing"
        elif not isinstance(body[name], kind) or (kind is int and isinstance(body[name], bool)):
            return f"{name} is no {kind.__name__}"
    if unknown := set(body) - set(form):
        return f"unknown: {sorted(unknown)}"
    return None


def create_app(state: HordeStandIn) -> Flask:
    app = Flask(__name__)

    def refusal(status: int, code: str, words: str) -> ResponseReturnValue:
        return jsonify({"message": words, "rc": code}), status

    @app.before_request
    def _hear() -> ResponseReturnValue | None:
        state.heard.append(f"{request.url}\n{request.headers}\n{request.get_data()!r}")
        if request.path.startswith("/r2/"):
            return refusal(400, "NoKeyHere", "keys are not for the storage") if "apikey" in request.headers else None
        if request.headers.get("apikey") != KEY:
            return refusal(401, "InvalidAPIKey", f"No user matching sent API Key {request.headers.get('apikey')}.")
        if state.failures:
            return refusal(*state.failures.popleft(), "not now")
        return None

    @app.post("/v2/generate/pop")
    def _pop() -> ResponseReturnValue:
        if fault := checked(request.json, POP):
            return refusal(400, "ValidationError", fault)
        state.pops.append(request.json)
        if state.jobs:
            return jsonify(state.jobs.popleft())
        return jsonify({"id": None, "ids": [], "payload": DEFAULTS, "skipped": {"models": 3}, "messages": []})

    @app.post("/v2/generate/submit")
    def _submit() -> ResponseReturnValue:
        body = request.json
        if fault := checked(body, SUBMIT):
            return refusal(400, "ValidationError", fault)
        assert {entry["type"] for entry in body["gen_metadata"]} <= METADATA
        assert all(len(entry.get("ref", "")) <= 255 for entry in body["gen_metadata"])
        if body["id"] in state.submits:
            return refusal(400, "DuplicateGen", "was submitted already")
        state.submits[body["id"]] = body
        return jsonify({"reward": 10.0})

    @app.put("/r2/<name>")
    def _store(name: str) -> ResponseReturnValue:
        state.pictures[name.removesuffix(".webp")] = request.get_data()
        return ""

    return app


@contextmanager
def horde_stand_in() -> Iterator[HordeStandIn]:
    """Runs until it is left."""
    state = HordeStandIn()
    server = make_server("127.0.0.1", 0, create_app(state), threaded=True)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
