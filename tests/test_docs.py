"""What docs/api.md says is executed, from top to bottom."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.toolserver import ToolServer
from tests.house.until import until

TEXT = (Path(__file__).parents[1] / "docs" / "api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def ran(url: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / ".agentrt").mkdir()
    (folder / ".agentrt" / "key").write_text(KEY)
    script = "\n".join(blocks("sh")).replace("http://127.0.0.1:8700", url)
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


async def test_every_call_on_the_page_is_answered(api: Api, tmp_path: Path) -> None:
    done = await asyncio.to_thread(ran, api.url, tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("completed\n") == 2  # /v1/generate, and the turn with its results
    assert done.stdout.count("}gpt-6-astra") == 1  # the new model answered


async def test_the_function_on_the_page_is_a_tool(spare: Installation, tmp_path: Path) -> None:
    (code,) = [block for block in blocks("python") if "@tool" in block]
    (tmp_path / "my_tools.py").write_text(code)
    spare.worker(AGENTRT_TOOLS="my_tools", PYTHONPATH=str(tmp_path))
    async with opened(spare.sidecar(), KEY) as api:

        async def registered() -> list[str]:
            return [one["name"] for one in (await api("GET", "/v1/tools")).body["tools"]]

        assert await until(registered) == ["size"]


async def test_the_check_on_the_page_knows_a_signature(api: Api, tools: ToolServer) -> None:
    (code,) = [block for block in blocks("python") if "is_ours" in block]
    names: dict[str, Any] = {}
    exec(code, names)
    secret = (await api("PUT", "/v1/keys/reader", {})).body["signing_secret"]
    tools.gives("told", {})
    await api.turn(
        (await api.agent("told"))["name"],
        "hello",
        customer="reader",
        callback_url=f"http://127.0.0.1:{tools.port}/told",
    )
    await until(lambda: tools.called("told"))
    (received,) = tools.calls("told")
    header = received.headers["agentrt-signature"]
    assert names["is_ours"](header, received.raw, secret)
    assert not names["is_ours"](header, received.raw + b" ", secret)
