"""`farm mcp` before the official client of the protocol: a language model submits, waits, looks and asks why."""

import asyncio
import base64
import io
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from tests.farm.dashboards import DashboardFarm

PROMPT = "a red circle on a blue background"
NOBODY = "018f0000-0000-7000-8000-000000000000"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("submit", {"model": "sanademo", "prompt": PROMPT}, "did you mean 'sana-demo'"),
    ("submit", {"model": "sana-demo", "prompt": PROMPT, "parameters": {"steps": 5}}, "num_inference_steps"),
    ("submit", {"model": "sana-demo", "prompt": PROMPT, "parameters": {"prompt": "x"}}, "beside parameters"),
    ("submit", {"model": "sana-demo", "prompt": PROMPT, "seed_count": 5000}, "less than or equal to 100"),
    ("wait", {"job_id": NOBODY}, "There is no job"),
    ("look", {"found_id": "last"}, "There is no"),
    ("why", {"found_id": NOBODY}, "There is no"),
]


def speak(farm: DashboardFarm, key: str, say: Callable[[Client], Awaitable[None]]) -> None:
    """What a program that runs language models does: it starts the server, and speaks to it."""
    variables = {**os.environ, "FARM_URL": farm.url, "FARM_KEY": key}
    server = StdioServerParameters(command=sys.executable, args=["-m", "farm", "mcp"], env=variables)

    async def run() -> None:
        async with Client(server) as client:
            await say(client)

    asyncio.run(run())


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def told(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


def test_a_language_model_submits_waits_looks_and_asks_why(dashboard: DashboardFarm) -> None:
    async def say(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"models", "submit", "wait", "look", "why"}
        assert all(tool.description for tool in tools.values())
        models = told(await client.call_tool("models"))["result"]
        assert {"sana-demo", "wan-demo"} <= {model["name"] for model in models if model["served"]}

        asked = {"model": "sana-demo", "prompt": PROMPT, "parameters": {"seeds": [3, 4], "num_inference_steps": 5}}
        job = told(await client.call_tool("submit", asked))
        assert (job["total"], job["ended"]) == (2, False)
        assert told(await client.call_tool("wait", {"job_id": job["job_id"], "seconds": 1}))["ended"] is False
        assert told(await client.call_tool("why", {"found_id": job["job_id"]}))["sentence"]
        nothing = await client.call_tool("look", {"found_id": job["job_id"]})
        assert "is done yet" in text_of(nothing)

        await asyncio.to_thread(dashboard.work)

        ended = told(await client.call_tool("wait", {"job_id": job["job_id"]}))
        assert (ended["status"], ended["done"]) == ("done", 2)
        seen = await client.call_tool("look", {"found_id": job["job_id"]})
        pictures = [part for part in seen.content if isinstance(part, ImageContent)]
        assert [part.mime_type for part in pictures] == ["image/jpeg"] * 2
        assert Image.open(io.BytesIO(base64.b64decode(pictures[0].data))).size == (128, 128)
        assert "seed 3" in text_of(seen)

        for name, arguments, words in REFUSED:  # the model reads what was wrong
            result = await client.call_tool(name, arguments)
            assert result.is_error, name
            assert words in text_of(result)

    speak(dashboard, dashboard.key, say)


@pytest.mark.long
def test_a_wrong_key_is_told(dashboard: DashboardFarm) -> None:
    async def say(client: Client) -> None:
        result = await client.call_tool("models")
        assert result.is_error
        assert "key" in text_of(result)

    speak(dashboard, "lf_wrong", say)
