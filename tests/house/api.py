"""The sidecar's HTTP API, as a caller sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp

from tests.house.processes import Process
from tests.house.until import until


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is parsed JSON, or None."""

    status: int
    body: Any
    kind: str

    @property
    def code(self) -> str:
        """Of a problem; a document that is none fails the test."""
        assert self.kind == "application/problem+json", self
        assert self.body["status"] == self.status, self
        assert self.body["type"] == f"urn:agentrt:{self.body['code']}", self
        assert self.body["title"] and self.body["detail"], self
        return self.body["code"]


class Api:
    def __init__(self, session: aiohttp.ClientSession, process: Process, key: str) -> None:
        self.session, self.process, self.url, self.key = session, process, process.url, key

    async def __call__(
        self, method: str, path: str, body: Any = None, *, data: bytes | None = None, **headers: str
    ) -> Answer:
        """`data` is sent as it is. `Idempotency_Key="k"` is a header; `Authorization=""`, none."""
        named = {"Authorization": f"Bearer {self.key}"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        named = {name: value for name, value in named.items() if value}
        given: Any = {"data": BytesIO(data)} if data is not None else {"json": body}
        url = self.url + path
        async with self.session.request(method, url, headers=named, **given) as got:
            raw = await got.read()
            return Answer(got.status, await got.json() if raw else None, got.content_type)

    async def up(self, path: str = "/health/live") -> "Api":
        """Once it answers there; a process that died instead fails the test with its last words."""

        async def answers() -> bool:
            assert self.process.child.poll() is None, self.process.said()
            try:
                return (await self("GET", path)).status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(answers, 60)  # the first start compiles the providers' SDKs
        return self

    async def agent(self, name: str, **document: Any) -> dict[str, Any]:
        document = {"instructions": "Answer.", **document}
        return self._done(await self("PUT", f"/v1/agents/{name}", document))

    async def tool(self, name: str, **contract: Any) -> dict[str, Any]:
        return self._done(await self("PUT", f"/v1/tools/{name}", contract))

    async def turn(self, agent: Any, message: str, **more: Any) -> dict[str, Any]:
        """A turn that has a run: 200 when it rests, 202 when it does not."""
        answer = await self("POST", "/v1/turns", {"agent": agent, "message": message, **more})
        assert answer.status == (202 if answer.body.get("status") == "running" else 200), answer
        return answer.body

    async def rested(self, run: str, wait_s: int = 25) -> dict[str, Any]:
        found = self._done(await self("GET", f"/v1/runs/{run}?wait_s={wait_s}"))
        assert found["status"] != "running", found
        return found

    async def events(self, run: str) -> list[dict[str, Any]]:
        return self._done(await self("GET", f"/v1/runs/{run}/events"))["events"]

    async def replay(self, run: str) -> dict[str, Any]:
        return self._done(await self("POST", f"/v1/runs/{run}/replay", {}))

    async def customer(self, name: str, *scopes: str) -> "Api":
        """The same API by a new key of this customer's."""
        document = {"scopes": scopes or ("run", "read")}
        key = self._done(await self("PUT", f"/v1/keys/{name}", document))["key"]
        return Api(self.session, self.process, key)

    def _done(self, answer: Answer) -> Any:
        assert answer.status in (200, 201), answer
        return answer.body


@asynccontextmanager
async def opened(process: Process, key: str) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield await Api(session, process, key).up()
