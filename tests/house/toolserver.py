"""A tool server: answers `/<tool>/...` as the test says and keeps what it was asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ANY_OBJECT = {"type": "object"}
COMPANY = {
    "type": "object",
    "properties": {"company": {"type": "string"}},
    "required": ["company"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Received:
    tool: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class ToolServer:
    def __init__(self, port: int) -> None:
        self.port = port
        self.handlers: dict[str, Handler] = {}
        self.received: list[Received] = []
        self.gates: list[asyncio.Event] = []

    def contract(self, name: str, **changes: Any) -> dict[str, Any]:
        """A contract whose calls come here."""
        config = {"url": f"http://127.0.0.1:{self.port}/{name}", "envelope": True}
        document = {"description": f"Does {name}", "input_schema": COMPANY, "kind": "http"}
        document |= {"output_schema": ANY_OBJECT, "config": config, "side_effects": "none"}
        return {**document, **changes}

    def gives(self, tool: str, value: Any, status: int = 200) -> None:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()

        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=raw, status=status, content_type="application/json")

        self.handlers[tool] = handler

    def holds(self, tool: str, value: Any) -> asyncio.Event:
        """No answer before the event is set."""
        gate = asyncio.Event()
        self.gates.append(gate)

        async def handler(_: web.Request) -> web.Response:
            await gate.wait()
            return web.json_response(value)

        self.handlers[tool] = handler
        return gate

    def calls(self, tool: str) -> list[Received]:
        return [one for one in self.received if one.tool == tool]

    async def called(self, tool: str) -> bool:
        return bool(self.calls(tool))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        tool = request.match_info["tool"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(tool, headers, await request.read()))
        handler = self.handlers.get(tool)
        return await handler(request) if handler else web.Response(status=404)

    async def __aenter__(self) -> "ToolServer":
        app = web.Application()
        app.router.add_route("*", "/{tool:[^/]*}{rest:.*}", self.answer)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for gate in self.gates:
            gate.set()
        await self.runner.cleanup()
